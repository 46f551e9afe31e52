"""Sends what is queued, once it is told to start; says how many that were, and its CPU seconds."""

import os
import sys
import time

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concertbook.settings")
    django.setup()
    from accounts.services.outbox import send_due

    for _line in sys.stdin:
        began = time.process_time()
        print(send_due(seconds=600), time.process_time() - began, flush=True)


if __name__ == "__main__":
    main()
