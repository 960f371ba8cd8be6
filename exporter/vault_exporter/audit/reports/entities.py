"""The report ``entities``: which are new, gone or short-lived, by which mount they come, and who has none."""

from bisect import bisect_left
from collections import defaultdict
from itertools import pairwise
from typing import ClassVar, Final, Self

import msgspec

from vault_exporter.audit.reports.bounded import Few, Record, Records, Span, Two
from vault_exporter.audit.reports.table import Column, Kind, Table
from vault_exporter.audit.reports.use import Use

__all__ = ["Entities"]

_HOUR: Final = 3600
_DAY_HOURS: Final = 24


class _Entity(Record):
    failed: int = 0
    logins: int = 0
    name: Two = msgspec.field(default_factory=Two)
    mounts: Few = msgspec.field(default_factory=Few)
    addresses: Few = msgspec.field(default_factory=Few)
    span: Span = msgspec.field(default_factory=Span)
    days: dict[int, int] = msgspec.field(default_factory=dict)
    """By day since 1970, one bit for each hour with a request."""

    def merge(self, other: Self) -> None:
        self.requests += other.requests
        self.failed += other.failed
        self.logins += other.logins
        self.name.merge(other.name)
        self.mounts.merge(other.mounts)
        self.addresses.merge(other.addresses)
        self.span.merge(other.span)
        for day, hours in other.days.items():
            self.days[day] = self.days.get(day, 0) | hours

    def silence(self) -> int:
        """Return the longest time without a request between two hours with one, in hours."""
        hours = [
            day * _DAY_HOURS + hour for day in sorted(self.days) for hour in range(24) if self.days[day] >> hour & 1
        ]
        return max((later - before - 1 for before, later in pairwise(hours)), default=0)


class _Count(Record):
    failed: int = 0
    clients: Few = msgspec.field(default_factory=Few)
    span: Span = msgspec.field(default_factory=Span)

    def merge(self, other: Self) -> None:
        self.requests += other.requests
        self.failed += other.failed
        self.clients.merge(other.clients)
        self.span.merge(other.span)


class Entities:
    """Entities over the days of the log, and requests without an entity by path."""

    is_wide: ClassVar[bool] = True

    def __init__(self, _arguments: tuple[str, ...], keep: int) -> None:
        self._entities = Records(keep, str, _Entity)
        self._without = Records(keep, tuple[str, str], _Count)
        self._span = Span()

    def observe(self, use: Use) -> None:
        """Take in one use."""
        number = use.requests
        self._span.widen(use.first, use.last)
        entity_id = use.entity
        if not entity_id:
            key = use.path, use.operation
            count = self._without[key]
            count.requests += number
            if use.error:
                count.failed += number
            count.clients.add(use.name or use.client)
            count.span.widen(use.first, use.last)
            return
        entity = self._entities[entity_id]
        entity.requests += number
        if use.error:
            entity.failed += number
        if use.name not in entity.name.counts:
            entity.name.add(use.name)
        if use.issued is not None and use.mount.startswith("auth/") and use.mount_type != "token":
            entity.logins += number
            entity.mounts.add(use.full_mount, number)
        if use.address not in entity.addresses.counts:
            entity.addresses.add(use.address)
        entity.span.widen(use.first, use.last)
        if use.first:
            times, place = use.times, 0
            while place < len(times):
                seen = int(times[place]) // _HOUR
                day, hour = divmod(seen, _DAY_HOURS)
                entity.days[day] = entity.days.get(day, 0) | 1 << hour
                place = bisect_left(times, (seen + 1) * _HOUR, place)  # the next hour with a request

    def merge(self, other: Self) -> None:
        """Add what the same report observed elsewhere."""
        self._entities.merge(other._entities)
        self._without.merge(other._without)
        self._span.merge(other._span)

    def tables(self, _period: Span, /) -> tuple[Table, ...]:
        """Return entities, auth mounts, days, and requests without an entity."""
        found = self._entities.busiest()
        note = self._entities.note()
        return (
            Table(
                "entities",
                "Entities",
                (
                    *(Column(key) for key in ("name", "entity", "mounts", "state")),
                    *(Column(key, Kind.COUNT) for key in ("requests", "failed", "logins", "days")),
                    *(Column(key, Kind.TIME) for key in ("first", "last")),
                    Column("longest_silence", Kind.SECONDS),
                    Column("addresses"),
                ),
                [
                    (
                        *(one.name.text(), entity, one.mounts.text(), ", ".join(self._states(one))),
                        *(one.requests, one.failed, one.logins, len(one.days)),
                        *(one.span.first, one.span.last, one.silence() * _HOUR, one.addresses.text()),
                    )
                    for entity, one in found
                ],
                note,
            ),
            self._by_mount(note),
            self._by_day(note),
            Table(
                "without_entity",
                "Requests without an entity",
                (
                    *(Column(key) for key in ("path", "operation")),
                    *(Column(key, Kind.COUNT) for key in ("requests", "failed")),
                    *(Column(key, Kind.TIME) for key in ("first", "last")),
                    Column("clients"),
                ),
                [
                    (*key, one.requests, one.failed, one.span.first, one.span.last, one.clients.text())
                    for key, one in self._without.busiest()
                ],
                self._without.note(),
            ),
        )

    def _states(self, one: _Entity) -> list[str]:
        """Say whether an entity is new, gone or short-lived; in a log of one day, nothing can be said."""
        first, last = self._days()
        if not one.days or first == last:
            return []
        states = []
        if min(one.days) > first:
            states.append("new")
        if max(one.days) < last:
            states.append("gone")
        if len(states) == 2 and len(one.days) == 1:  # noqa: PLR2004 - both of them
            states.append("short-lived")
        return states

    def _days(self) -> tuple[int, int]:
        day = _HOUR * _DAY_HOURS
        return int(self._span.first) // day, int(self._span.last) // day

    def _by_mount(self, note: str) -> Table:
        mounts = defaultdict[str, list[int]](lambda: [0] * 5)
        for one in self._entities.values():
            states = self._states(one)
            for mount, logins in one.mounts.counts.items():
                sums = mounts[mount]
                counted = (1, logins, "new" in states, "gone" in states, "short-lived" in states)
                for place, value in enumerate(counted):
                    sums[place] += value
        return Table(
            "mounts",
            "Entities by the auth mount of their logins",
            (
                Column("mount"),
                *(Column(key, Kind.COUNT) for key in ("entities", "logins", "new", "gone", "short_lived")),
            ),
            [(mount, *sums) for mount, sums in sorted(mounts.items(), key=lambda item: (-item[1][0], item[0]))],
            note,
        )

    def _by_day(self, note: str) -> Table:
        days = defaultdict[int, list[int]](lambda: [0] * 3)
        for one in self._entities.values():
            for day in one.days:
                days[day][0] += 1
            if one.days:
                days[min(one.days)][1] += 1
                days[max(one.days)][2] += 1
        seconds = _HOUR * _DAY_HOURS
        return Table(
            "days",
            "Entities by day (UTC)",
            (Column("day", Kind.TIME), *(Column(key, Kind.COUNT) for key in ("entities", "first_seen", "last_seen"))),
            [(day * seconds, *sums) for day, sums in sorted(days.items())],
            note,
        )
