"""A copy of all that is kept about a user: a ZIP archive with JSON, and the same to read.

1. The user asks for it with the password (request_copy).
2. A sweep writes it (write_due_copies): one copy of a user with many orders takes a while.
3. Only the user can download it, for settings.DATA_COPY_DAYS; then it is deleted.
"""

import datetime as dt
import io
import json
import logging
import uuid
import zipfile
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation

from accounts.errors import WrongPassword
from accounts.models import DataCopy, User
from accounts.personal_data import parts
from accounts.rate_limits import DATA_COPIES
from accounts.services.outbox import new_message, queue
from concertbook.db.clock import database_now
from concertbook.errors import NotFound
from concertbook.http.languages import active_language
from concertbook.http.rate_limit import take

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/zip"
FILE_NAME = "concertbook-data.zip"
MOST_FAILURES = 3
MOST_IN_A_ROUND = 5


def request_copy(*, user: User, password: str) -> None:
    """Queue a copy in the active language; none while one is queued.

    Raises TooManyRequests, WrongPassword.
    """
    take(DATA_COPIES.of(user.pk))
    if not user.check_password(password):
        raise WrongPassword
    # The unique constraint allows one that is queued.
    copy = DataCopy(user=user, language=active_language())
    DataCopy.objects.bulk_create([copy], ignore_conflicts=True)


def list_copies(*, user: User) -> list[DataCopy]:
    """The user's copies without their files, the newest first."""
    return list(_kept(user).order_by("-created_at").defer("file"))


def read_copy(*, user: User, copy_id: uuid.UUID) -> bytes:
    """The file. Raises NotFound, also for another user's, and after its time."""
    copy = _kept(user).filter(pk=copy_id, state=DataCopy.State.DONE).first()
    if copy is None or copy.file is None:
        raise NotFound
    return bytes(copy.file)


def _kept(user: User) -> Any:
    return DataCopy.objects.filter(user=user, created_at__gt=database_now() - kept_for())


def kept_for() -> dt.timedelta:
    return dt.timedelta(days=settings.DATA_COPY_DAYS)


def delete_old_copies() -> int:
    deleted, _by_model = DataCopy.objects.filter(
        created_at__lte=database_now() - kept_for()
    ).delete()
    return deleted


def write_due_copies() -> int:
    """Write the copies that are queued; returns how many. Each in a transaction of its own, which
    skips those that another worker writes."""
    written = 0
    while written < MOST_IN_A_ROUND and _write_one():
        written += 1
    return written


def _write_one() -> bool:
    with transaction.atomic(durable=True):
        queued = DataCopy.objects.filter(state=DataCopy.State.QUEUED).order_by("created_at")
        locked = queued.select_for_update(skip_locked=True, of=("self",)).select_related("user")
        copy = locked.first()
        if copy is None:
            return False
        try:
            with transaction.atomic():
                copy.file = pack(copy)
        except Exception:
            # After any error: the copies behind this one must not wait for it forever.
            logger.exception("The copy %s failed", copy.pk)
            copy.failures += 1
            if copy.failures < MOST_FAILURES:
                copy.save(update_fields=["failures"])
                return False
        copy.state = DataCopy.State.DONE if copy.file else DataCopy.State.FAILED
        copy.finished_at = database_now()
        copy.save(update_fields=["file", "state", "failures", "finished_at"])
        if copy.file:
            queue([new_message(kind="data_copy_ready", user=copy.user, language=copy.language)])
    return True


def pack(copy: DataCopy) -> bytes:
    """The archive: data.json and data.html."""
    tables = {
        section.name: (section.title, list(section.rows(copy.user)))
        for part in parts()
        for section in part.sections
    }
    data = {name: rows for name, (_title, rows) in tables.items()}
    with translation.override(copy.language or "ko"):
        page = render_to_string("account/data_file.html", {"tables": tables.values()})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        text = json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)
        archive.writestr("data.json", text)
        archive.writestr("data.html", page)
    return packed.getvalue()
