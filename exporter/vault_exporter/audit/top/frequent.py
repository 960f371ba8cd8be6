"""Find the most frequent values of a stream in bounded memory, with bounds on the error of each count.

The algorithm is that of Misra and Gries in the form of Anderson et al., "A High-Performance Algorithm for Identifying
Frequent Items in Data Streams" (arXiv:1705.07001): a dictionary counts until it is full; then one pass subtracts the
same amount from all counts and removes values that reach zero. Counting a known value is one increment, as the hot path
needs. Space-Saving would have to keep all counts sorted on every step.
"""

import heapq
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

__all__ = ["Frequent", "Item"]

_SPARE: Final = 2
"""Size of the dictionary before a reduction, as a multiple of ``capacity``, so that passes are rare."""


class Item(NamedTuple):
    """A value, with lower and upper bound of its count."""

    value: str
    at_least: int
    at_most: int


class Frequent:
    """Counts of the most frequent values.

    Of ``total`` values, each one that occurs more than ``total / capacity`` times is kept. A count is too low by at
    most ``error``, which is at most ``total / capacity``. Up to ``2 * capacity`` distinct values, counts are exact.

    Attributes:
        counts: value to count. A caller may increment an existing value, and calls :meth:`add` for a new one.
        error: largest amount by which a count is too low.
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
        """Merge the counts of another instance, which is unchanged. Errors add up."""
        counts = self.counts
        for value, count in other.counts.items():
            counts[value] = counts.get(value, 0) + count
        self.error += other.error
        if len(counts) > _SPARE * self.capacity:
            self._reduce()

    def top(self, number: int) -> tuple[Item, ...]:
        """Return the most frequent values in descending order, and equal counts in alphabetical order."""
        best: Iterable[tuple[str, int]] = heapq.nsmallest(
            number, self.counts.items(), key=lambda item: (-item[1], item[0])
        )
        return tuple(Item(value, count, count + self.error) for value, count in best)

    def _reduce(self) -> None:
        """Subtract the count of the first value above the capacity from all counts."""
        cut = heapq.nlargest(self.capacity + 1, self.counts.values())[-1]
        self.counts = {value: count - cut for value, count in self.counts.items() if count > cut}
        self.error += cut
