"""Log filters: one line without a traceback for a refused request."""

import logging


class OneLineForRefusals(logging.Filter):
    """Django logs requests that it refuses itself (wrong Host, suspicious cookie) as errors with a
    traceback. A client may send thousands of these: log a warning of one line instead.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "django.security" or record.name.startswith("django.security."):
            record.exc_info = record.exc_text = record.stack_info = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg, record.args = " ".join(record.getMessage().splitlines())[:500], ()
        return True
