"""The private APIs of libraries that the product uses, which may change without notice.

Every name with an underscore that is not the product's own is listed here with the reason for its
use, and every function is pinned by its signature: a library that changes one fails a test here
before it fails a buyer.
"""

import ast
import inspect
from pathlib import Path

import jwt as pyjwt
import pytest
from allauth.headless.internal import sessionkit
from allauth.headless.tokens.strategies.jwt import internal as jwt
from django.conf import settings
from django.contrib.admin import ModelAdmin
from django.contrib.sessions.backends import cached_db
from django.core.cache import caches
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import query as django_query
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.query import Query
from django.forms import BaseModelForm, Form
from django.forms import models as form_models
from django.forms.utils import ErrorDict
from drf_spectacular.openapi import AutoSchema
from psycopg._preparing import PrepareManager
from psycopg._queries import PostgresQuery

from accounts.models import User

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = [
    *("accounts", "queueing", "concerts", "payments", "operations", "concertbook"),
    *("benchmarks", "faults"),
]
# With an underscore, and documented all the same.
DOCUMENTED = {
    *("_meta", "_state", "_db", "_base_manager", "_default_manager"),
    # namedtuple
    *("_asdict", "_fields", "_make", "_replace"),
}
# The product's own, also where a class of it calls super().
OWN = {"_lock_rows"}
USED = {
    "_cache": "sessions: written after the database, in one order with the end of a session",
    "_changeform_view": "admin: its transaction has to hold the row's lock from the beginning",
    "_commit": "faults: a process is killed after COMMIT, which no wrapper of statements sees",
    "_errors": "admin forms: a form that is out of date is refused whole, before its fields are",
    "_get_foreign_key": "admin: the key by which an inline's rows belong to a page",
    "_get_session": "sessions: save() writes the data with must_create, as Django's own does",
    "_get_session_from_db": "sessions: load() looks twice, before and after it writes the cache",
    "_get_validation_exclusions": "a room's form checks the state, which is not among its fields",
    "_get_obj_does_not_exist_redirect": "admin: a row that is not there",
    "_jwt_global_obj": "a token from a server whose clock is ahead; allauth passes no options",
    "_map_serializer_field": "OpenAPI: what the library says of a field, to add limits to it",
    "_prepared": "statements: whether psycopg has prepared one, and under which name",
    "_registry": "admin: which model has which page; a public method names one model only",
    "_rollback": "faults: as _commit",
    "_save_m2m": "admin forms: what save() does besides save_edited()",
    "_validate_session_key": "sessions: a cookie that cannot be a key asks no store",
}
# Names of a library's that look like our own: a class of ours sets, declares or overrides them.
SET_OR_OVERRIDDEN = {
    *("_cache", "_errors", "_get_session", "_get_session_from_db", "_validate_session_key"),
}
# And without an underscore, in modules that no documentation names.
SIGNATURES = [
    (ModelAdmin._changeform_view, "(self, request, object_id, form_url, extra_context)"),
    (form_models._get_foreign_key, "(parent_model, model, fk_name=None, can_fail=False)"),
    (BaseModelForm._save_m2m, "(self)"),
    (BaseModelForm._get_validation_exclusions, "(self)"),
    (cached_db.SessionStore._validate_session_key, "(self, key)"),
    (cached_db.SessionStore._get_session, "(self, no_load=False)"),
    (cached_db.SessionStore._get_session_from_db, "(self)"),
    (AutoSchema._map_serializer_field, "(self, field, direction, bypass_extensions=False)"),
    (BaseDatabaseWrapper._commit, "(self)"),
    (BaseDatabaseWrapper._rollback, "(self)"),
    # concertbook/db/prepared.py: the SQL of a queryset, and its rows as instances
    (Query.get_compiler, "(self, using=None, connection=None, elide_empty=True)"),
    (SQLCompiler.as_sql, "(self, with_limits=True, with_col_aliases=False)"),
    (django_query.get_related_populators, "(klass_info, select, db)"),
    # concertbook/db/direct.py: a statement's text and parameters as PostgreSQL reads them
    (PostgresQuery.convert, "(self, query: 'Query', vars: 'Params | None') -> 'None'"),
    (PostgresQuery.dump, "(self, vars: 'Params | None') -> 'None'"),
    (PrepareManager.key, "(query: 'PostgresQuery') -> 'Key'"),
    # accounts/app_tokens.py, accounts/credentials.py: tokens as allauth makes and reads them
    (sessionkit.new_session, "() -> 'SessionBase'"),
    (jwt.decode_token, "(token: 'str', use: 'str') -> 'dict[str, Any] | None'"),
    (jwt.get_token_session, "(payload: 'dict[str, Any]') -> 'SessionBase | None'"),
    (jwt.session_key_from_sid, "(sid: 'str') -> 'str | None'"),
    (jwt.session_key_to_sid, "(session_key: 'str') -> 'str'"),
]


def test_every_private_name_of_a_library_is_listed():
    assert private_names() == set(USED)


@pytest.mark.parametrize(("function", "signature"), SIGNATURES)
def test_a_library_takes_what_it_took(function, signature):
    assert str(inspect.signature(function)) == signature


def test_a_form_has_its_errors_where_we_put_them():
    form = Form({})
    form._errors = ErrorDict(name=["too old"])

    assert form.errors == {"name": ["too old"]}


def test_a_session_is_in_the_cache_under_its_prefix():
    store = cached_db.SessionStore("a" * 32)

    assert store._cache is caches[settings.SESSION_CACHE_ALIAS]
    assert store.cache_key == cached_db.KEY_PREFIX + "a" * 32


def test_one_object_checks_all_tokens_and_not_when_they_were_issued():
    assert pyjwt.decode.__self__ is pyjwt.api_jwt._jwt_global_obj
    assert pyjwt.api_jwt._jwt_global_obj.options["verify_iat"] is False


def test_a_compiled_query_says_which_columns_are_its_models():
    compiler = User.objects.only("name").query.get_compiler("default")
    compiler.as_sql()

    assert compiler.klass_info["model"] is User
    columns = [compiler.select[at][0].target.attname for at in compiler.klass_info["select_fields"]]
    assert columns == ["id", "name"]


def private_names() -> set[str]:
    """The names with an underscore that the product uses and does not define itself."""
    used, own = set(), set()
    for path in (path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Attribute(value=ast.Call(func=ast.Name("super")), attr=name):
                    used.add(f"super().{name}")
                case ast.Attribute(value=ast.Name("self"), attr=name, ctx=ast.Store()):
                    own.add(name)
                case ast.Attribute(attr=name) | ast.alias(name=name):
                    used.add(name)
                case ast.FunctionDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                    own.add(name)
    own -= {name.removeprefix("super().") for name in used if name.startswith("super()")}
    own -= SET_OR_OVERRIDDEN
    names = {name.removeprefix("super().") for name in used} | SET_OR_OVERRIDDEN
    private = {name for name in names if name[0] == "_" and not name.startswith("__")}
    return private - own - OWN - DOCUMENTED
