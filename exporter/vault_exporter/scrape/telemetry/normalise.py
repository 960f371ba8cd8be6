"""Convert any text to the regular form of :mod:`.grammar`. Invalid lines are dropped and counted.

Vault's pages are regular today. This module handles three threats:

- Prometheus refuses a whole scrape for one invalid line, including ``vault_up`` and the seal state. An attacker who
  controls a node, one of its plugins or the network could hide an outage with one such line. So only lines that are
  known to be valid are passed on.
- A release of Vault or of one of its libraries may write a family differently (exemplars, created lines, a UNIT, a
  family without HELP). Refusing such a page would lose all telemetry and the alerts that need it.
- A proxy may rewrite a page (OpenMetrics, timestamps, extra spaces, other line ends).

A page without any family, such as an HTML error page, is refused: see
:mod:`vault_exporter.scrape.collectors.telemetry`.
"""

import io
import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from vault_exporter.scrape.telemetry.grammar import (
    LABEL_NAME,
    LABEL_VALUE,
    NAME,
    NUMBER,
    SUFFIXES,
    Series,
    identified,
    number,
)
from vault_exporter.scrape.telemetry.shape import Identity, group_identity, has_valid_bounds

__all__ = ["GivenUpError", "normalise"]

_AT_ONCE: Final = 1024
"""Number of lines between two checks for cancellation."""

_LONGEST_LINE: Final = 1 << 20
"""Longer lines are invalid, since a regular expression holds the interpreter for as long as it runs."""

_COMMENT: Final = re.compile(rb"[ \t]*+#")
_META: Final = re.compile(rb"[ \t]*+#[ \t]++(HELP|TYPE)[ \t]++(" + NAME + rb")(?:[ \t]++(.*+))?[ \t]*+", re.DOTALL)
_META_WORD: Final = re.compile(rb"[ \t]*+#[ \t]++(?:HELP|TYPE)(?:[ \t]|$)")
_TYPES_OF_OPENMETRICS: Final = frozenset({b"unknown", b"info", b"stateset", b"gaugehistogram"})

_PAIR = rb"[ \t]*+" + LABEL_NAME + rb"[ \t]*+=[ \t]*+" + LABEL_VALUE + rb"[ \t]*+"
_SAMPLE: Final = re.compile(
    rb"[ \t]*+(?P<name>" + NAME + rb")[ \t]*+"
    rb"(?:\{(?P<labels>" + _PAIR + rb"(?:," + _PAIR + rb")*+,?|)[ \t]*+\}[ \t]*+|(?<=[ \t]))"
    rb"(?P<value>[-+.0-9a-zA-Z]++)"
    rb"(?:[ \t]++-?\d++(?:\.\d*+)?)?"  # a timestamp, which is dropped: its unit differs between the formats
    rb"(?:[ \t]++#[ \t]*+\{[^\n]*+)?[ \t]*+"  # an exemplar, which text 0.0.4 does not support
)
_LABEL: Final = re.compile(rb"(" + LABEL_NAME + rb")[ \t]*+=[ \t]*+(" + LABEL_VALUE + rb")")
_DECIMAL: Final = re.compile(rb"[-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)?")
_WORD: Final = re.compile(rb"([-+]?)(?:(inf(?:inity)?)|nan)", re.IGNORECASE)


@dataclass(slots=True)
class _Family:
    kind: bytes = b"untyped"
    help: bytes = b""
    groups: dict[Identity, list[bytes]] = field(default_factory=dict)


@dataclass(slots=True)
class _Found:
    """The parsed lines of the page, before samples are assigned to families."""

    kinds: dict[bytes, bytes] = field(default_factory=dict)
    helps: dict[bytes, bytes] = field(default_factory=dict)
    samples: dict[tuple[bytes, Identity], tuple[Series, bytes]] = field(default_factory=dict)
    """The first sample of each series."""
    invalid: int = 0


class GivenUpError(Exception):
    """Normalising was cancelled."""


