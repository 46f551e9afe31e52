from celery import shared_task

from operations.rehearsal import from_console
from operations.services import exports, report_mails


@shared_task  # type: ignore[untyped-decorator]
def write_exports() -> int:
    return exports.write_slice()


@shared_task  # type: ignore[untyped-decorator]
def delete_old_exports() -> int:
    return exports.delete_old_exports()


@shared_task  # type: ignore[untyped-decorator]
def queue_due_reports() -> int:
    return report_mails.queue_due()


# Not again after a crash of the worker: its buyers would come twice.
@shared_task(time_limit=600, acks_late=False)  # type: ignore[untyped-decorator]
def rehearse(actor_id: str, figures: dict[str, int]) -> None:
    from_console.play(actor_id=actor_id, figures=figures)
