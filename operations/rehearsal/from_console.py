"""A rehearsal that the console started: the command, with its progress for the page to show."""

from collections.abc import Mapping
from io import TextIOBase

from django.conf import settings
from django.core.management import CommandError, call_command

from accounts.models import User
from operations.services import rehearsal_log

# After so many seconds the buyers are sent home: the task is ended soon after.
DEADLINE_SECONDS = 300


class ProgressStream(TextIOBase):
    """Keeps what is printed, and tells each line as the progress."""

    def __init__(self) -> None:
        self.printed: list[str] = []

    def write(self, text: str) -> int:
        self.printed.append(text)
        if line := text.strip():
            rehearsal_log.tell_progress(line.splitlines()[0])
        return len(text)


def play(*, actor_id: str, figures: Mapping[str, int]) -> None:
    """Play the rehearsal to its end, and log what came of it."""
    out = ProgressStream()
    options = [f"--{name}={value}" for name, value in figures.items()]
    wrongs = []
    try:
        call_command(
            "rehearse",
            *options,
            f"--url={settings.REHEARSAL_URL}",
            f"--deadline={DEADLINE_SECONDS}",
            stdout=out,
            no_color=True,
        )
    except CommandError as wrong:
        wrongs.append(str(wrong))
    except Exception as wrong:
        wrongs.append(f"{type(wrong).__name__}: {wrong}")
        raise
    finally:
        actor = User.objects.filter(pk=actor_id).first()
        rehearsal_log.end(actor=actor, wrongs=wrongs, report="".join(out.printed))