def normalise(page: bytes, given_up: Callable[[], bool] = lambda: False) -> tuple[list[bytes], int]:
    """Convert a page to the regular form.

    Args:
        page: any text.
        given_up: called repeatedly; returns whether to stop.

    Returns:
        the blocks, each starting at its family's name and without the last line end, and the number of dropped lines.
        Blank lines, comments and repeated metadata are not counted. A last line without an end may be truncated, so
        it is dropped.

    Raises:
        GivenUpError: ``given_up`` returned True.
    """
    found = _Found()
    lines = io.BytesIO(page)  # one line at a time: a list would take many times the page's memory
    while some := list(itertools.islice(lines, _AT_ONCE)):
        if given_up():
            raise GivenUpError
        if not some[-1].endswith(b"\n"):
            found.invalid += bool(some.pop().strip())
        for line in some:
            _read(line[:-1].removesuffix(b"\r"), found)
    families, lost = _sort(found)
    return [_block(name, family) for name, family in families.items()], found.invalid + lost


def _read(line: bytes, found: _Found) -> None:
    if not line.strip():
        return
    if len(line) > _LONGEST_LINE or not _is_text(line):
        found.invalid += 1
    elif _COMMENT.match(line):
        found.invalid += not _read_comment(line, found)
    else:
        sample = _sample(line)
        if sample is None:
            found.invalid += 1
            return
        series = sample[0]
        first = found.samples.setdefault((series.name, series.identity), sample)
        found.invalid += first is not sample


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in line  # Prometheus' lexer treats it as the end of the page


def _read_comment(line: bytes, found: _Found) -> bool:
    """Read a HELP or TYPE line, the first of each family; return False if it is malformed."""
    match = _META.fullmatch(line)
    if match is None:
        return _META_WORD.match(line) is None
    word, name, text = match.group(1), match.group(2), (match.group(3) or b"").strip()
    if word == b"HELP":
        found.helps.setdefault(name, text)
    elif text in SUFFIXES:
        found.kinds.setdefault(name, text)
    else:
        return text in _TYPES_OF_OPENMETRICS  # its samples become untyped
    return True


def _sample(line: bytes) -> tuple[Series, bytes] | None:
    match = _SAMPLE.fullmatch(line)
    if match is None:
        return None
    value = _value(match["value"])
    labels = identified(tuple(_LABEL.findall(match["labels"] or b"")))
    if value is None or labels is None:
        return None
    return Series(match["name"], *labels), value


def _value(text: bytes) -> bytes | None:
    """Convert a number to the regular form, and keep its digits if they are valid."""
    if NUMBER.fullmatch(text):
        return text
    if _DECIMAL.fullmatch(text):
        value = float(text)
        spelt = number(value)
        return spelt if math.isfinite(value) and NUMBER.fullmatch(spelt) else None
    word = _WORD.fullmatch(text)
    if word is None:
        return None
    return (b"-Inf" if word[1] == b"-" else b"+Inf") if word[2] else b"NaN"


def _sort(found: _Found) -> tuple[dict[bytes, _Family], int]:
    """Assign each sample to its family; return the families and the number of samples without one."""
    families: dict[bytes, _Family] = {}
    lost = 0
    for series, value in found.samples.values():
        name, kind, help_of = _home(series.name, found.kinds)
        suffix_fits = series.name[len(name) :] in SUFFIXES[kind]
        if not suffix_fits or not has_valid_bounds(series, name, kind):
            lost += 1
            continue
        family = families.get(name)
        if family is None:
            family = families[name] = _Family(kind, found.helps.get(help_of, b""))
        line = _spell(series) + b" " + value
        family.groups.setdefault(group_identity(series, name, kind), []).append(line)
    return families, lost


def _home(name: bytes, kinds: dict[bytes, bytes]) -> tuple[bytes, bytes, bytes]:
    """Return the family of a sample: its name, its type, and the name of its help."""
    if name in kinds:
        return name, kinds[name], name
    for suffix in (b"_sum", b"_count", b"_bucket"):
        base = name.removesuffix(suffix)
        if base != name and suffix in SUFFIXES.get(kinds.get(base, b""), ()):
            return base, kinds[base], base
    short = name.removesuffix(b"_total")
    if short != name and kinds.get(short) == b"counter":  # in OpenMetrics the family's name has no suffix
        return name, b"counter", short
    return name, b"untyped", name


def _spell(series: Series) -> bytes:
    if not series.labels:
        return series.name
    return series.name + b"{" + b",".join(name + b"=" + value for name, value in series.labels) + b"}"


def _block(name: bytes, family: _Family) -> bytes:
    head = name + b" " + family.help + b"\n# TYPE " + name + b" " + family.kind + b"\n"
    return head + b"\n".join(line for lines in family.groups.values() for line in lines)
