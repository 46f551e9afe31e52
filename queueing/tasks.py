from celery import shared_task

from queueing.services import admission
from queueing.services.draw import DRAWING_TAKES_AT_MOST


# Drawing lots among a million takes longer than other tasks may; a draw cut off begins anew.
@shared_task(time_limit=DRAWING_TAKES_AT_MOST.total_seconds())  # type: ignore[untyped-decorator]
def admit_waiting() -> int:
    return admission.admit_waiting()
