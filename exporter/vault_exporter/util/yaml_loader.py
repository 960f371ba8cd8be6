"""A YAML loader whose time is bounded by the size of the text.

PyYAML alone takes seconds for a megabyte, and a number in base 60 (``1:10:10:10...``) of that length keeps it busy for
hours.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

import yaml

__all__ = ["Loader", "TooComplexError", "explain", "load_simple", "require_simple"]

_QUOTED: Final = re.compile(r"""((["'])(?:.|\\.|<[a-z ]+>)\2)|(["']).*?\3""", re.DOTALL)

_LONGEST_NUMBER: Final = 64
"""Limit of a number's length in characters."""
_TAG_DIRECTIVE: Final = "%TAG"
_MOST_DIRECTIVES: Final = 100
"""The C loader compares each directive with all others."""

# The C loader is 6 to 30 times as fast. It is part of PyYAML's packages, but not of each build.
_FASTEST: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class TooComplexError(Exception):
    """The text nests too deeply, or has too many values or directives. ``line`` says where."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Loader(_FASTEST):  # type: ignore[misc]
    """A safe loader that refuses numbers which are longer than any real one."""

    def construct_short_int(self, node: yaml.ScalarNode) -> int:
        """Return an integer."""
        _require_short(node)
        value: int = self.construct_yaml_int(node)
        return value

    def construct_short_float(self, node: yaml.ScalarNode) -> float:
        """Return a float."""
        _require_short(node)
        value: float = self.construct_yaml_float(node)
        return value


Loader.add_constructor("tag:yaml.org,2002:int", Loader.construct_short_int)
Loader.add_constructor("tag:yaml.org,2002:float", Loader.construct_short_float)


def require_simple(text: str, *, deepest: int, most: int) -> None:
    """Check the structure of a YAML text without building it.

    Args:
        text: the text.
        deepest: limit of nested mappings and lists.
        most: limit of keys and values.

    Raises:
        TooComplexError: a limit is exceeded.
        yaml.YAMLError: the text is not YAML.
    """
    if text.count(_TAG_DIRECTIVE) > _MOST_DIRECTIVES:
        raise TooComplexError(f"more than {_MOST_DIRECTIVES} times {_TAG_DIRECTIVE}", 1)
    depth = values = 0
    for event in yaml.parse(text, Loader):
        if isinstance(event, yaml.NodeEvent):
            values += 1
            if values > most:
                raise TooComplexError(f"more than {most} keys and values", _line_of(event))
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > deepest:
                raise TooComplexError("nested too deeply", _line_of(event))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def load_simple(text: str, *, deepest: int = 100, most: int = 500_000) -> Any:  # noqa: ANN401 - a text may be anything
    """Return what a YAML text says. Its values are safe to walk: aliases count as what they repeat.

    Args:
        text: the text.
        deepest: limit of nested mappings and lists.
        most: limit of keys and values.

    Raises:
        yaml.YAMLError: the text is not YAML, exceeds a limit, or has a value that cannot be, such as the 99th of May.
    """
    try:
        require_simple(text, deepest=deepest, most=most)
        value = yaml.load(text, Loader)  # noqa: S506 - a safe loader
        size, depth = _extent(value, {})
    except TooComplexError as error:
        raise yaml.YAMLError(f"line {error.line}: {error}") from None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise yaml.YAMLError(f"a value that cannot be ({type(error).__name__})") from None
    if size > most or depth > deepest:
        raise yaml.YAMLError("aliases that multiply, or nest too deeply")
    return value


def _extent(value: object, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Return how many values there are in a value, and how deeply they nest."""
    inner: Iterable[object]
    if isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, (list, set)):
        inner = value
    else:
        return 1, 0
    if id(value) not in known:
        known[id(value)] = (1 << 62, 1 << 62)  # for a value that contains itself
        extents = [_extent(one, known) for one in inner]
        known[id(value)] = (1 + sum(size for size, _ in extents), 1 + max((depth for _, depth in extents), default=0))
    return known[id(value)]


def explain(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Return the line of an error, and what is wrong there and in which column.

    The text is not quoted, except for single characters, since it may hold a secret.
    """
    if type(error) is yaml.YAMLError:  # of load_simple
        return 1, f"invalid YAML: {error}"
    if not isinstance(error, yaml.MarkedYAMLError):
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        return line, "invalid YAML: a character that YAML does not allow"
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return 1, f"invalid YAML: {_problem(error)}"
    lines = text.splitlines()
    rest = lines[mark.line][mark.column :] if mark.line < len(lines) else ""
    what = "a tab; indent with spaces" if rest.startswith("\t") else _problem(error)
    return mark.line + 1, f"invalid YAML at column {mark.column + 1}: {what}"


def _problem(error: yaml.MarkedYAMLError) -> str:
    """Return PyYAML's message without its quotations of the text, except single characters."""
    problem = error.problem or error.context or "not understood"
    if problem.startswith("but ") and error.context:
        problem = f"{error.context}, {problem}"
    return _QUOTED.sub(lambda match: match[1] or "...", problem)


def _line_of(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _require_short(node: yaml.ScalarNode) -> None:
    if len(node.value) > _LONGEST_NUMBER:
        raise yaml.constructor.ConstructorError(problem="found a number that is too long", problem_mark=node.start_mark)
