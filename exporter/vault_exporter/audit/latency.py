"""How long requests took: a response's time less its request's.

Both state when Vault wrote the entry, so this is the time Vault worked on the request, without the network.
"""

from datetime import datetime, timedelta
from typing import Final

from vault_exporter import catalogue as c
from vault_exporter.metrics import Distribution, Exemplar

__all__ = ["OPERATION_CLASSES", "Durations", "Pending", "operation_class"]

OPERATION_CLASSES: Final = {
    "read": "read",
    "help": "read",
    "header": "read",
    "list": "list",
    "scan": "list",
    "create": "write",
    "update": "write",
    "patch": "write",
    "delete": "delete",
}
"""Classes of operations that take alike; every other operation is of the class ``other``."""

_Observed = tuple[str, float, datetime]
"""A request's id, its seconds, and when it ended."""


def operation_class(operation: str) -> str:
    """Return the class that an operation's latency is counted in."""
    return OPERATION_CLASSES.get(operation, "other")


class Durations:
    """The durations of the requests of one kind: a histogram, with the last request of each bucket."""

    __slots__ = ("counts", "last", "sum")

    def __init__(self) -> None:
        buckets = len(c.AUDIT_DURATION.buckets) + 1
        self.counts = [0] * buckets
        self.sum = 0.0
        self.last: list[_Observed | None] = [None] * buckets

    def distribution(self) -> Distribution:
        """Return it as a sample's value."""
        exemplars = tuple(
            None if last is None else Exemplar((("request_id", last[0]),), last[1], last[2].timestamp())
            for last in self.last
        )
        return Distribution(tuple(self.counts), self.sum, exemplars)

    def merge(self, other: "Durations") -> None:
        """Add what another process counted."""
        self.counts = [own + more for own, more in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum
        self.last = [more or own for own, more in zip(self.last, other.last, strict=True)]


class Pending:
    """The requests of one log whose responses were not read yet, the oldest first.

    Bounded in number by ``limit`` and in age by :data:`LONGEST`; ids are bounded by decoding.
    """

    LONGEST: Final = timedelta(minutes=10)
    """Of the log's own time. What takes longer is no request but a stream, such as ``sys/monitor``."""
    _LOOK_EVERY: Final = timedelta(seconds=10)

    __slots__ = ("_looked", "evicted", "expired", "requests", "unmatched")

    def __init__(self) -> None:
        self.requests: dict[str, datetime | None] = {}
        """When each was asked, by id; the pipeline writes it."""
        self.evicted = 0
        self.expired = 0
        self.unmatched = 0
        """Responses whose requests were not there; the pipeline counts them."""
        self._looked: datetime | None = None

    def bound(self, now: datetime | None, limit: int) -> None:
        """Let go of requests beyond the limit and of those that are too old.

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
            for id_, asked in requests.items():
                if asked is not None and now - asked < self.LONGEST:
                    break
                old.append(id_)
            for id_ in old:
                del requests[id_]
            self.expired += len(old)

    def merge(self, other: "Pending") -> None:
        """Add what another process counted; what waits there waits here."""
        self.requests |= other.requests
        self.evicted += other.evicted
        self.expired += other.expired
        self.unmatched += other.unmatched
