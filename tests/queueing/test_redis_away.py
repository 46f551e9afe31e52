"""Without Redis requests are slower, but served."""

import pytest

from tests.factories import PASSWORD, ScheduleFactory, UserFactory, held

pytestmark = pytest.mark.django_db


@pytest.mark.usefixtures("_no_redis")
def test_people_can_sign_up_log_in_and_buy_while_redis_is_away(app):
    client = app()
    fields = {"email": "buyer@example.com", "password": "a long enough one", "name": "팬"}
    assert client.post("/api/v1/auth/signup/", fields, format="json").status_code == 201
    user = UserFactory(won=10_000)
    logged_in = client.post(
        "/api/v1/auth/login/", {"email": user.email, "password": PASSWORD}, format="json"
    )
    assert logged_in.status_code == 200, logged_in.content
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {logged_in.json()['access']}")
    (reservation,) = held(user, ScheduleFactory(price=10_000))

    paid = client.post(
        "/api/v1/payments/",
        {"reservations": [str(reservation.pk)]},
        format="json",
        headers={"Idempotency-Key": "k"},
    )

    assert paid.status_code == 201, paid.content
