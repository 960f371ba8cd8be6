"""Convert a tree of nodes to typed structs, and record every error with its place."""

import enum
import types
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, Union, get_args, get_origin

import msgspec

from vault_exporter.config.parse import values
from vault_exporter.config.parse.node import Node
from vault_exporter.config.parse.problems import Problem
from vault_exporter.util.suggestions import known_here

__all__ = ["Checks", "Reader", "UnreadError"]

Checks = Iterator[tuple[str, str]]
"""Wrong keys of a mapping, each with a message."""


class UnreadError(Exception):
    """A check looks at a value that could not be read, so it cannot decide."""


class _Unread:
    """Stands for a value that could not be read, so that the other values can be checked, too.

    A loop over it does nothing, and whatever else needs the value raises UnreadError.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[object]:
        return iter(())

    def __getattr__(self, _: str) -> object:
        raise UnreadError

    def _raise(self, *_: object) -> Any:  # noqa: ANN401 - it never returns
        raise UnreadError

    __bool__ = __contains__ = __format__ = __fspath__ = __getitem__ = __hash__ = __len__ = __str__ = _raise
    __eq__ = __ge__ = __gt__ = __le__ = __lt__ = __ne__ = _raise


_UNREAD: Final = _Unread()


class Reader:
    """Converts nodes to typed structs and collects the problems.

    If there are problems, what it returns is not fit for use: a bad value in it raises UnreadError.
    """

    def __init__(
        self,
        problems: list[Problem],
        scalars: Mapping[object, Callable[[object], object]],
        checks: Mapping[type, Callable[[Any], Checks]],
    ) -> None:
        """Create a reader.

        Args:
            problems: list to which problems are added.
            scalars: readers of single values by type; they raise ValueError.
            checks: further checks of a struct by type. They also run if some of its keys are bad.
        """
        self._problems = problems
        self._scalars = scalars
        self._checks = checks

    def read(self, kind: Any, node: Node) -> object:  # noqa: ANN401 - an annotation
        """Return the value, and record the problems."""
        if reader := self._scalars.get(kind):
            return self._scalar(reader, node)
        if isinstance(kind, type) and issubclass(kind, enum.StrEnum):
            return self._scalar(partial(values.one_of, kind), node)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self._struct(kind, node)
        arguments = get_args(kind)
        if get_origin(kind) is tuple:
            return self._list(arguments[0], node)
        if get_origin(kind) is dict:
            return self._mapping(arguments[1], node)
        if get_origin(kind) in {Union, types.UnionType}:
            kinds = [argument for argument in arguments if argument is not types.NoneType]
            return self.read(kinds[0], node) if len(kinds) == 1 else self._tagged(kinds, node)
        raise TypeError(f"no reader for {kind}")

    def _scalar(self, reader: Callable[[object], object], node: Node) -> object:
        if node.value is None:
            return self._bad(node.place, "has no value; give one, or leave the key out")
        try:
            return node.read(reader)
        except ValueError as error:
            return self._bad(node.place, str(error))

    def _list(self, kind: Any, node: Node) -> object:  # noqa: ANN401 - an annotation
        if not isinstance(node.value, list):
            remedy = "" if isinstance(node.value, dict) else "; put it in brackets, like [a, b]"
            return self._bad(node.place, f"{values.wrong_type('a list', node.value)}{remedy}")
        items = [self.read(kind, item) for item in node.value]
        good = tuple(item for item in items if item is not _UNREAD)
        return good if good or not items else _UNREAD

    def _mapping(self, kind: Any, node: Node) -> object:  # noqa: ANN401 - an annotation
        """Read a mapping with free keys."""
        if node.value is None:
            return {}
        if not isinstance(node.value, dict):
            return self._bad(node.place, str(values.wrong_type("a mapping", node.value)))
        return {key: self.read(kind, member) for key, member in node.value.items()}

    def _tagged(self, kinds: list[type[msgspec.Struct]], node: Node) -> object:
        """Read the struct that the tag (such as ``method``) selects."""
        by_tag = {str(kind.__struct_config__.tag): kind for kind in kinds}
        field = str(kinds[0].__struct_config__.tag_field)
        if not isinstance(node.value, dict):
            return self._bad(node.place, str(values.wrong_type("a mapping", node.value)))
        tag = node.value.get(field)
        choice = f"one of {', '.join(by_tag)}"
        if tag is None:
            return self._bad(node.place, f"{field} is missing; it is {choice}")
        if not isinstance(tag.value, str) or tag.value not in by_tag:
            return self._bad(tag.place, f"not known; it is {choice}")
        return self._struct(by_tag[tag.value], node, tag=field)

    def _struct(self, kind: type[msgspec.Struct], node: Node, tag: str = "") -> object:
        if node.value is None:  # a section whose keys are all commented out
            node = Node({}, node.place)
        if not isinstance(node.value, dict):
            return self._bad(node.place, str(values.wrong_type("a mapping", node.value)))
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        problems = len(self._problems)
        for key, member in node.value.items():
            if key not in fields and key != tag:
                self._unknown(key, member, (*fields, tag) if tag else tuple(fields))
        read = {name: self.read(field.type, node.value[name]) for name, field in fields.items() if name in node.value}
        for name, field in fields.items():
            if field.required and name not in read:
                read[name] = self._bad(node.place, f"{name} is missing")
        made = kind(**read)
        for key, message in self._checked(made, is_whole=len(self._problems) == problems):
            self._bad(node.value[key].place if key in node.value else node.place, message)
        return made

    def _checked(self, made: msgspec.Struct, *, is_whole: bool) -> Checks:
        """Yield what the further check finds, as far as it gets without what could not be read."""
        try:
            yield from self._checks.get(type(made), _nothing)(made)
        except (UnreadError, TypeError):  # a TypeError is of functions in C, such as those of re
            if is_whole:
                raise

    def _unknown(self, key: str, member: Node, known: tuple[str, ...]) -> None:
        self._bad(member.place, f"unknown key; {known_here(key, sorted(known))}")

    def _bad(self, place: str, message: str) -> object:
        self._problems.append(Problem(place, message))
        return _UNREAD


def _nothing(_: object) -> Checks:
    yield from ()
