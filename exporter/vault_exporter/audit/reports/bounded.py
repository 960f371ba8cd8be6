"""Tables of records in bounded memory, which merge.

``Records`` keeps the records with the most requests. While no more than twice its capacity of keys come, it is exact,
in whatever order and from however many files they come. Beyond that it lets go of the records with the fewest requests
and says how many requests these had, and by how many a count that is left may be too low.

Records are structs of msgspec that the garbage collector passes over, and are pickled as MessagePack: there are many,
and each process of a replay hands over its own for each file.
"""

import heapq
import math
from collections.abc import Hashable, Iterable, Sequence
from functools import cache
from typing import Any, ClassVar, Self, TypeVar

import msgspec

__all__ = ["Earliest", "Few", "One", "Record", "Records", "Sixteen", "Span", "Two"]

_SPARE = 2
_HOUR = 3600
_SHORTEST = 60
"""Seconds from which on a rate by hour is said. A few requests within milliseconds are no millions by hour."""


class Record(msgspec.Struct, gc=False, array_like=True):
    """What is kept for a key."""

    requests: int = 0

    def merge(self, other: Self) -> None:
        """Add what another record of the same key holds. The other is not used after it."""
        raise NotImplementedError


K = TypeVar("K", bound=Hashable)
R = TypeVar("R", bound=Record)


class Records(dict[K, R]):
    """Records by key. Looking up a key makes its record.

    Attributes:
        capacity: how many records are kept of more than twice as many.
        error: a record's count is too low by at most this number.
        left_out: requests of records that were let go.
    """

    __slots__ = ("_key", "_make", "capacity", "error", "left_out")

    def __init__(self, capacity: int, key: type[K], make: type[R]) -> None:
        """Start empty.

        Args:
            capacity: how many records are kept of more than twice as many.
            key: the type of the keys, such as ``tuple[str, str]``.
            make: the type of the records.
        """
        self.capacity = capacity
        self._key = key
        self._make = make
        self.error = 0
        self.left_out = 0

    def __missing__(self, key: K) -> R:
        """Make the record of a key."""
        if len(self) >= _SPARE * self.capacity:
            self._reduce()
        record = self[key] = self._make()
        return record

    def merge(self, other: Self) -> None:
        """Add the records of another process, which gives them away."""
        find = self.get
        for key, record in other.items():
            mine = find(key)
            if mine is None:
                self[key] = record
            else:
                mine.merge(record)
        self.error += other.error
        self.left_out += other.left_out
        if len(self) > _SPARE * self.capacity:
            self._reduce()

    def busiest(self) -> list[tuple[K, R]]:
        """Return keys and records, those with the most requests first, and equal ones in the order of their keys."""
        return sorted(self.items(), key=lambda item: (-item[1].requests, item[0]))

    def note(self) -> str:
        """Return what the counts lack; empty if they are exact."""
        if not self.error:
            return ""
        return (
            f"{self.left_out:,} requests of keys with few requests are left out; a count may be too low by up to "
            f"{self.error:,}; --keep NUMBER keeps more"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the state for pickle: the records as MessagePack, which takes a fifth of the time of pickling them."""
        how = self.capacity, self._key, self._make, self.error, self.left_out
        return _unpacked, (*how, msgspec.msgpack.encode(dict(self)))

    def _reduce(self) -> None:
        ranked: Iterable[tuple[K, R]] = self.items()
        kept = heapq.nlargest(self.capacity, ranked, key=lambda item: (item[1].requests, repr(item[0])))
        gone = self.keys() - {key for key, _ in kept}
        counts = [self[key].requests for key in gone]
        self.error += max(counts, default=0)
        self.left_out += sum(counts)
        self.clear()
        self.update(kept)


def _unpacked(capacity: int, key: type[K], make: type[R], error: int, left_out: int, packed: bytes) -> Records[K, R]:
    records = Records(capacity, key, make)
    records.error, records.left_out = error, left_out
    records.update(_decoder(key, make).decode(packed))
    return records


@cache
def _decoder(key: Any, make: Any) -> msgspec.msgpack.Decoder[Any]:  # noqa: ANN401 - types
    return msgspec.msgpack.Decoder(dict[key, make])


class Few(msgspec.Struct, gc=False, array_like=True):
    """Counts of a few values: those that come first in alphabetical order, exact in any order of merging."""

    limit: ClassVar[int] = 8

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
        counts = self.counts
        for value, count in other.counts.items():
            if value in counts:
                counts[value] += count
            else:
                self.add(value, count)

    def text(self) -> str:
        """Return the values in one line."""
        return ", ".join([*sorted(self.counts), *(["and more"] if self.more else ())])

    def number(self) -> str:
        """Return how many values there are, with ``+`` if there are more."""
        return f"{len(self.counts)}{'+' if self.more else ''}"


class One(Few):
    """Counts of one value."""

    limit = 1


class Two(Few):
    """Counts of up to two values."""

    limit = 2


class Sixteen(Few):
    """Counts of up to 16 values."""

    limit = 16


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
        if last > self.last:  # noqa: PLR1730 - a call of max takes three times as long
            self.last = last
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


class Earliest(msgspec.Struct, gc=False, array_like=True):
    """The earliest 128 times of many, exact in any order of merging."""

    limit: ClassVar[int] = 128

    times: list[float] = msgspec.field(default_factory=list)
    """In no order, and up to twice as many as the limit, so that sorting them is rare."""
    bound: float = math.inf
    """Later times are not among the earliest."""

    def extend(self, times: Sequence[float], first: float) -> None:
        """Take in several times, of which ``first`` is the earliest."""
        if first >= self.bound:
            return
        own = self.times
        own += times
        if len(own) > _SPARE * self.limit:
            own.sort()
            del own[self.limit :]
            self.bound = own[-1]

    def ordered(self) -> list[float]:
        """Return the times in order."""
        return sorted(self.times)[: self.limit]
