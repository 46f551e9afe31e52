"""The frame of the console: who gets in, and the admin's layout around its pages."""

import pytest
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.urls import reverse

from operations.console.page import console_page
from tests.factories import ScheduleFactory, StaffFactory, UserFactory, staff

pytestmark = pytest.mark.django_db


@console_page(permission="queueing.change_waitingroom", title="Board")
def board(request):
    raise AssertionError("A visitor without the permission must not get here.")


def test_the_front_page_of_the_admin_is_today(client):
    client.force_login(StaffFactory())

    page = client.get("/admin/", headers={"accept-language": "ko"})

    assert reverse("console:today") == reverse("admin:index") == "/admin/"
    assert page.templates[0].name == "operations/console/today.html"
    assert f'action="{reverse("console:find")}"' in page.content.decode()
    assert "<title> 오늘 | concertbook" in " ".join(page.content.decode().split())


def test_a_visitor_is_sent_to_the_log_in_and_a_buyer_refused(client):
    assert client.get("/admin/").status_code == 302
    client.force_login(UserFactory())
    assert client.get("/admin/", follow=True).status_code == 403


def test_a_page_needs_its_permission(rf):
    request = rf.get("/admin/")
    request.user = StaffFactory()

    with pytest.raises(PermissionDenied):
        board(request)


def test_the_navigation_and_the_front_page_show_what_the_reader_may_see(client):
    client.force_login(staff("Door"))
    door = client.get("/admin/").content.decode()
    client.force_login(staff("Programme"))
    programme = client.get("/admin/").content.decode()

    watch = f'href="{reverse("console:board")}"'
    assert watch not in door
    assert watch in programme
    # The sales in won are not for those who may not see payments.
    room = ScheduleFactory(seats=1).concert.waiting_room
    cache.clear()
    assert 'data-figure="won"' not in client.get("/admin/").content.decode()
    client.force_login(staff("Door"))
    assert room.title not in client.get("/admin/").content.decode()
