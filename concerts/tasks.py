from celery import shared_task

from concerts.services import stock


@shared_task  # type: ignore[untyped-decorator]
def tell_rooms_seats_left() -> int:
    return stock.tell_rooms_seats_left()
