"""Sketches over a sliding window of slots. The oldest slot is dropped as a whole."""

import collections
from collections.abc import Callable
from typing import Final, Generic, Protocol, Self, TypeVar

__all__ = ["SLOTS", "Window"]

SLOTS: Final = 12
"""Number of slots. A window covers its length plus up to one slot."""


class _Sketch(Protocol):
    def update(self, other: Self, /) -> None: ...


SketchT = TypeVar("SketchT", bound=_Sketch)


class Window(Generic[SketchT]):
    """One sketch per slot. Values go to the newest, and queries read the union.

    Attributes:
        current: the sketch to add to.
    """

    def __init__(self, seconds: float, make: Callable[[], SketchT]) -> None:
        """Start with empty slots.

        Args:
            seconds: length of the window in seconds.
            make: creates an empty sketch.
        """
        self.current = make()
        self._make = make
        self._slot_seconds = seconds / SLOTS
        self._slot = 0
        self._closed: collections.deque[tuple[int, SketchT]] = collections.deque()
        self._union_of_closed = make()

    def advance(self, now: float) -> bool:
        """Move to the slot of a time; return whether the slot, and so ``current``, is a new one.

        An earlier time changes nothing.
        """
        slot = int(now // self._slot_seconds)
        if slot <= self._slot:
            return False
        self._closed.append((self._slot, self.current))
        while self._closed and self._closed[0][0] < slot - SLOTS:
            self._closed.popleft()
        self._slot, self.current = slot, self._make()
        self._union_of_closed = self._make()
        for _, sketch in self._closed:
            self._union_of_closed.update(sketch)
        return True

    def union(self) -> SketchT:
        """Merge the slots into one sketch."""
        union = self._make()
        union.update(self._union_of_closed)
        union.update(self.current)
        return union
