"""The report ``timeline WHO``: what an entity, client, token or address did, in order of time."""

import heapq
from typing import ClassVar, Self

from vault_exporter.audit.reports.bounded import Record, Records, Span
from vault_exporter.audit.reports.table import Column, Kind, Table
from vault_exporter.audit.reports.use import Use

__all__ = ["Timeline"]

_HOUR = 3600


class _Hour(Record):
    failed: int = 0

    def merge(self, other: Self) -> None:
        self.requests += other.requests
        self.failed += other.failed


class Timeline:
    """Uses of one entity id, client id, accessor, hashed token, display name or address; the latest are kept."""

    is_wide: ClassVar[bool] = False

    def __init__(self, arguments: tuple[str, ...], keep: int) -> None:
        self._who = arguments[0]
        self._keep = keep
        self._uses: list[tuple[float, str, str, str, str, str, str, str]] = []
        self._hours = Records(keep, int, _Hour)
        self._all = 0

    def observe(self, use: Use) -> None:
        """Take in one use."""
        who = self._who
        known = who in (use.entity, use.client, use.accessor, use.token, use.address, use.name)
        if not known and (use.issued is None or who not in (use.issued.accessor, use.issued.client_token)):
            return
        self._all += use.requests
        for time, id_ in zip(use.times, use.ids, strict=True):
            self._add((time, id_, use.operation, use.path, use.error, use.address, use.name, use.accessor))
            number = int(time) // _HOUR
            hour = self._hours[number]
            hour.requests += 1
            if use.error:
                hour.failed += 1

    def merge(self, other: Self) -> None:
        """Add what the same report observed elsewhere."""
        self._all += other._all
        for use in other._uses:
            self._add(use)
        self._hours.merge(other._hours)

    def tables(self, _period: Span, /) -> tuple[Table, ...]:
        """Return the uses, and their number by hour, in order of time."""
        left = self._all - len(self._uses)
        return (
            Table(
                "requests",
                f"What {self._who} did",
                (
                    Column("time", Kind.TIME),
                    *(Column(key) for key in ("request_id", "operation", "path", "error", "address", "name", "token")),
                ),
                sorted(self._uses),
                f"{left:,} earlier requests are left out; --since, --until or --keep NUMBER shows them" if left else "",
            ),
            Table(
                "hours",
                "By hour",
                (Column("hour", Kind.TIME), Column("requests", Kind.COUNT), Column("failed", Kind.COUNT)),
                [(hour * _HOUR, one.requests, one.failed) for hour, one in sorted(self._hours.items())],
                self._hours.note(),
            ),
        )

    def _add(self, use: tuple[float, str, str, str, str, str, str, str]) -> None:
        if len(self._uses) < self._keep:
            heapq.heappush(self._uses, use)
        else:
            heapq.heappushpop(self._uses, use)
