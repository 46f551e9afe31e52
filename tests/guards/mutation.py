"""Take a guard out of a module: find its node in the syntax tree, write the module without it.

How guards.toml names a guard inside a function, class or variable of a module, and what is done:

    lock                  `rows.select_for_update()` -> `rows.all()`; from SQL, `FOR UPDATE` is
                          removed, and an advisory lock becomes a function that locks nothing
    lock Seat             that of the query which begins with `Seat`; of SQL, that function
    lock of seat          `of=` loses this table
    @login_required       the decorator does nothing
    raise StaleTicket     -> `pass`
    count_request()       -> `pass`; of several: `check(*failures)`
    filter(user=)         the call loses its keyword; of several: `Ticket.filter(user=)`
    item IsAuthenticated  the list loses the string that ends like this
    sql person.is_active  the condition on this column becomes true, the join of this table goes
    may_export() -> True  the call, or any other expression, becomes the other expression
    remove                the method or attribute goes, and what it overrides decides
    allow                 the method returns True

In a Lua script of the line:

    return stranger       the line that returns this goes
    and string.find()     this operand goes
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

SQL_LOCK = re.compile(
    r"\s*FOR (?:NO KEY )?(?:UPDATE|SHARE)\b(?: OF \w+)?(?: SKIP LOCKED| NOWAIT)?"
    r"|(?P<function>pg_(?P<answers>try_)?advisory_(?P<unlocks>un)?\w*lock\w*)\("
)
# The rest of a condition after its first name, and the rest of a join.
CONDITION, JOIN = (
    rf"(?:[^()]|\([^()]*\))*?(?=\b(?:{words}WHERE|JOIN|CROSS|LEFT|ORDER|FOR)\b|\)|\Z)"
    for words in ("AND|OR|", "")
)

Span = tuple[tuple[int, int], tuple[int, int]]


class NotFoundOnceError(Exception):
    """A guard's name fits no node, or several."""


@dataclass(frozen=True)
class Edit:
    """Replaces ``replaced`` by ``text``; ``guard`` is the part of it that is the guard itself."""

    replaced: Span
    text: str
    guard: Span

    def overlaps(self, other: "Edit") -> bool:
        return self.guard[0] < other.guard[1] and other.guard[0] < self.guard[1]


def without(source: str, where: str, what: str) -> str:
    """``source`` without this guard. Guards of the same rule are joined by " + ".

    Raises NotFoundOnceError.
    """
    for part in what.split(" + "):
        source = _apply(source, find(source, where, part))
    return source


def find(source: str, where: str, what: str) -> Edit:
    """Raises NotFoundOnceError."""
    scopes = [node for name, node in _definitions(ast.parse(source)) if name == where]
    if len(scopes) != 1:
        raise NotFoundOnceError(f"{where} is defined {len(scopes)} times")
    found = list(_matching(scopes[0], what))
    if len(found) != 1:
        raise NotFoundOnceError(f"{what!r} is found {len(found)} times in {where}")
    return found[0]


def without_in_lua(script: str, what: str) -> str:
    """Raises NotFoundOnceError."""
    keyword, _space, name = what.partition(" ")
    if keyword == "return":
        guard = rf"(?m)^ *if .* then return \{{?'{name}'.* end$"
    else:
        guard = rf" and {re.escape(name.removesuffix('()'))}\(.*?\)"
    changed, count = re.subn(guard, "", script)
    if count != 1:
        raise NotFoundOnceError(f"{what!r} is found {count} times")
    return changed


def candidates(source: str, pattern: re.Pattern[str]) -> Iterator[tuple[str, Edit]]:
    """All matches: nodes as named in guards.toml, methods, and attributes."""
    tree = ast.parse(source)
    yield from (each for each in _edits(tree) if pattern.fullmatch(each[0]))
    for name, node in _definitions(tree):
        label = ast.unparse(node) if isinstance(node, ast.Assign) else name
        if pattern.fullmatch(label):
            yield label, _edit(node, "")


def _apply(source: str, edit: Edit) -> str:
    # The syntax tree counts bytes.
    lines = source.encode().splitlines(keepends=True)
    (first, start), (last, end) = edit.replaced
    before = [*lines[: first - 1], lines[first - 1][:start]]
    after = [lines[last - 1][end:], *lines[last:]]
    return b"".join([*before, edit.text.encode(), *after]).decode()


def _definitions(scope: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.stmt]]:
    for node in ast.iter_child_nodes(scope):
        match node:
            case ast.FunctionDef(name=name):
                yield prefix + name, node
            case ast.ClassDef(name=name):
                yield prefix + name, node
                yield from _definitions(node, f"{prefix}{name}.")
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name, node


def _matching(scope: ast.stmt, what: str) -> Iterator[Edit]:
    kind, _space, name = what.partition(" ")
    old, becomes, new = what.partition(" -> ")
    if what == "remove":
        yield _edit(scope, "pass")
    elif what == "allow" and isinstance(scope, ast.FunctionDef):
        yield Edit(_span(scope.body[0]), "return True", _span(scope))
    elif becomes:
        yield from (_edit(node, f"({new})") for node in ast.walk(scope) if old in _names(node))
    elif kind == "sql":
        clause = rf"(?P<join>(?:CROSS )?JOIN (?:LATERAL )?{name}\b{JOIN})|\b{name}\b{CONDITION}"
        reworded = _reworded(scope, clause, lambda found: "" if found["join"] else "true ")
        yield from (edit for _found, edit in reworded)
    else:
        yield from (edit for label, edit in _edits(scope) if label == what)


