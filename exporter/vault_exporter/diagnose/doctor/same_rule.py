"""Compare a loaded rule with the pack's. Prometheus prints expressions in its own way, so tokens are compared.

What ``vault-exporter rules`` can change is no difference: jobs, thresholds, and longer windows for a longer scrape
interval.
"""

import functools
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from vault_exporter.alert_rules.parameters import JOBS
from vault_exporter.alert_rules.rules import Rule
from vault_exporter.diagnose.doctor.read.prometheus import seconds

__all__ = ["longer", "scales", "tokens"]

_TOKEN: Final = re.compile(
    r"""
    (?P<blank>\s+|\#[^\n]*)
    | (?P<threshold>\{[a-z_]+\})
    | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    | (?P<duration>(?:\d+(?:ms|[smhdwy]))+)
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_][\w:]*)
    | (?P<sign>=~|!~|!=|==|>=|<=|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_JOBS: Final = frozenset({*JOBS.values(), f"{JOBS['job']}|{JOBS['exporter_job']}"})
_LONGEST_WINDOW_SECONDS: Final = 900
"""As in :mod:`vault_exporter.alert_rules.parameters`: longer windows are the same at each scrape interval."""
_ROUNDING_SECONDS: Final = 0.51
_GROUPS: Final = frozenset({"group_left", "group_right"})


class Token(NamedTuple):
    """A part of an expression."""

    kind: str
    value: str | float


_OPEN, _COMMA, _CLOSE = (Token("sign", text) for text in "{,}")


def longer(rule: Rule, query: str) -> float | None:
    """Return by which factor the windows of a loaded rule are longer than the pack's; None if it is another rule.

    Args:
        rule: of the pack.
        query: the loaded expression.
    """
    ours, theirs = tokens(rule.template or rule.expr, template=True), tokens(query)
    if len(ours) != len(theirs):
        return None
    windows: list[tuple[float, float]] = []
    for at, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        if one == other and one.kind != "duration":
            continue
        if one.kind == "threshold" and other.kind == "number":
            continue
        if one.kind == other.kind == "duration" and _is_window(ours, at):
            windows.append((float(one.value), float(other.value)))
        elif one != other and not _is_job(ours, theirs, at):
            return None
    return _factor(windows)


def scales(rule: Rule) -> bool:
    """Return whether a rule of the pack has windows that a longer scrape interval makes longer."""
    ours = tokens(rule.template or rule.expr, template=True)
    return any(one.kind == "duration" and _is_window(ours, at) for at, one in enumerate(ours))


@functools.cache
def tokens(expression: str, *, template: bool = False) -> tuple[Token, ...]:
    """Return the tokens of an expression without comments, with durations in seconds and strings unquoted.

    Args:
        expression: in PromQL.
        template: whether names in braces are thresholds.
    """
    return tuple(_plain(list(_sorted(_tokens(expression, template=template)))))


def _plain(found: list[Token]) -> Iterator[Token]:
    for at, token in enumerate(found):
        before = found[at - 1] if at else token
        following = found[at + 1] if at + 1 < len(found) else token
        # Prometheus prints group_left as group_left ().
        if token.value == "(" and following.value == ")" and before.value in _GROUPS:
            continue
        if token.value == ")" and before.value == "(" and at > 1 and found[at - 2].value in _GROUPS:
            continue
        yield token


def _sorted(given: Iterator[Token]) -> Iterator[Token]:
    """Sort the matchers of each selector by label, as Prometheus does, and drop a last comma."""
    for token in given:
        yield token
        if token == _OPEN:
            matchers: list[list[Token]] = [[]]
            for part in iter(lambda: next(given, _CLOSE), _CLOSE):
                if part.value == "," and part.kind == "sign":
                    matchers.append([])
                else:
                    matchers[-1].append(part)
            kept = sorted((one for one in matchers if one), key=lambda one: [str(part.value) for part in one])
            for at, matcher in enumerate(kept):
                yield from ([_COMMA] if at else [])
                yield from matcher
            yield _CLOSE


def _tokens(expression: str, *, template: bool) -> Iterator[Token]:
    at = 0
    while at < len(expression):
        found = _TOKEN.match(expression, at)
        assert found  # noqa: S101 - the last alternative takes any character
        kind, text = str(found.lastgroup), found[0]
        if kind == "threshold" and not template:  # braces of a selector, such as {job}, which no expression has
            kind, text = "sign", text[0]
        at += len(text)
        match kind:
            case "blank":
                continue
            case "duration":
                yield Token(kind, float(seconds(text)))
            case "number":
                yield Token(kind, float(text))
            case "string":
                yield Token(kind, text[1:-1] if text[0] == "`" else re.sub(r"\\(.)", r"\1", text[1:-1]))
            case _:
                yield Token(kind, text)


def _is_window(ours: tuple[Token, ...], at: int) -> bool:
    value = ours[at].value
    scaled = at > 0 and ours[at - 1].value in {"[", "offset"}
    return scaled and isinstance(value, float) and value <= _LONGEST_WINDOW_SECONDS


def _is_job(ours: tuple[Token, ...], theirs: tuple[Token, ...], at: int) -> bool:
    """Whether the tokens are the values of ``job=~"..."``, or the operator before them."""
    if ours[at - 1].value == "job":
        return ours[at].value == "=~" and theirs[at].value in {"=", "=~"}
    selected = at > 1 and ours[at - 2].value == "job" and ours[at].value in _JOBS
    return selected and theirs[at].kind == "string"


def _factor(windows: list[tuple[float, float]]) -> float | None:
    if not windows:
        return 1.0
    factor = max(windows)[1] / max(windows)[0]
    if factor < 1 or any(abs(one * factor - other) > _ROUNDING_SECONDS for one, other in windows):
        return None
    return factor
