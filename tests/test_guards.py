"""No guard without a test that notices when it is gone (see tests/guards).

Those of the database are taken away right here, each in a transaction of its own. Those of the
code take a run of pytest each: `make guards`.
"""

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, connection

from tests.guards import code, database

pytestmark = pytest.mark.django_db

FAILURES = AssertionError, DatabaseError, ObjectDoesNotExist, pytest.fail.Exception


def test_every_guard_of_the_database_is_attacked():
    assert {name for name, _table, _kind in database.guards()} == set(database.NOTICED_BY)


@pytest.mark.parametrize("name", sorted(database.NOTICED_BY))
def test_without_a_guard_of_the_database_its_test_fails(name):
    _what, test = database.NOTICED_BY[name]
    database.drop(name)

    with pytest.raises(FAILURES):
        test()
    # What got through is as wrong as it was meant to be; it goes with the transaction.
    connection.needs_rollback = True


@pytest.mark.parametrize("guard", code.GUARDS, ids=lambda guard: guard.name)
def test_every_guard_of_the_code_stands_where_it_is_said_to(guard):
    assert guard.path.read_text().count(guard.text) == 1
    assert guard.without != guard.text
    assert guard.tests


def test_nothing_that_looks_like_a_guard_is_missing():
    assert [where for path in code.sources() for where in code.unguarded(path)] == []
