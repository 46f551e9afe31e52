"""A process that sends messages, and another one as soon as it is killed.

    python -m faults.sender

Prints the process id of each. Leases and waits last seconds, not minutes.
"""

import datetime as dt
import os
import sys
import time
from typing import NoReturn

import django

# Longer than a round and its last mail, as in production.
LEASE = dt.timedelta(seconds=5)
ROUND_SECONDS = 2.0
FIRST_DELAY, LONGEST_DELAY = 0.2, 1.0
PAUSE = 0.02


def main() -> NoReturn:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faults.settings")
    django.setup()
    while True:
        child = os.fork()
        if not child:
            send()
        print(child, flush=True)
        os.waitpid(child, 0)


def send() -> NoReturn:
    from accounts.services import outbox

    outbox.LEASE, outbox.BATCH, outbox.MOST_ATTEMPTS = LEASE, 10, 1_000_000
    outbox.FIRST_DELAY, outbox.LONGEST_DELAY = FIRST_DELAY, LONGEST_DELAY
    parent = os.getppid()
    while os.getppid() == parent:
        outbox.send_due(seconds=ROUND_SECONDS)
        time.sleep(PAUSE)
    sys.exit()


if __name__ == "__main__":
    main()
