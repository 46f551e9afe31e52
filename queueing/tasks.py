from celery import shared_task

from queueing.services import admission


@shared_task  # type: ignore[untyped-decorator]
def admit_waiting() -> int:
    return admission.admit_waiting()
