from celery import shared_task

from queueing import services


@shared_task  # type: ignore[untyped-decorator]
def admit_waiting() -> int:
    return services.admit_waiting()
