"""Load templates flat: one list of nodes for a page, in which all that never changes is text.

A page of ours is a dozen templates: it extends the layout, which has blocks, which have links and
translations. Django puts them together anew for each visitor. Here it is done when a template is
loaded, once for each language:

1. ``extends`` and ``include`` are followed, and what they name takes its place.
2. What depends on the language alone (translations, links, file names) is rendered to text.
3. Texts that follow each other become one.

Templates outside of templates/, those of the admin and those that use ``block.super`` stay as they
are. With DEBUG, a template's errors are shown in its source: all stay as they are.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.template import Context, Engine, Node, NodeList, Template
from django.template.base import FilterExpression, TextNode, Variable, VariableNode
from django.template.defaulttags import (
    CommentNode,
    CsrfTokenNode,
    ForNode,
    IfNode,
    LoadNode,
    SpacelessNode,
    URLNode,
    WithNode,
)
from django.template.library import SimpleNode
from django.template.loader_tags import BlockNode, ExtendsNode, IncludeNode
from django.template.loaders import base, cached
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.templatetags.static import StaticNode
from django.urls import NoReverseMatch
from django.utils.translation import get_language

OURS = f"{settings.BASE_DIR / 'templates'}/"
ADMIN = f"{OURS}admin/"


class Flattening(base.Loader):
    def get_template(self, template_name: str, skip: Any = None) -> Template:
        template = super().get_template(template_name, skip)
        if not self.engine.debug and _is_ours(template):
            flatten(template)
        return template


class Loader(cached.Loader, Flattening):
    """Keeps the flat templates, those of each language apart."""

    def cache_key(self, template_name: str, skip: Any = None) -> str:
        return f"{get_language()}:{super().cache_key(template_name, skip)}"


def _is_ours(template: Template) -> bool:
    name = str(template.origin.name)
    return name.startswith(OURS) and not name.startswith(ADMIN)


def flatten(template: Template) -> None:
    """Make the template flat, in the active language. Before any other thread has it."""
    family = list(_family(template))
    if all(map(_is_ours, family)) and not any("block.super" in each.source for each in family):
        blocks: dict[str, BlockNode] = {}
        for each in family:
            found: Any = each.nodelist.get_nodes_by_type(BlockNode)
            blocks = {node.name: node for node in found} | blocks
        filled = blocks if len(family) > 1 else {}
        template.nodelist = Flat(template.engine, filled).nodes(family[-1].nodelist)


def _family(template: Template) -> Iterator[Template]:
    """The template and those that it extends, as far as their names are fixed."""
    yield template
    parents = (node for node in template.nodelist if isinstance(node, ExtendsNode))
    name: Any = next((parent.parent_name for parent in parents), None)
    if name is not None and _is_fixed(name):
        yield from _family(_parsed(template.engine, name.resolve(Context())))


def _parsed(engine: Engine, name: str) -> Template:
    """The template, parsed once more: its nodes become another's."""
    found, _origin = engine.find_template(name)
    return Template(found.source, found.origin, found.name, engine)


class Flat:
    """``blocks`` are those that take the places of the layout's, by their names."""

    def __init__(self, engine: Engine, blocks: dict[str, BlockNode]) -> None:
        self.engine = engine
        self.blocks = blocks
        # The included templates that are being flattened.
        self.open: list[str] = []

    def nodes(self, nodes: Iterable[Node]) -> NodeList:
        flat = NodeList()
        for node in self._replaced(nodes):
            if isinstance(node, TextNode) and flat and isinstance(flat[-1], TextNode):
                flat[-1] = TextNode(flat[-1].s + node.s)
            else:
                flat.append(node)
        return flat

    def _replaced(self, nodes: Iterable[Node]) -> Iterator[Node]:
        for node in nodes:
            if isinstance(node, BlockNode) and node.name in self.blocks:
                yield from _in_scope(self.nodes(self.blocks[node.name].nodelist))
            elif isinstance(node, IncludeNode) and self._is_followed(node):
                yield from self._included(node)
            elif (text := _text_of(node)) is not None:
                yield TextNode(text)
            else:
                self._flatten_within(node)
                yield node

    def _is_followed(self, node: IncludeNode) -> bool:
        return (
            _is_fixed(node.template)
            and not node.isolated_context
            # One that includes itself stops by a condition of its own.
            and node.template.resolve(Context()) not in self.open
        )

    def _included(self, node: IncludeNode) -> Iterable[Node]:
        name = node.template.resolve(Context())
        self.open.append(name)
        nodes = self.nodes(_parsed(self.engine, name).nodelist)
        self.open.pop()
        if node.extra_context and not all(isinstance(each, TextNode) for each in nodes):
            return [WithNode(None, None, nodes, node.extra_context)]
        return _in_scope(nodes)

    def _flatten_within(self, node: Node) -> None:
        if isinstance(node, IfNode):
            node.conditions_nodelists = [
                (condition, self.nodes(nodes)) for condition, nodes in node.conditions_nodelists
            ]
            return
        for name in node.child_nodelists:
            nodes = getattr(node, name, None)
            if isinstance(nodes, NodeList):
                setattr(node, name, self.nodes(nodes))


def _in_scope(nodes: NodeList) -> Iterable[Node]:
    """The nodes of a part, for the place where it is: a name that they set does not leave it."""
    return nodes if all(map(_sets_no_name, nodes)) else [Scope(nodes)]


class Scope(Node):
    def __init__(self, nodelist: NodeList) -> None:
        self.nodelist = nodelist

    def render(self, context: Context) -> str:
        with context.push():
            return self.nodelist.render(context)


def _sets_no_name(node: Node) -> bool:
    match node:
        case TextNode() | VariableNode() | CsrfTokenNode() | Scope():
            return True
        # They have a scope of their own.
        case ForNode() | WithNode() | IncludeNode():
            return True
        case IfNode():
            return all(
                _sets_no_name(each)
                for _condition, nodes in node.conditions_nodelists
                for each in nodes
            )
        case SpacelessNode():
            return all(map(_sets_no_name, node.nodelist))
        case SimpleNode():
            return node.target_var is None
        case TranslateNode() | BlockTranslateNode() | URLNode():
            return node.asvar is None
        case StaticNode():
            return node.varname is None
    return False


def _text_of(node: Node) -> str | None:
    """What the node renders to for every visitor with this language; None if that differs."""
    match node:
        case TextNode():
            return node.s
        case LoadNode() | CommentNode():
            return ""
        case TranslateNode(asvar=None):
            is_fixed = _is_fixed(node.filter_expression) and (
                node.message_context is None or _is_fixed(node.message_context)
            )
        case StaticNode(varname=None):
            is_fixed = _is_fixed(node.path)
        case URLNode(asvar=None):
            # A name with a namespace depends on the present page's.
            view = node.view_name
            is_fixed = not (node.args or node.kwargs) and _is_fixed(view) and ":" not in view.var
        case _:
            return None
    if not is_fixed:
        return None
    try:
        return str(node.render(Context()))
    except NoReverseMatch:
        # Not an address of this machine; perhaps the place is never shown.
        return None


def _is_fixed(expression: FilterExpression) -> bool:
    """Whether it is a text, without filters."""
    var = expression.var
    is_text = isinstance(var, str) or (isinstance(var, Variable) and isinstance(var.literal, str))
    return is_text and not expression.filters
