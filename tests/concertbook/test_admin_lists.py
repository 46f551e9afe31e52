"""The admin's lists of tables with millions of rows: they count nothing and search by indexes."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import localtime

from accounts.base_admin import FoundByUser
from accounts.models import Charge
from concertbook.admin import paging
from concertbook.admin.pages import registered_admins
from tests.concertbook.test_admin_pages import page, play_a_sale
from tests.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db

LARGE = [each for each in registered_admins() if isinstance(each, FoundByUser) and each.user_paths]
# The session, the user with permissions, the rehearsal filter and the rows: what a list adds to
# its own row's relations. None grows with the table.
MOST_STATEMENTS = 14


@pytest.fixture
def operator(client):
    client.force_login(StaffFactory(is_superuser=True))
    return client


def test_no_list_counts_rows_or_searches_parts_of_texts(operator):
    play_a_sale()
    for each in LARGE:
        for query in ("", "?q=buyer", "?q=12345678"):
            with CaptureQueriesContext(connection) as asked:
                answer = operator.get(page(each.model, "changelist") + query)
            assert answer.status_code == 200
            statements = [one["sql"] for one in asked]
            counting = [sql for sql in statements if "COUNT(" in sql or "strpos" in sql.lower()]
            assert counting == [], each
            assert len(statements) <= MOST_STATEMENTS, (each, len(statements))
            assert not each.date_hierarchy


def test_a_list_leads_to_the_next_page_and_ends(operator, monkeypatch):
    monkeypatch.setattr(paging, "LAST_PAGE", 2)
    user = UserFactory()
    Charge.objects.bulk_create([Charge(user=user, amount=1_000) for _each in range(101)])
    address = page(Charge, "changelist")

    first = operator.get(address, headers={"accept-language": "en"}).content.decode()
    assert "1 to 50" in first
    assert 'rel="next" href="?p=2"' in first
    second = operator.get(address + "?p=2", headers={"accept-language": "en"}).content.decode()
    assert "51 to 100" in second
    assert "A list ends here." in second
    for beyond in ("?p=3", "?p=0", "?p=-1"):
        assert operator.get(address + beyond).status_code == 302


def test_a_search_finds_the_rows_of_a_person_and_of_an_id(operator):
    mine = Charge.objects.create(user=UserFactory(email="minji@example.com"), amount=1_000)
    Charge.objects.create(user=UserFactory(email="other@example.com"), amount=1_000)
    for text in ("minji@", "MINJI@example.com", str(mine.pk), str(mine.pk)[:8]):
        found = operator.get(page(Charge, "changelist"), {"q": text}).context["cl"].result_list
        assert [each.pk for each in found] == [mine.pk]
    assert not operator.get(page(Charge, "changelist"), {"q": "inji"}).context["cl"].result_list


def test_times_are_shown_to_the_second_and_the_address_beside_the_name(operator):
    charge = Charge.objects.create(user=UserFactory(name="김민지"), amount=1_000)
    shown = operator.get(page(Charge, "changelist")).content.decode()
    charge.refresh_from_db()
    assert f"{localtime(charge.created_at):%Y-%m-%d %H:%M:%S}" in shown
    assert "김민지<br>" in shown
    assert charge.user.email in shown
