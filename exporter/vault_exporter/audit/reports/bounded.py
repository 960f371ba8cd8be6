"""Tables of records in bounded memory, which merge.

``Records`` keeps the records with the most requests. While no more than twice its capacity of keys come, it is exact,
in whatever order and from however many files they come. Beyond that it lets go of the records with the fewest requests
and says how many requests these had, and by how many a count that is left may be too low.

Records are structs of msgspec that the garbage collector passes over: there are many, and they are pickled for merging.
"""

import heapq
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, Protocol, Self, TypeVar

import msgspec

__all__ = ["Earliest", "Few", "Record", "Records", "Span"]

_SPARE = 2
_HOUR = 3600
_SHORTEST = 60
"""Seconds from which on a rate by hour is said. A few requests within milliseconds are no millions by hour."""


class Record(Protocol):
    """What is kept for a key."""

    requests: int

    def merge(self, other: Self) -> None:
        """Add what another record of the same key holds."""


K = TypeVar("K", bound=Hashable)
R = TypeVar("R", bound=Record)


class Records(Generic[K, R]):
    """Records by key.

    Attributes:
        error: a record's count is too low by at most this number.
        left_out: requests of records that were let go.
    """

    __slots__ = ("capacity", "error", "found", "left_out", "make")

    def __init__(self, capacity: int, make: Callable[[], R]) -> None:
        """Start empty; ``make`` must be a class or a function of a module, so that it can be pickled."""
        self.capacity = capacity
        self.make = make
        self.found: dict[K, R] = {}
        self.error = 0
        self.left_out = 0

    def new(self, key: K) -> R:
        """Return the record of a key that may not be there yet. A caller looks in ``found`` first."""
        record = self.found.get(key)
        if record is None:
            if len(self.found) >= _SPARE * self.capacity:
                self._reduce()
            record = self.found[key] = self.make()
        return record

    def merge(self, other: Self) -> None:
        """Add the records of another process, which gives them away."""
        found = self.found
        for key, record in other.found.items():
            mine = found.get(key)
            if mine is None:
                found[key] = record
            else:
                mine.merge(record)
        self.error += other.error
        self.left_out += other.left_out
        if len(found) > _SPARE * self.capacity:
            self._reduce()

    def note(self) -> str:
        """Return what the counts lack; empty if they are exact."""
        if not self.error:
            return ""
        return (
            f"{self.left_out:,} requests of keys with few requests are left out; a count may be too low by up to "
            f"{self.error:,}; --keep NUMBER keeps more"
        )

    def _reduce(self) -> None:
        ranked: Iterable[tuple[K, R]] = self.found.items()
        kept = heapq.nlargest(self.capacity, ranked, key=lambda item: (item[1].requests, repr(item[0])))
        gone = self.found.keys() - {key for key, _ in kept}
        counts = [self.found[key].requests for key in gone]
        self.error += max(counts, default=0)
        self.left_out += sum(counts)
        self.found = dict(kept)


class Few(msgspec.Struct, gc=False):
    """Counts of a few values: those that come first in alphabetical order, exact in any order of merging."""

    limit: int = 8
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    more: bool = False

    def add(self, value: str, count: int = 1) -> None:
        """Count a value; an empty one is not counted."""
        counts = self.counts
        if value in counts:
            counts[value] += count
        elif value:
            if len(counts) >= self.limit:
                self.more = True
                last = max(counts)
                if value > last:
                    return
                del counts[last]
            counts[value] = count

    def merge(self, other: Self) -> None:
        """Add the counts of another."""
        self.more = self.more or other.more
        for value, count in other.counts.items():
            self.add(value, count)

    def text(self) -> str:
        """Return the values in one line."""
        return ", ".join([*sorted(self.counts), *(["and more"] if self.more else ())])

    def number(self) -> str:
        """Return how many values there are, with ``+`` if there are more."""
        return f"{len(self.counts)}{'+' if self.more else ''}"


class Span(msgspec.Struct, gc=False):
    """Earliest and latest time as Unix time in seconds; 0 if no time came."""

    first: float = 0.0
    last: float = 0.0

    def add(self, time: float) -> None:
        """Take in a time; 0 is none."""
        if time > self.last:
            self.last = time
            if not self.first:
                self.first = time
        elif time and time < self.first:
            self.first = time

    def widen(self, first: float, last: float) -> None:
        """Take in the earliest and the latest of several times."""
        self.last = max(self.last, last)
        if first and (first < self.first or not self.first):
            self.first = first

    def merge(self, other: Self) -> None:
        """Take in another span."""
        self.widen(other.first, other.last)

    @property
    def seconds(self) -> float:
        """The length."""
        return self.last - self.first

    def per_hour(self, number: int) -> float | None:
        """Return how many an hour ``number`` within it are; None if it is too short to say."""
        return number / self.seconds * _HOUR if self.seconds >= _SHORTEST else None


class Earliest(msgspec.Struct, gc=False):
    """The earliest times of many, exact in any order of merging."""

    limit: int
    times: list[float] = msgspec.field(default_factory=list)
    """Negative times; beyond the limit a heap, whose first is the latest."""

    def add(self, time: float) -> None:
        """Take in a time."""
        times = self.times
        if len(times) < self.limit:
            times.append(-time)
            if len(times) == self.limit:
                heapq.heapify(times)
        elif -time > times[0]:
            heapq.heapreplace(times, -time)

    def extend(self, times: list[float], first: float) -> None:
        """Take in several times, of which ``first`` is the earliest."""
        if len(self.times) < self.limit or -first > self.times[0]:
            for time in times:
                self.add(time)

    def merge(self, other: Self) -> None:
        """Take in the times of another."""
        for time in other.times:
            self.add(-time)

    def ordered(self) -> list[float]:
        """Return the times in order."""
        return sorted(-time for time in self.times)
