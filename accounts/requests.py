"""The user of an authenticated request, typed as our User."""

from django.http import HttpRequest
from rest_framework.request import Request

from accounts.models import User


class MemberRequest(HttpRequest):
    """A request that passed login_required."""

    user: User


def current_user(request: Request) -> User:
    """The user of an authenticated request."""
    assert isinstance(request.user, User)
    return request.user
