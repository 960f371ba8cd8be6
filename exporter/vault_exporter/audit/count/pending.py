"""Requests whose responses were not read yet."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from vault_exporter.audit.count.counters import Cell

__all__ = ["Pending", "Unasked"]


class Unasked(NamedTuple):
    """A response without a request, and where its duration is counted once the request is found."""

    time: datetime | None
    mount_type: str
    operation: str


class Pending:
    """The requests of one log that wait for their responses, the oldest first.

    Their number is bounded by ``limit``, their age by :data:`LONGEST`, and the length of ids by the decoder.
    """

    LONGEST: Final = timedelta(minutes=10)
    """In the time that entries state. What takes longer is a stream, such as ``sys/monitor``."""
    _LOOK_EVERY: Final = timedelta(seconds=10)

    __slots__ = ("_keep", "_looked", "evicted", "expired", "requests", "unasked", "unmatched")

    def __init__(self, keep: int = 0) -> None:
        """Start empty; so many responses without a request are kept, for their requests may be in another log."""
        self._keep = keep
        self.requests: dict[str, tuple[datetime | None, Cell | None]] = {}
        """By id: the time of the request, and where its response is counted, if known. The pipeline fills it."""
        self.evicted = 0
        self.expired = 0
        self.unmatched = 0
        """Responses without a request."""
        self.unasked: dict[str, Unasked] = {}
        """The first ones of them by id."""
        self._looked: datetime | None = None

    def answer_unasked(self, id_: str, time: datetime | None, cell: Cell) -> None:
        """Count a response without a request."""
        self.unmatched += 1
        if len(self.unasked) < self._keep:
            self.unasked[id_] = Unasked(time, cell.key.mount_type, cell.key.operation)

    def bound(self, now: datetime | None, limit: int) -> None:
        """Drop requests beyond the limit and those that are too old.

        Args:
            now: the time of the newest entry.
            limit: how many may be kept.
        """
        requests = self.requests
        if (excess := len(requests) - limit) > 0:
            for id_ in [id_ for _, id_ in zip(range(excess), requests, strict=False)]:
                del requests[id_]
            self.evicted += excess
        if now is None:
            return
        # Finding the oldest takes longer the more went before it, so not at every call.
        if self._looked is None or abs(now - self._looked) >= self._LOOK_EVERY:
            self._looked = now
            old = []
            for id_, (sent, _) in requests.items():
                if sent is not None and now - sent < self.LONGEST:
                    break
                old.append(id_)
            for id_ in old:
                del requests[id_]
            self.expired += len(old)

    def merge(self, other: "Pending") -> None:
        """Add what another process counted, and its waiting requests."""
        # The cells are the other process'.
        self.unasked |= other.unasked
        self.requests |= {id_: (sent, None) for id_, (sent, _) in other.requests.items()}
        self.evicted += other.evicted
        self.expired += other.expired
        self.unmatched += other.unmatched
