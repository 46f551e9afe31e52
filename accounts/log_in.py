"""Log-in by e-mail and password, for pages, API and admin. Attempts are counted by their outcome.

Only failures count against the strict limits, and an attempt is known to have failed only after its
password was hashed. So an attempt is

1. refused without hashing if one of its failure limits is used up;
2. hashed;
3. checked again: a wrong password counts in each failure limit, a correct one only checks them.

Step 3 makes the limits exact. Of any number of concurrent attempts, as many as the limit are told
that the password is wrong; all others, correct ones too, are told only that there were too many.
Nothing is reserved in between: many log-ins from one address use up no limit.

Limits of failures, from narrow to wide: an account at an address; an account with a device token;
an account from all addresses, waived for an address or a device that logged in to it before; an
address for all accounts, waived for a device that logged in to this account before.
"""

from django.contrib.auth import authenticate as check_password
from django.http import HttpRequest, HttpResponse

from accounts.clients import CLIENT, read_client
from accounts.devices import account_key, device_logged_in, read_device, set_cookie, set_used
from accounts.errors import TooManyLogIns
from accounts.models import User
from accounts.rate_limits import (
    FAILED_LOG_INS,
    FAILED_LOG_INS_PER_ACCOUNT,
    FAILED_LOG_INS_PER_ADDRESS,
    log_ins_of,
)
from accounts.services.account_deletion import undo_deletion
from accounts.services.new_device import tell_new_device
from concertbook.errors import TooManyRequests
from concertbook.http.client_address import client_network
from concertbook.http.rate_limit import Counter, check, forget, give_back, remember, take

# For how long an address that logged in to an account is remembered for it.
KNOWN_SECONDS = 90 * 24 * 3600


def authenticate(request: HttpRequest, *, email: str, password: str) -> User | None:
    """The active user with this e-mail address and password, None if there is none.

    Undoes a deletion that the user asked for (services/account_deletion.py). Raises TooManyLogIns.
    """
    try:
        user = _authenticate(request, email, password)
    except TooManyRequests as refusal:
        raise TooManyLogIns(retry_after=refusal.retry_after) from None
    if user is None:
        return None
    if user.closes_at is not None:
        if not undo_deletion(user=user):
            return None
        request.keeps_account = True  # type: ignore[attr-defined]
    remember_log_in(request, email)
    device = read_device(request)
    if device is None or not device.knows(email):
        tell_new_device(user=user, client=read_client(request))
    return user


def _authenticate(request: HttpRequest, email: str, password: str) -> User | None:
    failures = _failure_counters(request, email)
    take(log_ins_of(client_network(request.META)), unless=failures)
    user = check_password(request, email=email, password=password)
    if not isinstance(user, User):
        take(*failures)
        return None
    check(*failures)
    return user


def remember_log_in(request: HttpRequest, email: str) -> None:
    """Remember this address for the account after a log-in or a sign-up."""
    account, address = account_key(email), client_network(request.META)
    remember(_known(account, address), seconds=KNOWN_SECONDS)
    give_back(FAILED_LOG_INS_PER_ADDRESS.of(address), once_for=account)


def remember_device(request: HttpRequest, response: HttpResponse, email: str) -> None:
    """As remember_log_in; set the cookie with the device's token, and note the client in the new
    session."""
    remember_log_in(request, email)
    set_cookie(response, device_logged_in(request, email))
    request.session[CLIENT] = read_client(request).packed()
    set_used(response)


def forget_failures(request: HttpRequest, email: str) -> None:
    """Reset the failures of the account at this address: its owner has just set a new password."""
    forget(FAILED_LOG_INS.of(account_key(email), client_network(request.META)))
    remember_log_in(request, email)


def _failure_counters(request: HttpRequest, email: str) -> list[Counter]:
    account, address = account_key(email), client_network(request.META)
    device = read_device(request)
    counters = [FAILED_LOG_INS.of(account, address)]
    if device and device.knows(email):
        return [*counters, FAILED_LOG_INS.of(account, "device", device.id)]
    return [
        *counters,
        FAILED_LOG_INS_PER_ACCOUNT.of(account, waived_by=_known(account, address)),
        FAILED_LOG_INS_PER_ADDRESS.of(address),
    ]


def _known(account: str, address: str) -> str:
    return f"rate:known:{account}:{address}"
