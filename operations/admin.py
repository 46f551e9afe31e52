"""The staff's own pages of the admin; each module registers what it adds."""

from operations import export_admin, settlement_admin

__all__ = ["export_admin", "settlement_admin"]
