"""Sketches over a sliding window: it consists of slots, and the oldest slot is dropped as a whole."""

import collections
from collections.abc import Callable
from typing import Final, Generic, Protocol, Self, TypeVar

__all__ = ["SLOTS", "Window"]

SLOTS: Final = 12
"""Slots of a window. It covers between its length and one slot more."""


class _Sketch(Protocol):
    def update(self, other: Self, /) -> None: ...


SketchT = TypeVar("SketchT", bound=_Sketch)


class Window(Generic[SketchT]):
    """One sketch for each slot: values go to the newest, and queries read the union.

    Attributes:
        current: the sketch to add to.
    """

    def __init__(self, seconds: float, make: Callable[[], SketchT]) -> None:
        """Start with empty slots.

        Args:
            seconds: length of the window.
            make: makes an empty sketch.
        """
        self.current = make()
        self._make = make
        self._slot_seconds = seconds / SLOTS
        self._slot = 0
        self._closed: collections.deque[tuple[int, SketchT]] = collections.deque()
        self._union_of_closed = make()

    def advance(self, now: float) -> bool:
        """Go on to the slot of a time; tell whether it is a new one, so that ``current`` is another.

        Time that goes back changes nothing.
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
        """Unite the slots."""
        union = self._make()
        union.update(self._union_of_closed)
        union.update(self.current)
        return union
