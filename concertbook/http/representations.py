"""One definition of each answer, for the API, the fast path and the OpenAPI document.

A representation is a serializer of REST framework that is written, never read: drf-spectacular
describes it, and ``represent`` turns a service's result into what is sent. A model's is a
Representation and a ``serializers.ModelSerializer``.

REST framework's own ``to_representation`` asks each field in turn: 103 us for a place in line;
a function written by hand takes 0.9. So that function is made of the fields, once, and a field's
source is a path of attributes: methods of the serializer, mappings and attributes that must be
called are not supported.
"""

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any, TypeVar

from rest_framework import serializers

from concertbook.db.clock import utc

Result = TypeVar("Result")
Convert = Callable[[Any], Any]


# No docstring: drf-spectacular would describe every answer with it.
class Representation(serializers.Serializer[Result]):
    @classmethod
    def represent(cls, result: Result) -> dict[str, Any]:
        """The answer in types of JSON: ids are strings, times are UTC."""
        return _compile(cls)(result)

    @classmethod
    def of(cls, **values: Any) -> dict[str, Any]:
        """The answer with these values, where no one result of a service has them all."""
        return _compile(cls)(SimpleNamespace(**values))

    def to_representation(self, instance: Result) -> dict[str, Any]:
        """Used by REST framework for the pages of a list."""
        return self.represent(instance)


@cache
def _compile(representation: type[Representation[Any]]) -> Callable[[Any], dict[str, Any]]:
    """The function that one would write by hand: ``lambda result: {"price": result.price, ...}``.

    It is compiled from source, as a namedtuple's and a dataclass's methods are: reading the
    sources with attrgetter instead makes a hold's answer 10 % slower. Raises TypeError for a field
    that could be sent otherwise than as documented.
    """
    conversions: dict[str, Convert] = {}
    items = []
    for name, field in representation().fields.items():
        value = f"result.{_source(field)}"
        convert = _conversion(field)
        if convert is not None:
            conversions[f"convert_{name}"] = convert
            value = f"None if (value := {value}) is None else convert_{name}(value)"
        items.append(f"{name!r}: {value}")
    represent: Callable[[Any], dict[str, Any]] = eval(
        f"lambda result: {{{', '.join(items)}}}", conversions
    )
    return represent


def _source(field: Any) -> str:
    if not field.source.replace(".", "").isidentifier():
        raise TypeError(f"{field.field_name}: name an attribute as its source")
    # The row that it points to need not be read.
    is_key = isinstance(field, serializers.PrimaryKeyRelatedField)
    return f"{field.source}_id" if is_key else field.source


SENT_AS_THEY_ARE = (
    serializers.BooleanField,
    serializers.CharField,
    serializers.ChoiceField,
    serializers.IntegerField,
)


def _conversion(field: Any) -> Convert | None:
    """None for a field whose values are sent as they are."""
    if isinstance(field, serializers.ListSerializer):
        represent = _conversion(field.child)
        assert represent, "the children of a list of answers are answers"
        return lambda results: [represent(result) for result in results]
    if isinstance(field, Representation):
        return _compile(type(field))
    if isinstance(field, serializers.DateTimeField):
        return utc
    if isinstance(field, serializers.DateField):
        return lambda date: date.isoformat()
    # Every row that an answer names has a UUID for its key.
    if isinstance(field, serializers.UUIDField | serializers.PrimaryKeyRelatedField):
        return str
    if isinstance(field, SENT_AS_THEY_ARE):
        return None
    raise TypeError(f"{field.field_name}: say how a {type(field).__name__} is sent")
