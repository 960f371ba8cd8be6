"""The report ``compare A B``: what changed between two periods, by path, client, operation, mount and error."""

from bisect import bisect_left
from typing import ClassVar, Final, Self

from vault_exporter.audit.reports.bounded import Record, Records, Span
from vault_exporter.audit.reports.filters import Moments, moment
from vault_exporter.audit.reports.report import ReportError
from vault_exporter.audit.reports.table import Column, Kind, Table
from vault_exporter.audit.reports.use import Use

__all__ = ["Compare"]

_KINDS: Final = ("paths", "clients", "operations", "mounts", "errors")
_HOUR: Final = 3600


class _Two(Record):
    before: int = 0
    after: int = 0

    def merge(self, other: Self) -> None:
        self.requests += other.requests
        self.before += other.before
        self.after += other.after


class Compare:
    """Counts in two periods, each given as ``SINCE/UNTIL``. A request that is in both counts in both."""

    is_wide: ClassVar[bool] = True

    def __init__(self, arguments: tuple[str, ...], keep: int) -> None:
        self._before, self._after = map(_period, arguments)
        self._tables = tuple(Records(keep, str, _Two) for _ in _KINDS)

    def observe(self, use: Use) -> None:
        """Take in one use."""
        before = _within(self._before, use)
        after = _within(self._after, use)
        requests = before + after
        if not requests:
            return
        values = use.path, use.entity or use.client, use.operation, use.full_mount, use.error
        for records, value in zip(self._tables, values, strict=True):
            if value:
                two = records[value]
                two.requests += requests
                two.before += before
                two.after += after

    def merge(self, other: Self) -> None:
        """Add what the same report observed elsewhere."""
        for own, theirs in zip(self._tables, other._tables, strict=True):
            own.merge(theirs)

    def tables(self, _period: Span, /) -> tuple[Table, ...]:
        """Return a table of each kind, the largest changes of the rate first."""
        return tuple(
            Table(
                name,
                f"{name.capitalize()} in both periods",
                (
                    Column(name.removesuffix("s")),
                    *(Column(key, Kind.COUNT) for key in ("before", "after")),
                    *(Column(key, Kind.NUMBER) for key in ("before_per_hour", "after_per_hour", "change_per_hour")),
                    Column("state"),
                ),
                self._rows(records),
                records.note(),
            )
            for name, records in zip(_KINDS, self._tables, strict=True)
        )

    def _rows(self, records: Records[str, _Two]) -> list[tuple[str, int, int, float, float, float, str]]:
        rows = [self._row(value, two) for value, two in records.items()]
        return sorted(rows, key=lambda row: (-abs(row[5]), row[0]))

    def _row(self, value: str, two: _Two) -> tuple[str, int, int, float, float, float, str]:
        before = two.before / (self._before.until - self._before.since) * _HOUR
        after = two.after / (self._after.until - self._after.since) * _HOUR
        state = "" if two.before and two.after else "new" if two.after else "gone"
        return value, two.before, two.after, before, after, after - before, state


def _within(period: Moments, use: Use) -> int:
    """Return how many of the requests are in a period."""
    since, until = period.since, period.until
    if use.first >= until or use.last < since:
        return 0
    if use.first >= since and use.last < until:
        return use.requests
    return bisect_left(use.times, until) - bisect_left(use.times, since)


def _period(text: str) -> Moments:
    since, slash, until = text.partition("/")
    if not slash:
        raise ReportError(f"{text!r} is no period; give one as 2026-11-02/2026-11-09, which is until before the 9th")
    try:
        found = Moments(moment(since), moment(until))
    except ValueError as error:
        raise ReportError(str(error)) from None
    if found.until <= found.since:
        raise ReportError(f"{text!r} ends before it begins")
    return found
