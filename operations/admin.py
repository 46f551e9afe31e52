"""The staff's pages of the admin; each imported module registers its own."""

from operations import export_admin, report_mail_admin, role_admin, settlement_admin

__all__ = ["export_admin", "report_mail_admin", "role_admin", "settlement_admin"]
