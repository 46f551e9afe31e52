from celery import shared_task

from queueing import services


@shared_task
def admit_waiting() -> int:
    return services.admit_waiting()
