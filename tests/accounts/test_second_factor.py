"""The second factor of the staff, and the question that is asked again before money moves."""

import time
from functools import partial

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts.models import Activity, Passkey, SecondFactor
from accounts.second_factor import CONFIRMED_AT, GAVE_FACTOR
from accounts.services import second_factor
from accounts.services.second_factor import PERIOD, check_code, code_at, new_secret, set_up
from operations.settlement_admin import PeriodForm
from tests.concurrency.threads import Meeting, race
from tests.factories import PASSWORD, ScheduleFactory, StaffFactory, UserFactory, bought, staff

pytestmark = pytest.mark.django_db

CONFIRM = reverse("account_confirm")
ADMIN = "/admin/"
PASSKEYS = "/admin/passkeys/"
ENGLISH = {"accept-language": "en"}


@pytest.fixture(autouse=True)
def _asked(settings, _staff_is_not_asked):
    settings.STAFF_SECOND_FACTOR = True
    settings.CONFIRM_SECONDS = 600


def gave_factor(client, seconds_ago=None):
    session = client.session
    session[GAVE_FACTOR] = True
    if seconds_ago is not None:
        session[CONFIRMED_AT] = int(time.time()) - seconds_ago
    session.save()


def now():
    return int(time.time()) // PERIOD


def with_app(user):
    """The user's secret, and recovery codes; the codes from now on are unused."""
    secret = new_secret()
    return secret, set_up(user=user, secret=secret, code=code_at(secret, now() - 1))


