"""The report ``polling``: clients that ask for one path again and again at regular times."""

from operator import sub
from statistics import median
from typing import ClassVar, Final, NamedTuple, Self

import msgspec

from vault_exporter.audit.reports.bounded import Earliest, One, Record, Records, Span
from vault_exporter.audit.reports.table import Column, Kind, Table
from vault_exporter.audit.reports.use import Use

__all__ = ["Polling"]

_FEWEST_BURSTS: Final = 10
_BURST_SHARE: Final = 0.1
_MOST_DEVIATION: Final = 0.2


class _Pair(Record):
    span: Span = msgspec.field(default_factory=Span)
    name: One = msgspec.field(default_factory=One)
    earliest: Earliest = msgspec.field(default_factory=Earliest)

    def merge(self, other: Self) -> None:
        self.requests += other.requests
        self.span.merge(other.span)
        self.name.merge(other.name)
        self.earliest.extend(other.earliest.times, other.span.first)


class _Rhythm(NamedTuple):
    interval: float
    deviation: float
    burst: float


class Polling:
    """Requests by client and path. The rhythm is that of the first 128 requests; the rate is that of all."""

    is_wide: ClassVar[bool] = True

    def __init__(self, _arguments: tuple[str, ...], keep: int) -> None:
        self._pairs = Records(keep, tuple[str, str, str], _Pair)

    def observe(self, use: Use) -> None:
        """Take in one use."""
        if not use.first:
            return
        key = use.entity or use.client, use.path, use.operation
        pair = self._pairs[key]
        pair.requests += use.requests
        pair.span.widen(use.first, use.last)
        pair.earliest.extend(use.times, use.first)
        if use.name not in pair.name.counts:
            pair.name.add(use.name)

    def merge(self, other: Self) -> None:
        """Add what the same report observed elsewhere."""
        self._pairs.merge(other._pairs)

    def tables(self, _period: Span, /) -> tuple[Table, ...]:
        """Return the pairs with a regular rhythm, the most frequent requests first."""
        rows = []
        for (who, path, operation), pair in self._pairs.items():
            rhythm = _rhythm(pair.earliest.ordered())
            if rhythm is None or rhythm.deviation > _MOST_DEVIATION:
                continue
            rate = pair.span.per_hour(pair.requests - 1)
            rows.append(
                (
                    *(pair.name.text(), who, operation, path, pair.requests),
                    *(rhythm.interval, rhythm.deviation, rhythm.burst, rate, pair.span.first, pair.span.last),
                )
            )
        rows.sort(key=lambda row: (-row[4], row[1], row[3], row[2]))
        return (
            Table(
                "polling",
                "Regular requests of one client on one path",
                (
                    *(Column(key) for key in ("name", "client", "operation", "path")),
                    Column("requests", Kind.COUNT),
                    Column("interval", Kind.SECONDS),
                    *(Column(key, Kind.NUMBER) for key in ("deviation", "burst", "requests_per_hour")),
                    *(Column(key, Kind.TIME) for key in ("first", "last")),
                ),
                rows,
                self._pairs.note(),
            ),
        )


def _rhythm(times: list[float]) -> _Rhythm | None:
    """Find the usual interval between bursts; None if there are too few.

    Requests that follow within a tenth of the longest of the usual intervals belong to one burst. The deviation is the
    median one, so that a night without requests does not hide a rhythm.
    """
    gaps = list(map(sub, times[1:], times))
    if len(gaps) < _FEWEST_BURSTS:
        return None
    least = sorted(gaps)[len(gaps) * 9 // 10] * _BURST_SHARE
    starts = [times[0], *(time for time, gap in zip(times[1:], gaps, strict=True) if gap > least)]
    if len(starts) <= _FEWEST_BURSTS:
        return None
    intervals = list(map(sub, starts[1:], starts))
    interval = median(intervals)
    if interval <= 0:
        return None
    return _Rhythm(interval, median([abs(one - interval) for one in intervals]) / interval, len(times) / len(starts))
