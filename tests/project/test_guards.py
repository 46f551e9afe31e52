"""Every guard has a test that fails without it (see tests/guards).

The guards of the database are dropped here, each in a transaction of its own. Those of the code
need a run of pytest each: `make guards`.
"""

import ast
import re

import pytest
import redis
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, connection

from queueing.line.scripts import compose
from tests.guards import code, database, mutation

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
    # The attack succeeded; its rows are rolled back with the transaction.
    connection.needs_rollback = True


@pytest.mark.parametrize("guard", code.GUARDS, ids=str)
def test_every_guard_of_the_code_is_found_by_its_name(guard):
    source = (code.ROOT / guard.file).read_text()
    without = guard.without(source)

    assert without != source
    if guard.is_lua:
        redis.Redis.from_url(settings.REDIS_URL).script_load(compose(without).text)
    else:
        compile(without, guard.file, "exec")
    assert guard.node_ids()


def test_nothing_that_looks_like_a_guard_is_missing():
    assert [where for path in code.sources() for where in code.unguarded(path)] == []


ROOM = '''
@login_required
@require_POST
def leave(request):
    """Takes FOR UPDATE of the place."""
    mine = Token.objects.select_for_update(no_key=True).filter(user=request.user, pk=1)
    if not mine.may_leave(now()):
        raise NotAdmitted  # 자리
    count(mine)
    run(f"{HEAD} WHERE room.open AND asks.name = f(1) FOR NO KEY UPDATE")
    run("SELECT pg_try_advisory_xact_lock(1) FROM a JOIN b ON b.x = a.x AND b.y WHERE a.z")

class Admin:
    permission_classes = (Staff,)
    items = ["one.First", "two.Second"]

    @action(permissions=["change"])
    def has_change_permission(self, request):
        return False
'''


@pytest.mark.parametrize(
    ("where", "what", "before", "after"),
    [
        ("leave", "lock Token", ".select_for_update(no_key=True)", ".all()"),
        ("leave", "lock pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock(", "int8ne(0, "),
        ("leave", "@login_required", "login_required", "lambda decorated: decorated"),
        ("leave", "raise NotAdmitted", "raise NotAdmitted", "pass"),
        ("leave", "count()", "count(mine)", "pass"),
        ("leave", "filter(user=)", "user=request.user, ", ""),
        ("leave", "may_leave() -> True", "mine.may_leave(now())", "True"),
        ("leave", "sql room.open", "room.open", "true"),
        ("leave", "sql asks.name", "asks.name = f(1)", "true"),
        ("leave", "sql b", "JOIN b ON b.x = a.x AND b.y ", ""),
        ("Admin.items", "item First", "'one.First', ", ""),
        ("Admin.permission_classes", "remove", "permission_classes = (Staff,)", "pass"),
        ("Admin.has_change_permission", "action(permissions=)", "permissions=['change']", ""),
        ("Admin.has_change_permission", "allow", "return False", "return True"),
    ],
)
def test_removing_a_guard_keeps_the_other_code(where, what, before, after):
    without = ast.unparse(ast.parse(mutation.without(ROOM, where, what)))

    assert without == ast.unparse(ast.parse(ROOM)).replace(before, after)
    assert without != ast.unparse(ast.parse(ROOM))


@pytest.mark.parametrize(
    ("where", "what", "reason"),
    [
        ("enter", "lock", "enter is defined 0 times"),
        ("leave", "raise SeatTaken", "'raise SeatTaken' is found 0 times in leave"),
        ("leave", "lock", "'lock' is found 3 times in leave"),
    ],
)
def test_a_name_that_does_not_fit_exactly_one_node_is_refused(where, what, reason):
    with pytest.raises(mutation.NotFoundOnceError, match=re.escape(reason)):
        mutation.without(ROOM, where, what)


def test_a_guard_whose_test_is_gone_is_refused():
    with pytest.raises(mutation.NotFoundOnceError, match="test_gone is found 0 times"):
        code.Guard("concerts/models.py", "leave", "lock", ("test_gone",)).node_ids()


def test_each_lock_permission_and_owner_is_seen_as_a_guard():
    labels = {label for label, _edit in mutation.candidates(ROOM, code.LOOKS_LIKE_A_GUARD)}

    assert labels == {
        *("lock", "@login_required", "filter(user=)", "action(permissions=)"),
        *("permission_classes = (Staff,)", "Admin.has_change_permission"),
    }
