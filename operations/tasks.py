from celery import shared_task

from operations.services import exports


@shared_task  # type: ignore[untyped-decorator]
def write_exports() -> int:
    return exports.write_slice()


@shared_task  # type: ignore[untyped-decorator]
def delete_old_exports() -> int:
    return exports.delete_old_exports()
