"""Two accounts confirm an address at the same moment."""

import pytest

from accounts.email_links import Kind, Link
from accounts.errors import LinkUsed
from accounts.models import User
from accounts.services.email_proof import prove_email
from tests.concurrency.threads import Meeting, race
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_accounts_that_prove_each_others_address_at_once_do_not_deadlock():
    one, other = (UserFactory(email=f"{name}@example.com", email_verified_at=None) for name in "ab")

    def proving(user, email):
        link = Link(Kind.CHANGE, email, User.objects.get(pk=user.pk))
        return lambda: prove_email(link=link, origin="http://testserver")

    answers = race(
        proving(one, other.email),
        proving(other, one.email),
        meeting=Meeting('UPDATE "accounts_user"'),
    )

    assert {type(answer) for answer in answers} == {User, LinkUsed}, answers
    (winner,) = (answer for answer in answers if isinstance(answer, User))
    loser = other if winner == one else one
    assert User.objects.get(pk=winner.pk).email == loser.email
    assert User.objects.get(pk=loser.pk).email is None
