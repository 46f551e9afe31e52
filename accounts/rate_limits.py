"""The limits on signing up, logging in, and other requests with a password or an e-mail.

The limits per address are wide, as thousands of phones share a carrier's address; wrong passwords
are limited per account.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest

from accounts.email_addresses import fold_email
from concertbook.http.client_address import client_network
from concertbook.http.rate_limit import Counter, Limit, take

# Wrong passwords for one account from one address, or with one device token, in five minutes.
FAILED_LOG_INS = Limit("log_in_failed", 5, 300)
# For one account from all addresses, by clients that never logged in to it. Wide, so that a
# stranger's wrong passwords do not keep the account's owner out.
FAILED_LOG_INS_PER_ACCOUNT = Limit("log_in_failed_account", 100, 600)
# From one address, for all accounts. Each account that logs in from the address raises it by one:
# of a thousand people who log in at the same time, more than thirty mistype.
FAILED_LOG_INS_PER_ADDRESS = Limit("log_in_failed_address", 30, 60)

RESETS_PER_ACCOUNT = Limit("password_reset", 5, 60)
RESETS_PER_ADDRESS = Limit("password_reset_address", 60, 60)
PASSWORD_CHANGES = Limit("password_change", 5, 60)
# Requests of one user, with the account's password.
EMAIL_CHANGES = Limit("email_change", 10, 60)
SECOND_FACTORS = Limit("second_factor", 10, 300)
DELETIONS = Limit("account_deletion", 5, 60)
DATA_COPIES = Limit("data_copy", 5, 3600)
# Attempts to enter the account's password after following a link.
PROOFS_PER_ACCOUNT = Limit("prove_email", 5, 300)
# Mails of one kind to one mailbox: strangers can request most of them.
MAILS_OF_A_KIND = Limit("mail", 5, 3600)


def count_sign_up(request: HttpRequest) -> None:
    """Raises TooManyRequests."""
    take(_per_address("sign_up", settings.SIGN_UPS_PER_ADDRESS).of(client_network(request.META)))


def log_ins_of(address: str) -> Counter:
    """The limit on all attempts to log in from one address, successful or not."""
    return _per_address("log_in", settings.LOG_INS_PER_ADDRESS).of(address)


def _per_address(name: str, amount: int) -> Limit:
    return Limit(name, amount, 60)


def _count_reset(request: HttpRequest) -> None:
    take(
        RESETS_PER_ACCOUNT.of(fold_email(request.POST.get("email", ""))),
        RESETS_PER_ADDRESS.of(client_network(request.META)),
    )


def _count_reset_by_key(request: HttpRequest) -> None:
    take(RESETS_PER_ADDRESS.of("key", client_network(request.META)))


def _per_user(limit: Limit) -> Callable[[HttpRequest], None]:
    def count(request: HttpRequest) -> None:
        if request.user.is_authenticated:
            take(limit.of(request.user.pk))

    return count


# The limits that the middleware applies to forms, by URL name. The log-in is not among them:
# accounts.log_in counts it by outcome, for pages and API.
FORMS: dict[str, Callable[[HttpRequest], None]] = {
    "account_signup": count_sign_up,
    "account_reset_password": _count_reset,
    "account_reset_password_from_key": _count_reset_by_key,
    "account_change_password": _per_user(PASSWORD_CHANGES),
    "account_prove_email": _count_reset_by_key,
    "account_claim_email": _count_reset_by_key,
}
