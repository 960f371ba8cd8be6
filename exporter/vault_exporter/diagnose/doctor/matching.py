"""Alertmanager's matchers and routes, as its documentation describes them.

https://prometheus.io/docs/alerting/latest/configuration/#route, #matcher
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

__all__ = ["Condition", "Hop", "conditions", "path_of"]

_MATCHER: Final = re.compile(r'\s*+"?([\w.:/-]++)"?\s*+(=~|!~|!=|=)\s*+("(?:\\.|[^"\\])*+"\s*+|[^,}]*+)(?:,|$)')


class Condition(NamedTuple):
    """A matcher. A label that an alert does not have is empty."""

    name: str
    operator: str
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether it matches these labels."""
        given = labels.get(self.name, "")
        if self.operator in {"=", "!="}:
            return (given == self.value) is (self.operator == "=")
        try:
            matches = re.fullmatch(self.value, given) is not None
        except re.error:  # of Go's syntax, and not of Python's
            matches = given == self.value
        return matches is (self.operator == "=~")


class Hop(NamedTuple):
    """Where an alert ends: a route with all that it inherits."""

    receiver: str
    settings: Mapping[str, Any]


def conditions(settings: Mapping[str, Any], prefix: str = "") -> Iterator[Condition]:
    """Yield the matchers of a route or of one side of an inhibition, of all forms.

    Args:
        settings: of the route, or the inhibition.
        prefix: ``source_`` or ``target_`` of an inhibition.
    """
    for name, value in (settings.get(f"{prefix}match") or {}).items():
        yield Condition(str(name), "=", str(value))
    for name, value in (settings.get(f"{prefix}match_re") or {}).items():
        yield Condition(str(name), "=~", str(value))
    listed = settings.get(f"{prefix}matchers") or ()
    for text in [listed] if isinstance(listed, str) else listed:
        yield from _parsed(str(text))


def path_of(route: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[Hop]:
    """Yield where an alert with these labels ends; several with ``continue``."""
    yield from _walk(route, labels, {})


def _walk(route: Mapping[str, Any], labels: Mapping[str, str], above: Mapping[str, Any]) -> Iterator[Hop]:
    settings = {**above, **{key: value for key, value in route.items() if key in _INHERITED}}
    found = False
    for child in route.get("routes") or ():
        if all(one.holds(labels) for one in conditions(child)):
            found = True
            yield from _walk(child, labels, settings)
            if not child.get("continue"):
                return
    if not found:
        yield Hop(str(settings.get("receiver", "")), settings)


_INHERITED: Final = frozenset({"receiver", "group_by", "group_wait", "group_interval", "repeat_interval"})


def _parsed(text: str) -> Iterator[Condition]:
    text, at = text.strip().removeprefix("{").removesuffix("}"), 0
    while found := _MATCHER.match(text, at):
        at = found.end()
        name, operator, value = found[1], found[2], found[3].rstrip()
        quoted = value[:1] == '"'
        yield Condition(name, operator, re.sub(r"\\(.)", r"\1", value[1:-1]) if quoted else value)
