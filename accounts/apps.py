import jwt
from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from concertbook.db import search  # noqa: F401  (registers its lookup)

        # A server whose clock is behind must accept a token that another one has just signed. So
        # ``iat`` is not checked (RFC 7519, 4.1.6 does not require it), only ``exp``.
        jwt.api_jwt._jwt_global_obj.options["verify_iat"] = False
