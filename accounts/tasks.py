import datetime as dt

from celery import shared_task
from django.conf import settings

from accounts.services import (
    account_deletion,
    charges,
    data_copies,
    ended_sessions,
    idempotency,
    outbox,
    owed_money,
)


@shared_task  # type: ignore[untyped-decorator]
def settle_pending_charges() -> int:
    return charges.settle_pending_charges()


@shared_task  # type: ignore[untyped-decorator]
def forget_old_answers() -> int:
    return idempotency.forget_old_answers()


@shared_task  # type: ignore[untyped-decorator]
def forget_ended_sessions() -> int:
    return ended_sessions.forget_ended_sessions()


@shared_task  # type: ignore[untyped-decorator]
def send_due_messages() -> int:
    return outbox.send_due()


@shared_task  # type: ignore[untyped-decorator]
def delete_old_messages() -> int:
    return outbox.delete_old(kept=dt.timedelta(days=settings.MESSAGE_DAYS))


@shared_task  # type: ignore[untyped-decorator]
def write_data_copies() -> int:
    return data_copies.write_due_copies()


@shared_task  # type: ignore[untyped-decorator]
def erase_due_accounts() -> int:
    return account_deletion.erase_due_accounts()


@shared_task  # type: ignore[untyped-decorator]
def tell_owed_money() -> int:
    return owed_money.tell_owed_money()


@shared_task  # type: ignore[untyped-decorator]
def forget_personal_data() -> int:
    return data_copies.delete_old_copies() + account_deletion.forget_kept_identities()
