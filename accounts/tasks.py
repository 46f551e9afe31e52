from celery import shared_task

from accounts import services


@shared_task
def settle_pending_charges() -> int:
    return services.settle_pending_charges()
