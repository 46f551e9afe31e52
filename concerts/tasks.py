from celery import shared_task

from concerts.services import reminders, stock


@shared_task  # type: ignore[untyped-decorator]
def tell_rooms_seats_left() -> int:
    return stock.tell_rooms_seats_left()


@shared_task  # type: ignore[untyped-decorator]
def queue_due_reminders() -> int:
    return reminders.queue_due_reminders()
