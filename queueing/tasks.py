from celery import shared_task

from queueing.services import admission, index


@shared_task  # type: ignore[untyped-decorator]
def admit_waiting() -> int:
    return admission.admit_waiting()


@shared_task  # type: ignore[untyped-decorator]
def build_missing_lines() -> int:
    return index.build_missing()


@shared_task  # type: ignore[untyped-decorator]
def write_back_requests() -> int:
    return index.write_back_requests()