def _edits(scope: ast.AST) -> Iterator[tuple[str, Edit]]:
    """Edits by name; nodes that may have equal neighbours have a short and a long name."""
    for node in ast.walk(scope):
        if type(node) in KINDS:
            yield from KINDS[type(node)](node)
    for found, edit in _reworded(scope, SQL_LOCK, _no_lock):
        yield from (("lock", edit), (f"lock {found['function']}", edit))


def _of_call(call: ast.Call) -> Iterator[tuple[str, Edit]]:
    if _last_name(call) == "select_for_update":
        yield from _row_locks(call)
    else:
        for keyword in call.keywords:
            edit = _edit(call, _unparse_without(call, keyword), guard=keyword)
            name = f"{_last_name(call)}({keyword.arg}=)"
            yield from ((name, edit), (f"{_first_name(call)}.{name}", edit))


def _of_statement(node: ast.Expr) -> Iterator[tuple[str, Edit]]:
    if isinstance(node.value, ast.Call):
        yield from ((name, _edit(node, "pass")) for name in _names(node.value))


def _of_function(function: ast.FunctionDef) -> Iterator[tuple[str, Edit]]:
    for each in function.decorator_list:
        yield f"@{_last_name(each)}", _edit(each, "(lambda decorated: decorated)")


def _of_list(node: ast.List) -> Iterator[tuple[str, Edit]]:
    for item in node.elts:
        if isinstance(item, ast.Constant):
            edit = _edit(node, _unparse_without(node, item), guard=item)
            yield f"item {str(item.value).rpartition('.')[2]}", edit


KINDS: dict[type[ast.AST], Callable[[Any], Iterable[tuple[str, Edit]]]] = {
    ast.Attribute: lambda node: [(f".{node.attr}", _edit(node, ""))],
    ast.Call: _of_call,
    ast.Expr: _of_statement,
    ast.FunctionDef: _of_function,
    ast.List: _of_list,
    ast.Raise: lambda node: [(f"raise {_last_name(node.exc)}", _edit(node, "pass"))],
}


def _row_locks(lock: ast.Call) -> Iterator[tuple[str, Edit]]:
    assert isinstance(lock.func, ast.Attribute)
    rows = lock.func.value
    # Only the call, not the query before it, which may have guards of its own.
    itself = (_span(rows)[1], _span(lock.func)[1])
    edit = Edit(_span(lock), f"{ast.unparse(rows)}.all()", itself)
    yield from (("lock", edit), (f"lock {_first_name(rows)}", edit))
    for keyword in lock.keywords:
        if keyword.arg == "of" and isinstance(keyword.value, ast.Tuple):
            for table in keyword.value.elts:
                fewer = _unparse_without(keyword.value, table)
                yield (
                    f"lock of {ast.literal_eval(table)}",
                    Edit(_span(keyword.value), fewer, itself),
                )


def _no_lock(found: re.Match[str]) -> str:
    if not found["function"]:
        return ""
    # A function of one integer that is true, or one that is an integer and may stand in FROM.
    return "int8ne(0, " if found["answers"] or found["unlocks"] else "abs("


def _reworded(
    scope: ast.AST, pattern: str | re.Pattern[str], word: Callable[[re.Match[str]], str]
) -> Iterator[tuple[re.Match[str], Edit]]:
    """Each match in the strings of the code, with the string without it."""
    docstrings = {node.value for node in ast.walk(scope) if isinstance(node, ast.Expr)}
    formatted = [node for node in ast.walk(scope) if isinstance(node, ast.JoinedStr)]
    parts = {part: whole for whole in formatted for part in ast.walk(whole)}
    for node in ast.walk(scope):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text, whole = node.value, parts.get(node, node)
            for found in re.finditer(pattern, text) if node not in docstrings else ():
                node.value = text[: found.start()] + word(found) + text[found.end() :]
                yield found, _edit(whole, ast.unparse(whole))
                node.value = text


def _names(node: ast.AST) -> tuple[str, ...]:
    """How an expression may be named: in full, and a call by its function."""
    if isinstance(node, ast.Call):
        return f"{_last_name(node)}()", ast.unparse(node)
    return (ast.unparse(node),) if isinstance(node, ast.expr) else ()


def _last_name(node: ast.AST | None) -> str:
    match node:
        case ast.Call(func=inner):
            return _last_name(inner)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _first_name(node: ast.AST) -> str:
    match node:
        case ast.Call(func=inner) | ast.Attribute(value=inner) | ast.Subscript(value=inner):
            return _first_name(inner)
        case ast.Name(id=name):
            return name
    return ""


def _unparse_without(node: ast.Call | ast.List | ast.Tuple, part: ast.AST) -> str:
    parts: list[Any] = node.keywords if isinstance(node, ast.Call) else node.elts
    at = parts.index(part)
    del parts[at]
    text = ast.unparse(node)
    parts.insert(at, part)
    return text


def _edit(node: ast.AST, text: str, *, guard: ast.AST | None = None) -> Edit:
    return Edit(_span(node), text, _span(guard or node))


def _span(node: ast.AST) -> Span:
    first = node
    if isinstance(node, ast.FunctionDef) and node.decorator_list:
        first = node.decorator_list[0]
    start = (first.lineno, first.col_offset - (first is not node))
    return start, (node.end_lineno, node.end_col_offset)
