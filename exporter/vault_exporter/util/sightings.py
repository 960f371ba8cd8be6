"""Requests that this process sends, and then wants to see in an audit log that it follows."""

import time
from collections.abc import Callable
from typing import Final

import msgspec

__all__ = ["LONGEST_SECONDS", "Sighting", "Sightings"]

LONGEST_SECONDS: Final = 60.0
"""How long after it was answered a request may take to come by."""
_MOST_SEEN: Final = 64
_ESCAPED_BY_GO: Final = {"&": "\\u0026", "<": "\\u003c", ">": "\\u003e"}


class Sighting:
    """Requests to one path: those sent, and those seen.

    A server writes the log before it answers, so a request may be seen before its id is known.

    Attributes:
        path: as the log states it; a namespace may be before it.
        needle: how it stands in a line of JSON, to its end.
    """

    def __init__(self, path: str, clock: Callable[[], float]) -> None:
        self.path = path
        text = msgspec.json.encode(path).decode()
        self.needle = "".join(_ESCAPED_BY_GO.get(character, character) for character in text[1:]).encode()
        self._clock = clock
        self._answered: dict[str, float] = {}
        self._seen: dict[str, float] = {}
        self._deadline: float | None = None

    def expect(self, answered: dict[str, float]) -> None:
        """State what was sent.

        Args:
            answered: ids of the requests, with the times at which they were answered; none ends it.
        """
        self._answered = answered
        self._deadline = max(answered.values(), default=0.0) + LONGEST_SECONDS

    def see(self, path: str, id_: str) -> None:
        """Note a request that is in the log."""
        if path.endswith(self.path) and len(self._seen) < _MOST_SEEN:
            self._seen.setdefault(id_, self._clock())

    @property
    def is_open(self) -> bool:
        """Whether there is still something to see."""
        if self._deadline is None:
            return True
        return self._clock() < self._deadline and not self._answered.keys() <= self._seen.keys()

    @property
    def delay(self) -> float | None:
        """Seconds from the answer of the slowest request until it was seen; None if one was not seen."""
        if not self._answered or not self._answered.keys() <= self._seen.keys():
            return None
        return max(0.0, *(self._seen[id_] - at for id_, at in self._answered.items()))


class Sightings:
    """Connects who sends requests with who reads the log."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Look for nothing.

        Args:
            clock: seconds since the epoch.
        """
        self._clock = clock
        self._open: tuple[Sighting, ...] = ()

    def begin(self, path: str) -> Sighting:
        """Look for requests to a path, from before they are sent."""
        sighting = Sighting(path, self._clock)
        self._open = (*self.open(), sighting)
        return sighting

    def open(self) -> tuple[Sighting, ...]:
        """Return those that wait for a request."""
        if self._open:
            self._open = tuple(one for one in self._open if one.is_open)
        return self._open
