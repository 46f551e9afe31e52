"""One definition of each answer, for the API, the fast path and the OpenAPI document.

A representation is a serializer of REST framework that is written, never read: drf-spectacular
describes it, and ``represent`` turns a service's result into what is sent. A model's is a
Representation and a ``serializers.ModelSerializer``.

REST framework's own ``to_representation`` asks each field in turn and takes about sixty times as
long as ``represent``, too long for a poll. Here the fields are compiled once: one attrgetter reads
all their sources, and only times, dates, ids and nested answers are converted. So the source of a
field is a path of attributes; methods of the serializer, mappings and attributes that must be
called are not supported.
"""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
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

    def to_representation(self, instance: Result) -> dict[str, Any]:
        """Used by REST framework for the pages of a list."""
        return self.represent(instance)


@cache
def _compile(representation: type[Representation[Any]]) -> Callable[[Any], dict[str, Any]]:
    """Raises TypeError for a field that could be sent otherwise than as documented."""
    fields = representation().fields
    names = tuple(fields)
    read = _read_all([_source(field) for field in fields.values()])
    conversions = [
        (name, convert) for name, field in fields.items() if (convert := _conversion(field))
    ]

    def represent(result: Any) -> dict[str, Any]:
        answer = dict(zip(names, read(result), strict=False))
        for name, convert in conversions:
            value = answer[name]
            if value is not None:
                answer[name] = convert(value)
        return answer

    return represent


def _read_all(sources: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    read = attrgetter(*sources)
    # Of one name alone attrgetter returns the value itself.
    return read if len(sources) > 1 else lambda result: (read(result),)


def _source(field: Any) -> str:
    if field.source == "*":
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
