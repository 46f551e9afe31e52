"""Senders are killed, and the mail server misbehaves: every message arrives, in order."""

import random

import pytest
from django.db import connection

from accounts.letter import LetterKind, letter_kinds
from faults import letters
from faults.outbox import PATIENCE, environ, play_round, senders
from faults.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_message_arrives_in_order_though_its_senders_are_killed(monkeypatch):
    monkeypatch.setitem(letter_kinds(), "numbered", LetterKind(letters.numbered, "numbered"))
    with Receiver(seed=3, patience=PATIENCE) as receiver:
        for name, value in {**environ(receiver), "DATABASE_URL": url()}.items():
            monkeypatch.setenv(name, value)
        with senders() as running:
            kills, violations = play_round(
                "x", receiver, running, random.Random(3), recipients=4, messages=3
            )

    assert violations == []
    assert kills
    assert sum(receiver.behaviours.values())


def url():
    """Of this test's own database."""
    facts = connection.settings_dict
    return f"postgresql://{facts['USER']}@{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"
