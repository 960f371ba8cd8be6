"""The little of PromQL that a backtest must read: which series an expression selects, and recorded series in it."""

import json
import re
from collections.abc import Container, Iterator, Mapping
from typing import Final

import msgspec

__all__ = ["CannotInlineError", "Recorded", "Selector", "inlined", "kept_matchers", "later", "selectors", "with_labels"]

_TOKEN: Final = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    |(?P<comment>\#[^\n]*)
    |(?P<name>[a-zA-Z_:][\w:]*)
    |(?P<number>\d[\w.]*)
    |(?P<space>\s+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_MATCHER: Final = re.compile(r"""(\w+)\s*(?:=~|!~|!=|=)\s*(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)""", re.DOTALL)
_GROUPING: Final = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS: Final = _GROUPING | {"and", "or", "unless", "atan2", "bool", "offset", "inf", "nan", "start", "end"}
_OF_TIME: Final = frozenset(
    {"time", "minute", "hour", "month", "year", "day_of_month", "day_of_week", "day_of_year", "days_in_month"}
)
_DEEPEST: Final = 10
_LONGEST: Final = 1_000_000
"""Limit of an expression in characters. No server takes as much, and rules that repeat each other would multiply."""


class CannotInlineError(ValueError):
    """A recorded series is used in a way for which its expression cannot stand."""


class Recorded(msgspec.Struct, frozen=True):
    """What is recorded under one name, by one rule or several."""

    expr: str
    interval_seconds: float
    phase: int = 0
    """When in its interval it is recorded, in milliseconds."""


class Selector(msgspec.Struct, frozen=True):
    """A selected series: the name, and the matchers with their braces."""

    name: str
    matchers: str
    start: int
    end: int
    window: str = ""
    """The range with its brackets, which ``end`` follows."""


def selectors(expr: str) -> Iterator[Selector]:
    """Yield the selectors with a name in the order of the expression."""
    tokens = [found for found in _TOKEN.finditer(expr) if found.lastgroup not in {"space", "comment"}]
    position = 0
    while position < len(tokens):
        token, position = tokens[position], position + 1
        following = tokens[position][0] if position < len(tokens) else ""
        if token.lastgroup == "other" and token[0] == "{":
            position = _closed(tokens, position - 1, "}")
        elif token.lastgroup == "other" and token[0] == "[":  # of a subquery, whose ":1m" is no name
            position = _closed(tokens, position - 1, "]")
        elif token.lastgroup != "name":
            continue
        elif token[0].lower() in _GROUPING and following == "(":
            position = _closed(tokens, position, ")")
        elif token[0].lower() not in _WORDS and following != "(" and not _is_modifier(tokens, position, following):
            matchers, end = "", token.end()
            if following == "{":
                start, position = position, _closed(tokens, position, "}")
                end = tokens[position - 1].end()
                matchers = expr[tokens[start].start() : end]
            window = ""
            if position < len(tokens) and tokens[position][0] == "[":
                start, position = position, _closed(tokens, position, "]")
                window = expr[tokens[start].start() : tokens[position - 1].end()]
                end = tokens[position - 1].end()
            yield Selector(token[0], matchers, token.start(), end, window)


def kept_matchers(matchers: str, names: Container[str]) -> str:
    """Return the matchers of some labels. Values may have commas and braces."""
    return f"{{{','.join(found[0] for found in _MATCHER.finditer(matchers) if found[1] in names)}}}"


def with_labels(expr: str, labels: Mapping[str, str]) -> str:
    """Return an expression whose series have the labels of a rule."""
    for name, value in labels.items():
        text = json.dumps(value.replace("$", "$$"), ensure_ascii=False)
        expr = f'label_replace(\n{expr}\n, "{name}", {text}, "", "")'
    return expr


def inlined(expr: str, recorded: Mapping[str, Recorded], depth: int = 0) -> str:
    """Put the expressions of recording rules where an expression selects what they record.

    Raises:
        CannotInlineError: a selector has matchers or an offset, rules record from each other in a circle, or the
            expression gets too long.
    """
    made, done, length = [], 0, len(expr)
    for found in selectors(expr):
        rule = recorded.get(found.name)
        if rule is None:
            continue
        after = expr[found.end :].lstrip()
        if found.matchers.strip("{ }") or after.startswith("@") or (after.startswith("offset") and not found.window):
            raise CannotInlineError(f"it selects {found.name} with matchers, an offset or @")
        if depth == _DEEPEST:
            raise CannotInlineError(f"{found.name} is recorded from itself")
        inner = inlined(rule.expr, recorded, depth + 1)
        made += [expr[done : found.start], _standing_for(found, after, inner, rule)]
        done, length = found.end, length + len(made[-1])
        if length > _LONGEST:
            raise CannotInlineError(f"with its recording rules it is longer than {_LONGEST} characters")
    return "".join((*made, expr[done:]))


def later(expr: str, milliseconds: int) -> str | None:
    """Return an expression that gives at each time what the given one gives some time later.

    Returns ``None`` for an expression with a subquery, an offset, @ or the time of the evaluation.
    """
    parts = [found[0] for found in _TOKEN.finditer(expr) if found.lastgroup not in {"space", "comment", "text"}]
    in_range = False
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        in_range = part == "[" or (in_range and part != "]")
        is_of_time = part in _OF_TIME and following == "("
        if is_of_time or part == "@" or part.lower() == "offset" or (in_range and part.startswith(":")):
            return None
    made, done = [], 0
    for found in selectors(expr):
        made += [expr[done : found.end], f" offset -{milliseconds}ms"]
        done = found.end
    return "".join((*made, expr[done:]))


def _standing_for(found: Selector, after: str, inner: str, rule: Recorded) -> str:
    """Return what stands for a recorded series, or for a range of it as a subquery.

    A subquery is evaluated at multiples of its step, and a rule at its phase after them: its expression is taken from
    that much later, and the range ends that much earlier.
    """
    if not found.window or ":" in found.window:
        return f"(\n{inner}\n){found.window}"
    step = max(1, round(rule.interval_seconds * 1000))
    shifted = later(inner, rule.phase) if rule.phase and not after.startswith(("offset", "@")) else None
    if shifted is None:
        return f"(\n{inner}\n){found.window[:-1]}:{step}ms]"
    return f"(\n{shifted}\n){found.window[:-1]}:{step}ms] offset {rule.phase}ms"


def _is_modifier(tokens: list[re.Match[str]], position: int, following: str) -> bool:
    """Return whether a name is an aggregation whose grouping stands before its parameters: ``sum by (job) (x)``."""
    return following in {"by", "without"} and position + 1 < len(tokens) and tokens[position + 1][0] == "("


def _closed(tokens: list[re.Match[str]], position: int, closing: str) -> int:
    """Return the position after the bracket that closes the one at a position."""
    opening, depth = tokens[position][0], 0
    while position < len(tokens):
        depth += (tokens[position][0] == opening) - (tokens[position][0] == closing)
        position += 1
        if not depth:
            break
    return position
