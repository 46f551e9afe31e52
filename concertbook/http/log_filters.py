"""What the log says of a request that was refused: one line, and no traceback."""

import logging


class OneLineForRefusals(logging.Filter):
    """Django logs what it refuses itself (a wrong Host, a suspicious cookie) as an error with a
    traceback. A client may send thousands of these: a warning of one line tells as much.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "django.security" or record.name.startswith("django.security."):
            record.exc_info = record.exc_text = record.stack_info = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg, record.args = " ".join(record.getMessage().splitlines())[:500], ()
        return True
