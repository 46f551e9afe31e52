from celery import shared_task

from payments.services import holds


@shared_task  # type: ignore[untyped-decorator]
def release_expired_holds() -> int:
    return holds.release_expired_holds()
