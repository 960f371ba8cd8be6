"""The most frequent values of a stream, in bounded memory, with a bound on each count's error.

The algorithm is that of Misra and Gries in the form of Anderson et al., "A High-Performance Algorithm for Identifying
Frequent Items in Data Streams" (arXiv:1705.07001): a plain dictionary counts until it is full, and then one pass takes
the same amount from all counts and forgets those that reach nothing. Counting a known value is one increment, which is
all that the hot path can afford; Space-Saving's order of all counts on every step is not.
"""

import heapq
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

__all__ = ["Frequent", "Item"]

_SPARE: Final = 2
"""How many times ``capacity`` the dictionary holds before it is reduced; then a pass is rare."""


class Item(NamedTuple):
    """A value and the bounds of its count."""

    value: str
    at_least: int
    at_most: int


class Frequent:
    """Counts of the most frequent values.

    Of ``total`` values seen, each one that came more often than ``total / capacity`` times is held, and a count is
    short by at most ``error``, which is never above ``total / capacity``. While there are at most ``2 * capacity``
    different values, counts are exact.

    Attributes:
        counts: value to count; a caller may increment a value that is there, and calls :meth:`add` for one that is not.
        error: what counts may be short by.
    """

    __slots__ = ("capacity", "counts", "error")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.counts: dict[str, int] = {}
        self.error = 0

    def add(self, value: str, count: int = 1) -> None:
        """Count a value."""
        counts = self.counts
        if value not in counts and len(counts) >= _SPARE * self.capacity:
            self._reduce()
            counts = self.counts
        counts[value] = counts.get(value, 0) + count

    def update(self, other: Self) -> None:
        """Add another's counts, which stay as they are; the errors add up, too."""
        counts = self.counts
        for value, count in other.counts.items():
            counts[value] = counts.get(value, 0) + count
        self.error += other.error
        if len(counts) > _SPARE * self.capacity:
            self._reduce()

    def top(self, number: int) -> tuple[Item, ...]:
        """Return the most frequent values, most frequent first; equal ones in the order of the alphabet."""
        best: Iterable[tuple[str, int]] = heapq.nsmallest(
            number, self.counts.items(), key=lambda item: (-item[1], item[0])
        )
        return tuple(Item(value, count, count + self.error) for value, count in best)

    def _reduce(self) -> None:
        """Take the count of the first value beyond the capacity from all."""
        cut = heapq.nlargest(self.capacity + 1, self.counts.values())[-1]
        self.counts = {value: count - cut for value, count in self.counts.items() if count > cut}
        self.error += cut
