"""Measure how long requests take: the response's time minus the request's.

Both are the times at which Vault wrote the entries, so the network is not included.
"""

from bisect import bisect_left
from datetime import datetime
from typing import Final

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Distribution, Exemplar

__all__ = ["OPERATION_CLASSES", "Durations", "operation_class"]

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
"""Class of each operation; every other operation is of the class ``other``."""

_Observed = tuple[str, float, datetime]
"""A request's id, its seconds, and when it ended."""


def operation_class(operation: str) -> str:
    """Return the class that an operation's latency is counted in."""
    return OPERATION_CLASSES.get(operation, "other")


class Durations:
    """A histogram of durations, with the last request of each bucket."""

    __slots__ = ("counts", "last", "sum")

    def __init__(self) -> None:
        buckets = len(c.AUDIT_DURATION.buckets) + 1
        self.counts = [0] * buckets
        self.sum = 0.0
        self.last: list[_Observed | None] = [None] * buckets

    def observe(self, id_: str, seconds: float, ended: datetime) -> None:
        """Count a duration; the pipeline does the same by itself for a request and its response in one log."""
        self.sum += max(seconds, 0.0)
        place = bisect_left(c.AUDIT_DURATION.buckets, seconds)
        self.counts[place] += 1
        self.last[place] = (id_, seconds, ended)

    def distribution(self) -> Distribution:
        """Return the histogram as the value of a sample."""
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
