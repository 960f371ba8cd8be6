"""The repaired page, and how it looks in the two text formats.

What differs between them: in OpenMetrics a counter's name ends in ``_total`` and its family's does not, ``untyped`` is
``unknown``, quotes in a help text are escaped, a family claims names beyond those of its samples, and a quantile,
a count or a sum may not be negative. A family that cannot be shown as what it is there is shown as ``unknown``.
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

__all__ = ["Head", "Page", "claims", "openmetrics_claims"]

_TOTAL: Final = b"_total"
_ESCAPES: Final = re.compile(rb"\\\\|\\n|\\")


@dataclass(frozen=True, slots=True)
class Head:
    """What a family is called, and its HELP and TYPE lines."""

    name: bytes
    kind: bytes
    help: bytes
    """As text 0.0.4 escapes it, once this is made."""
    fits_openmetrics: bool = True
    """No other family claims a name that this one claims there."""
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
        """Return the OpenMetrics lines of a part of the family, shown as a family of its own."""
        return _head(name, _openmetrics_help(self.help), b"unknown")


@dataclass(frozen=True, slots=True)
class Page:
    """Vault's own telemetry in one scrape, repaired."""

    samples: int
    """Samples on the page, held ones included."""
    dropped: Mapping[str, int]
    """Cause → lines left out: filtered, stale, replaced, invalid."""
    repaired: Mapping[str, int]
    """Cause → sample lines changed or added: renamed, continued, held, started."""
    named: bool
    """Families that every Vault has were found, so it is known how the others are named."""
    tracked: int
    """Series whose continuity is kept; a summary's or histogram's lines of one label set are one."""
    _heads: tuple[Head, ...] = field(repr=False)
    _bodies: tuple[bytes, ...] = field(repr=False)
    _doubtful: frozenset[int] = field(repr=False)
    """Families (places in the above) that may not be what their type allows in OpenMetrics."""

    @property
    def is_empty(self) -> bool:
        """Whether no family was found on the page."""
        return not self.samples and not any(lines for cause, lines in self.dropped.items() if cause != "invalid")

    def render(self, fmt: Format) -> bytes:
        """Render the page; without ``# EOF``."""
        if not self._heads:
            return b""
        parts = [b""] * (2 * len(self._heads))
        parts[1::2] = self._bodies
        if fmt is Format.TEXT:
            parts[::2] = [head.text for head in self._heads]
        else:
            parts[::2] = [head.openmetrics for head in self._heads]
            for place in self._doubtful:
                head, body = self._heads[place], self._bodies[place]
                if not (head.fits_openmetrics and _fits(head, body)):
                    parts[2 * place], parts[2 * place + 1] = _split(head, body)
        parts.append(b"")
        return b"\n".join(parts)


def claims(name: bytes, kind: bytes) -> frozenset[bytes]:
    """Return the names that no other family's samples may have."""
    return frozenset({name, *(name + suffix for suffix in SUFFIXES[kind])})


def openmetrics_claims(name: bytes, kind: bytes) -> frozenset[bytes]:
    """Return the names that no other family may claim in OpenMetrics, if this one is shown as what it is."""
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
    """Escape a backslash that escapes nothing: it stands for itself, but Prometheus refuses a page that has one."""
    return _ESCAPES.sub(lambda match: match[0].ljust(2, b"\\"), text) if b"\\" in text else text


def _openmetrics_help(text: bytes) -> bytes:
    return text.replace(b'"', b'\\"')


def _split(head: Head, body: bytes) -> tuple[bytes, bytes]:
    """Show each sample name of a family as an unknown family; return the first line and the rest."""
    lines: dict[bytes, list[bytes]] = {}
    for line in body.split(b"\n"):
        lines.setdefault(re.split(rb"[{ ]", line, maxsplit=1)[0], []).append(line)
    block = b"\n".join(b"\n".join([head.unknown(name), *those]) for name, those in lines.items())
    first, _, rest = block.partition(b"\n")
    return first, rest


def _fits(head: Head, body: bytes) -> bool:
    """Say whether a family's values are what its type allows in OpenMetrics."""
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
    """Say whether each histogram has a sum, a count, and growing buckets up to +Inf that agree with the count."""
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
