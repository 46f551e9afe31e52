from celery import shared_task

from accounts.services import charges, ended_sessions, idempotency, mail


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
def send_due_mail() -> int:
    return mail.send_due_mail()
