from celery import shared_task

from payments.services import move_news, releases, schedule_cancellation, ticket_offers


@shared_task  # type: ignore[untyped-decorator]
def release_expired_holds() -> int:
    return releases.release_expired_holds()


@shared_task  # type: ignore[untyped-decorator]
def refund_cancelled_schedules() -> int:
    return schedule_cancellation.refund_cancelled_schedules()


@shared_task  # type: ignore[untyped-decorator]
def end_offers() -> int:
    return ticket_offers.end_offers()


@shared_task  # type: ignore[untyped-decorator]
def tell_of_moves() -> int:
    return move_news.tell_of_moves()
