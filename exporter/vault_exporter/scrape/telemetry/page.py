"""The repaired page in the two text formats.

In OpenMetrics, a counter's name ends in ``_total`` and its family's does not, ``untyped`` is ``unknown``, quotes in a
help text are escaped, a family claims names beyond those of its samples, and a quantile, count or sum may not be
negative. A family that violates these rules is published with type ``unknown``.
https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from vault_exporter.metrics.exposition import Format
from vault_exporter.scrape.telemetry.grammar import SUFFIXES, parse_series
from vault_exporter.scrape.telemetry.shape import Identity, group_identity

__all__ = ["Head", "TelemetryPage", "claims", "openmetrics_claims"]

_TOTAL: Final = b"_total"
_ESCAPES: Final = re.compile(rb"\\\\|\\n|\\")


@dataclass(frozen=True, slots=True)
class Head:
    """The name of a family, and its HELP and TYPE lines."""

    name: bytes
    kind: bytes
    help: bytes
    """The help text, escaped for text 0.0.4."""
    text: bytes = field(init=False)
    openmetrics: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "help", _escaped(self.help))
        object.__setattr__(self, "text", _head(self.name, self.help, self.kind))
        name, kind = self.name, self.kind
        if kind == b"counter" and name.endswith(_TOTAL):
            name = name.removesuffix(_TOTAL)
        elif kind in {b"counter", b"untyped"}:
            kind = b"unknown"
        object.__setattr__(self, "openmetrics", _head(name, _openmetrics_help(self.help), kind))

    def unknown(self, name: bytes) -> bytes:
        """Return the OpenMetrics lines of a part of the family, as a separate family."""
        return _head(name, _openmetrics_help(self.help), b"unknown")


@dataclass(frozen=True, slots=True)
class TelemetryPage:
    """The repaired telemetry of one scrape."""

    samples: int
    """Number of samples, including held ones."""
    dropped: Mapping[str, int]
    """Dropped lines by cause: filtered, stale, replaced, invalid."""
    repaired: Mapping[str, int]
    """Changed or added sample lines by cause: renamed, continued, held, started."""
    named: bool
    """Whether well-known families were found, so that the prefixes are known."""
    tracked: int
    """Number of tracked series. Lines of a summary or histogram with the same labels count as one."""
    _heads: tuple[Head, ...] = field(repr=False)
    _bodies: tuple[bytes, ...] = field(repr=False)
    _doubtful: frozenset[int] = field(repr=False)
    """Indexes of families that may violate their type in OpenMetrics."""
    _clashing: frozenset[int] = field(repr=False)
    """Indexes of families with a name in OpenMetrics that another family claims."""

    @property
    def is_empty(self) -> bool:
        """Whether the page has no family."""
        return not self.samples and not any(lines for cause, lines in self.dropped.items() if cause != "invalid")

    def render(self, fmt: Format) -> bytes:
        """Render the page without ``# EOF``."""
        if not self._heads:
            return b""
        parts = [b""] * (2 * len(self._heads))
        parts[1::2] = self._bodies
        if fmt is Format.TEXT:
            parts[::2] = [head.text for head in self._heads]
        else:
            parts[::2] = [head.openmetrics for head in self._heads]
            for place in self._doubtful | self._clashing:
                head, body = self._heads[place], self._bodies[place]
                if place in self._clashing or not _fits(head, body):
                    parts[2 * place], parts[2 * place + 1] = _split(head, body)
        parts.append(b"")
        return b"\n".join(parts)


def claims(name: bytes, kind: bytes) -> frozenset[bytes]:
    """Return the sample names that the family reserves."""
    return frozenset([name, *[name + suffix for suffix in SUFFIXES[kind] if suffix]])


def openmetrics_claims(name: bytes, kind: bytes) -> frozenset[bytes]:
    """Return the names that the family reserves in OpenMetrics, with its own type."""
    if kind == b"counter" and name.endswith(_TOTAL):
        short = name.removesuffix(_TOTAL)
        return frozenset({short, name, short + b"_created"})
    if kind in {b"summary", b"histogram"}:
        return claims(name, kind) | {name + b"_created"}
    return claims(name, kind)


def _head(name: bytes, text: bytes, kind: bytes) -> bytes:
    line = b"# TYPE " + name + b" " + kind
    return b"# HELP " + name + b" " + text + b"\n" + line if text else line


def _escaped(text: bytes) -> bytes:
    """Escape a backslash that starts no valid escape sequence. Prometheus refuses a page with one."""
    return _ESCAPES.sub(lambda match: match[0].ljust(2, b"\\"), text) if b"\\" in text else text


def _openmetrics_help(text: bytes) -> bytes:
    return text.replace(b'"', b'\\"')


def _split(head: Head, body: bytes) -> tuple[bytes, bytes]:
    """Convert each sample name to a family of type unknown; return the first line and the rest."""
    lines: dict[bytes, list[bytes]] = {}
    for line in body.split(b"\n"):
        lines.setdefault(re.split(rb"[{ ]", line, maxsplit=1)[0], []).append(line)
    block = b"\n".join(b"\n".join([head.unknown(name), *those]) for name, those in lines.items())
    first, _, rest = block.partition(b"\n")
    return first, rest


def _fits(head: Head, body: bytes) -> bool:
    """Return whether a family's values are valid for its type in OpenMetrics."""
    if head.kind in {b"gauge", b"untyped"} or (head.kind == b"counter" and not head.name.endswith(_TOTAL)):
        return True
    for line in body.split(b"\n"):
        key, _, text = line.rpartition(b" ")
        value, suffix = float(text), key[len(head.name) :].partition(b"{")[0]
        quantile = head.kind == b"summary" and not suffix
        if value < 0 or (math.isnan(value) and not quantile):
            return False
        if suffix in {b"_count", b"_bucket"} and not value.is_integer():
            return False
    return head.kind != b"histogram" or _has_whole_histograms(head, body)


def _has_whole_histograms(head: Head, body: bytes) -> bool:
    """Return whether each histogram has a sum, a count, and cumulative buckets up to +Inf that match the count."""
    buckets: dict[Identity, list[tuple[float, float]]] = {}
    rest: dict[Identity, dict[bytes, float]] = {}
    for line in body.split(b"\n"):
        key, _, value = line.rpartition(b" ")
        series = parse_series(key)
        if series is None:
            return False
        identity, suffix = group_identity(series, head.name, head.kind), series.name[len(head.name) :]
        if suffix == b"_bucket":
            buckets.setdefault(identity, []).append((float(series.label(b"le") or b"NaN"), float(value)))
        else:
            rest.setdefault(identity, {})[suffix] = float(value)
    if buckets.keys() != rest.keys() or any(len(pair) != len((b"_sum", b"_count")) for pair in rest.values()):
        return False
    for identity, pairs in buckets.items():
        bounds, values = zip(*pairs, strict=True)
        if list(bounds) != sorted(set(bounds)) or list(values) != sorted(values) or bounds[0] < 0:
            return False
        if bounds[-1] != math.inf or values[-1] != rest[identity][b"_count"]:
            return False
    return True
