from celery import shared_task

from payments.services import releases, schedule_cancellation


@shared_task  # type: ignore[untyped-decorator]
def release_expired_holds() -> int:
    return releases.release_expired_holds()


@shared_task  # type: ignore[untyped-decorator]
def refund_cancelled_schedules() -> int:
    return schedule_cancellation.refund_cancelled_schedules()