def test_the_codes_are_those_of_the_standard():
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert [code_at(secret, at // 30) for at in (59, 1_111_111_109, 20_000_000_000)] == [
        "287082",
        "081804",
        "353130",
    ]


def test_the_admin_opens_for_staff_with_a_code_of_their_app_only(client):
    user = staff("Owner")
    secret, _codes = with_app(user)
    client.force_login(user)
    asked = client.get(ADMIN)
    assert asked["Location"] == f"{CONFIRM}?next=%2Fadmin%2F"
    assert client.post("/admin/concerts/concert/add/").status_code == 302
    htmx = client.get("/admin/board/", headers={"HX-Request": "true"})
    assert CONFIRM in htmx["HX-Redirect"]
    assert "not valid" in client.post(CONFIRM, {"code": "123"}, headers=ENGLISH).content.decode()
    assert client.get(ADMIN).status_code == 302

    answer = client.post(asked["Location"], {"code": code_at(secret, now())})

    assert answer["Location"] == ADMIN
    assert client.get(ADMIN).status_code == 200


def test_staff_without_a_second_factor_set_it_up_once(client):
    user = StaffFactory()
    client.force_login(user)
    page = client.get(CONFIRM)
    secret = page.context["secret"].replace(" ", "")
    assert "<svg" in page.content.decode()
    assert client.get(CONFIRM).context["secret"].replace(" ", "") == secret
    assert not client.post(CONFIRM, {"code": "000000"}).context.get("codes")

    done = client.post(CONFIRM, {"code": code_at(secret, now())})

    codes = done.context["codes"]
    assert len(codes) == 10
    assert client.get(ADMIN).status_code == 200
    factor = SecondFactor.objects.get(user=user)
    stored = bytes(factor.secret).decode() + str(factor.recovery_codes)
    assert not any(each in stored for each in (secret, *codes))
    assert Activity.objects.get().act == "second_factor.set_up"


def test_a_code_is_accepted_once_and_a_recovery_code_too():
    user = StaffFactory()
    secret, codes = with_app(user)
    for code in (code_at(secret, now()), codes[0].upper()):
        check_code(user=user, code=code)
        with pytest.raises(second_factor.WrongCode):
            check_code(user=user, code=code)


def test_a_code_of_another_member_is_not_accepted():
    mine, other, without = StaffFactory.create_batch(3)
    apps = {mine: with_app(mine), other: with_app(other)}
    for user, whose in ((mine, other), (other, mine)):
        secret, codes = apps[whose]
        for code in (code_at(secret, now()), codes[0]):
            with pytest.raises(second_factor.WrongCode):
                check_code(user=user, code=code)
    assert not second_factor.has_second_factor(user=without)


@pytest.mark.django_db(transaction=True)
def test_a_code_sent_twice_at_the_same_moment_is_accepted_once():
    user = StaffFactory()
    secret, _codes = with_app(user)
    again = partial(check_code, user=user, code=code_at(secret, now()))
    results = race(again, again, meeting=Meeting('FROM "accounts_secondfactor"'))
    assert sorted(type(each).__name__ for each in results) == ["NoneType", "WrongCode"]


def test_an_app_checks_in_tickets_by_a_token_that_was_issued_for_a_code_only(client, app):
    user = staff("Door")
    secret, _codes = with_app(user)
    scan = {"code": "x", "schedule": str(ScheduleFactory().pk)}

    def answer(**code):
        given = {"email": user.email, "password": PASSWORD, **code}
        logged_in = client.post("/api/v1/auth/login/", given, content_type="application/json")
        if logged_in.status_code != 200:
            return logged_in.json()["code"]
        phone = app()
        phone.credentials(HTTP_AUTHORIZATION=f"Bearer {logged_in.json()['access']}")
        return phone.post("/api/v1/check-ins/", scan, format="json").json()["code"]

    assert answer() == "second_factor_needed"
    assert answer(code="000000") == "wrong_code"
    assert answer(code=code_at(secret, now())) == "not_found"
    client.force_login(user)
    browser = client.post("/api/v1/check-ins/", scan, content_type="application/json")
    assert browser.json()["code"] == "second_factor_needed"


@pytest.mark.parametrize("has_app", [False, True])
@pytest.mark.parametrize("asks", [False, True])
def test_a_guesser_of_passwords_or_codes_is_slowed_down(client, settings, has_app, asks):
    settings.STAFF_SECOND_FACTOR = asks
    user = StaffFactory()
    if has_app:
        with_app(user)
    client.force_login(user)
    statuses = [client.post(CONFIRM, {"code": "000000"}).status_code for _ in range(12)]
    assert statuses[0] == 200
    assert statuses[-1] == 429


@pytest.mark.parametrize("answer", ["", "x", "5", "[]", "{}", '{"id": "AA", "response": {}}'])
def test_an_answer_that_is_no_passkey_opens_nothing(client, settings, answer):
    user = StaffFactory()
    with_app(user)
    client.force_login(user)
    for _with_state in range(2):
        assert client.post(CONFIRM, {"passkey": answer}).status_code == 302
        client.get(CONFIRM)
    assert client.get(ADMIN).status_code == 302
    gave_factor(client, seconds_ago=1)
    client.get(PASSKEYS)
    page = client.post(PASSKEYS, {"name": "Phone", "passkey": answer})
    assert page.status_code == 200
    assert not Passkey.objects.exists()


def test_a_member_removes_their_own_passkeys_only(client):
    member, other = StaffFactory.create_batch(2)
    mine, others = (
        Passkey.objects.create(user=each, name="Phone", credential=b"") for each in (member, other)
    )
    client.force_login(member)
    gave_factor(client, seconds_ago=601)
    assert client.post(PASSKEYS, {"remove": mine.pk})["Location"].startswith(CONFIRM)
    gave_factor(client, seconds_ago=1)
    for key in (others.pk, mine.pk, mine.pk, "x", "9" * 30):
        assert client.post(PASSKEYS, {"remove": key}).status_code == 302
    assert list(Passkey.objects.all()) == [others]
    assert Activity.objects.get().old == {"passkey": "Phone"}


def test_a_buyer_has_no_second_factor(client):
    client.force_login(UserFactory())
    assert client.get(CONFIRM).status_code == 403
    assert client.get("/balance/").status_code == 200


def cancelling(client, schedule):
    form = {"_form_submitted": "True", "reason": "태풍", "cause": "force_majeure"}
    page = reverse("admin:concerts_concertschedule_cancel", args=[schedule.pk])
    return client.post(page, form, headers={"HX-Request": "true"})


@pytest.mark.parametrize("asks", [False, True])
def test_money_moves_only_after_the_member_of_the_staff_proved_who_they_are(client, settings, asks):
    settings.STAFF_SECOND_FACTOR = asks
    user, schedule = staff("Duty manager"), ScheduleFactory()
    secret, _codes = with_app(user)
    client.force_login(user)
    gave_factor(client, seconds_ago=601)

    assert CONFIRM in cancelling(client, schedule)["HX-Redirect"]
    schedule.refresh_from_db()
    assert schedule.cancelled_at is None

    client.post(CONFIRM, {"code": code_at(secret, now()) if asks else PASSWORD})
    cancelling(client, schedule)
    schedule.refresh_from_db()
    assert schedule.cancelled_at is not None


def test_a_download_of_the_settlement_is_asked_for_again(client, monkeypatch):
    client.force_login(staff("Finance"))
    gave_factor(client)
    query = {"first": "2026-01-01", "last": "2026-01-02"}
    address = reverse("admin:payments_payment_settlement", query=query)
    monkeypatch.setattr(PeriodForm, "is_valid", lambda _form: True)
    answer = client.get(address + "&format=csv")
    assert answer["Location"].startswith(CONFIRM)


@pytest.mark.parametrize(("act", "asked"), [("refund", True), ("deactivate", False)])
def test_a_refund_by_the_staff_is_asked_for_again(client, act, asked):
    buyer = UserFactory(won=10_000)
    ticket = bought(buyer, ScheduleFactory(), 1).tickets[0]
    client.force_login(staff("Owner"))
    gave_factor(client)
    page = reverse("console:person_act", args=[buyer.pk, act], query={"row": ticket.pk})
    assert (CONFIRM in client.get(page).get("Location", "")) is asked
    if asked:
        client.post(page, {"reason": "Sick"})
        ticket.refresh_from_db()
        assert ticket.status == "ISSUED"


def test_the_owner_resets_the_second_factor_of_a_lost_phone(client):
    lost, other = StaffFactory.create_batch(2)
    for user in (lost, other):
        with_app(user)
    owner = staff("Owner")
    chosen = {"action": "reset_second_factor", "_selected_action": [str(lost.pk)]}
    client.force_login(owner)
    gave_factor(client)
    client.post(reverse("admin:accounts_user_changelist"), chosen)
    assert [each.user for each in SecondFactor.objects.all()] == [other]
    assert Activity.objects.get(act="second_factor.reset").actor == owner


def test_who_does_not_manage_staff_resets_no_second_factor(client):
    editor = StaffFactory()
    editor.user_permissions.set(Permission.objects.filter(codename="change_user"))
    with_app(editor)
    client.force_login(editor)
    gave_factor(client)
    chosen = {"action": "reset_second_factor", "_selected_action": [str(editor.pk)]}
    client.post(reverse("admin:accounts_user_changelist"), chosen)
    assert SecondFactor.objects.filter(user=editor).exists()
