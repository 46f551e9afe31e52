from celery import shared_task

from queueing.services import admission, index_build, last_requests
from queueing.services.draw import DRAWING_TAKES_AT_MOST


# Drawing lots among a million takes longer than other tasks may; a draw cut off begins anew.
@shared_task(time_limit=DRAWING_TAKES_AT_MOST.total_seconds())  # type: ignore[untyped-decorator]
def admit_waiting() -> int:
    return admission.admit_waiting()


@shared_task  # type: ignore[untyped-decorator]
def build_missing_lines() -> int:
    return index_build.build_missing()


@shared_task  # type: ignore[untyped-decorator]
def write_back_requests() -> int:
    return last_requests.write_back_requests()
