"""Devices, the copies of one's data, and the end of the account, by an app."""

import io
import json
import zipfile

import pytest

from accounts.models import User, UserSession
from accounts.services.data_copies import write_due_copies
from tests.factories import PASSWORD, UserFactory, balance_of

pytestmark = pytest.mark.django_db(transaction=True)

DEVICES, COPIES, DELETION = (
    f"/api/v1/me/{name}/" for name in ("devices", "data-copies", "deletion")
)


@pytest.fixture
def user():
    return UserFactory()


def log_in(app, user):
    """A client that is logged in by its own session, and the answer."""
    client = app()
    named = {"email": user.email, "password": PASSWORD}
    answer = client.post("/api/v1/auth/login/", named, format="json").json()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer['access']}")
    return client, answer


def test_an_app_lists_the_devices_and_knows_itself(app, user, client):
    phone, _answer = log_in(app, user)
    log_in(app, UserFactory())
    client.force_login(user)

    listed = phone.get(DEVICES).json()["devices"]

    assert [each["client"] for each in listed if each["is_this"]] == ["app"]
    assert len(listed) == 2
    for key in UserSession.objects.values_list("pk", flat=True):
        assert key not in json.dumps(listed), "a session's key is a secret"
    own = [each["is_this"] for each in client.get(DEVICES).json()["devices"]]
    assert sorted(own) == [False, True], "a browser's session on the API knows itself, too"


def test_an_app_ends_one_device_and_all_others(app, user):
    phone, _answer = log_in(app, user)
    tablets = [log_in(app, user)[0] for _each in range(3)]
    stranger, _answer = log_in(app, UserFactory())
    (other, *_more) = [each for each in phone.get(DEVICES).json()["devices"] if not each["is_this"]]

    assert stranger.delete(f"{DEVICES}{other['id']}/").status_code == 404
    assert phone.delete(f"{DEVICES}{other['id']}/").status_code == 204
    assert phone.delete(f"{DEVICES}{other['id']}/").status_code == 404
    assert sorted(each.get(DEVICES).status_code for each in tablets) == [200, 200, 401]
    assert phone.post(f"{DEVICES}end-others/").status_code == 204
    assert {each.get(DEVICES).status_code for each in tablets} == {401}
    assert [each["is_this"] for each in phone.get(DEVICES).json()["devices"]] == [True]
    assert stranger.get(DEVICES).status_code == 200


def test_an_app_gets_a_copy_of_the_data(app, user):
    phone = app(user)
    wrong = phone.post(COPIES, {"password": "wrong"}, format="json")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_password")

    asked = phone.post(COPIES, {"password": PASSWORD}, format="json")
    (copy,) = asked.json()["copies"]
    file = f"{COPIES}{copy['id']}/data.zip"
    assert (asked.status_code, copy["state"]) == (202, "QUEUED")
    assert phone.get(file).status_code == 404
    write_due_copies()

    (copy,) = phone.get(COPIES).json()["copies"]
    assert copy["state"] == "DONE"
    packed = phone.get(file, headers={"Accept": "application/zip"})
    assert packed["Content-Type"] == "application/zip"
    assert "data.json" in zipfile.ZipFile(io.BytesIO(packed.content)).namelist()
    assert app(UserFactory()).get(file).status_code == 404


def test_an_app_asks_for_the_end_of_the_account_and_a_log_in_undoes_it(app):
    user = UserFactory(won=500)
    phone, answer = log_in(app, user)
    assert answer["deletion_undone"] is False
    terms = phone.get(DELETION).json()
    assert (terms["obstacles"], terms["balance"]) == ([], 500)

    refused = phone.post(DELETION, {"password": PASSWORD}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "account_in_use")
    assert [each["code"] for each in refused.json()["obstacles"]] == ["balance"]
    wrong = phone.post(DELETION, {"password": "wrong", "give_up": 500}, format="json")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_password")
    asked = phone.post(DELETION, {"password": PASSWORD, "give_up": 500}, format="json")
    closes_at = User.objects.get().closes_at
    assert (asked.status_code, asked.json()["closes_at"][:19]) == (
        202,
        closes_at.isoformat()[:19],
    )
    assert phone.get(DELETION).status_code == 401, "all devices are logged out"

    _phone, answer = log_in(app, user)

    assert answer["deletion_undone"] is True
    assert User.objects.get().closes_at is None
    assert balance_of(user) == 500


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        (DELETION, {}),
        (DELETION, {"password": PASSWORD, "give_up": "all"}),
        (DELETION, {"password": PASSWORD, "give_up": -1}),
        (COPIES, {"password": ""}),
        (COPIES, {"password": "x" * 129}),
    ],
)
def test_bad_input_is_a_problem_that_names_the_field(app, user, address, sent):
    answer = app(user).post(address, sent, format="json")

    assert answer.status_code == 400
    assert answer.json()["errors"]
    assert User.objects.get().closes_at is None


def test_passwords_cannot_be_tried_without_end(app, user):
    phone = app(user)
    for address in (DELETION, COPIES):
        tried = [phone.post(address, {"password": "x"}, format="json") for _each in range(6)]
        assert [each.status_code for each in tried] == [403] * 5 + [429]
        assert tried[-1]["Retry-After"]
