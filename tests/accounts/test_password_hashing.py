"""Hashing of passwords during many log-ins."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, identify_hasher

from accounts.hashers import AT_ONCE, SerialArgon2
from accounts.models import User
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _real_passwords(settings):
    settings.PASSWORD_HASHERS = ["accounts.hashers.SerialArgon2"]


def test_no_more_passwords_are_hashed_at_once_than_the_processor_can_bear(monkeypatch):
    """The first hash waits at a gate, and no second one starts."""
    inside, threads, enter, go = [], set(), threading.Event(), threading.Event()

    def gated(*args, **kwargs):
        inside.append(1)
        threads.add(threading.current_thread())
        enter.set()
        assert go.wait(20)
        inside.pop()
        return "argon2$"

    monkeypatch.setattr(Argon2PasswordHasher, "encode", gated)
    with ThreadPoolExecutor(4) as pool:
        hashes = [pool.submit(SerialArgon2().encode, "a", "salt" * 4) for _ in range(4)]
        assert enter.wait(20)
        assert len(inside) == AT_ONCE
        go.set()
        assert len([each.result() for each in hashes]) == 4
        # glibc keeps 19 MiB for each thread that ever hashed.
        assert len(threads) == AT_ONCE


def test_a_hash_of_djangos_own_cost_is_good_and_is_written_anew_at_log_in(client):
    buyer = User.objects.create_user("buyer@example.com", PASSWORD, name="Buyer")
    former = Argon2PasswordHasher().encode(PASSWORD, "salt" * 4)
    User.objects.filter(pk=buyer.pk).update(password=former)

    answer = client.post(
        "/api/v1/auth/login/",
        {"email": buyer.email, "password": PASSWORD},
        content_type="application/json",
    )

    assert answer.status_code == 200
    buyer.refresh_from_db()
    assert buyer.password != former
    assert check_password(PASSWORD, buyer.password)
    assert not identify_hasher(buyer.password).must_update(buyer.password)
    token = answer.json()["access"]
    me = client.get("/api/v1/me/", headers={"authorization": f"Bearer {token}"})
    assert me.status_code == 200
