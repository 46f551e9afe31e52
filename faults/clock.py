"""This process's clock, put wrong by FAULTS_CLOCK seconds."""

import datetime as dt
import os

import time_machine


def put_wrong() -> None:
    seconds = int(os.environ.get("FAULTS_CLOCK", "0"))
    if seconds:
        wrong = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
        time_machine.travel(wrong, tick=True).start()
