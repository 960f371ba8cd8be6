"""Path templates of the configuration, such as ``its-camera-ai/data/{service}/*``, for the label ``path``.

Segments are separated by ``/``. ``{name}`` matches one segment, which becomes part of the label. ``*`` matches one
segment, which does not; as the last segment it matches one or more. Other segments match literally. The first template
that matches a path applies.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["Match", "PathTemplates", "TemplateError", "check"]

_LONGEST_VALUE: Final = 256
_PLACEHOLDER: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_WHOLE: Final = "*"


class TemplateError(ValueError):
    """A template is invalid. The message says what to do."""


class Match(NamedTuple):
    """A template, and the label of a path: the template with its names replaced."""

    template: str
    path: str


class PathTemplates:
    """The templates, and their label values so far.

    Each template has at most ``max_values`` label values; further paths become :attr:`OTHER`.
    """

    OTHER: Final = "other"
    """The label value above the limit. A template that could produce it is refused."""

    def __init__(self, templates: Iterable[str], max_values: int) -> None:
        self._patterns = [(template, _compile(template)) for template in templates]
        self._max_values = max_values
        self._values: dict[str, set[str]] = {template: set() for template, _ in self._patterns}

    def match(self, path: str) -> Match | None:
        """Return the match of a path; None if no template matches."""
        for template, pattern in self._patterns:
            if found := pattern.fullmatch(path):
                return self._bounded(template, _filled(template, found))
        return None

    def fold(self, match: Match) -> Match:
        """Return the match of another instance with the same templates, within the limit of this one."""
        return match if match.path == self.OTHER else self._bounded(match.template, match.path)

    def _bounded(self, template: str, value: str) -> Match:
        values = self._values[template]
        if value not in values:
            if len(values) >= self._max_values or len(value) > _LONGEST_VALUE:
                return Match(template, self.OTHER)
            values.add(value)
        return Match(template, value)


def check(template: str) -> None:
    """Check a template.

    Raises:
        TemplateError: the template is invalid.
    """
    if template.startswith("/"):
        raise TemplateError("starts with /; paths of the audit log do not")
    if "/" not in template:
        raise TemplateError("has no /; begin with a mount, like secret/data/{app}")
    names: list[str] = []
    for segment in template.split("/"):
        if placeholder := _PLACEHOLDER.fullmatch(segment):
            names.append(placeholder[1])
        elif segment != _WHOLE and any(character in segment for character in "{}*"):
            raise TemplateError(f"{segment} is no segment; write {{name}} or * for a whole one, between slashes")
    if len(set(names)) < len(names):
        raise TemplateError("has a {name} twice; give each its own")
    if all(segment == _WHOLE for segment in template.split("/")):
        raise TemplateError("fits nearly every path; begin with a mount, like secret/data/*")


def _compile(template: str) -> re.Pattern[str]:
    *front, last = template.split("/")
    parts = [_segment(segment) for segment in front]
    parts.append(r".+" if last == _WHOLE and front else _segment(last))
    return re.compile("/".join(parts), re.DOTALL)


def _segment(segment: str) -> str:
    if placeholder := _PLACEHOLDER.fullmatch(segment):
        return f"(?P<{placeholder[1]}>[^/]+)"
    return "[^/]+" if segment == _WHOLE else re.escape(segment)


def _filled(template: str, found: re.Match[str]) -> str:
    return _PLACEHOLDER.sub(lambda placeholder: found[placeholder[1]], template)
