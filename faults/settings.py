"""The project's settings, but for what would make a round last for minutes."""

from concertbook.settings import *  # noqa: F403
from concertbook.settings import DATABASES, EMAIL_TIMEOUT, GIVEN_UP_PER_HOUR, MESSAGE_MODULES, env

# Holds run out within a round, and a payment may just be too late.
HOLD_SECONDS = env.int("FAULTS_HOLD_SECONDS", 3)
PAYMENT_SECONDS = 1
# A buyer who sends each request 50 times joins more than 200 times in ten seconds where joins are
# fast, and a refusal of a join is a violation.
JOINS_PER_USER = POLLS_PER_USER = 1_000_000
GIVEN_UP_PER_HOUR = env.int("FAULTS_GIVEN_UP_PER_HOUR", GIVEN_UP_PER_HOUR)

if connections := env.int("FAULTS_POOL", 0):
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": connections,
        "max_size": connections,
        "timeout": 3,
    }

MESSAGE_MODULES = [*MESSAGE_MODULES, "faults.letters"]
EMAIL_TIMEOUT = env.float("FAULTS_EMAIL_TIMEOUT", EMAIL_TIMEOUT)
