"""Measure how long requests take: the response's time minus the request's.

Both are the times at which Vault wrote the entries, so the network is not included.
"""

from bisect import bisect_left
from datetime import datetime, timedelta
from typing import Final

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Distribution, Exemplar

__all__ = ["BUCKETS", "NO_TIME", "OPERATION_CLASSES", "Durations", "operation_class"]

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

BUCKETS: Final = [timedelta(seconds=bound) for bound in c.AUDIT_DURATION.buckets]
"""The bounds of the histogram. Durations stay as they are until a scrape: converting each to seconds costs more."""
NO_TIME: Final = timedelta()

_Observed = tuple[str, timedelta, datetime]
"""A request's id, how long it took, and when it ended."""


def operation_class(operation: str) -> str:
    """Return the class that an operation's latency is counted in."""
    return OPERATION_CLASSES.get(operation, "other")


class Durations:
    """A histogram of durations, with the last request of each bucket."""

    __slots__ = ("counts", "last", "sum")

    def __init__(self) -> None:
        buckets = len(BUCKETS) + 1
        self.counts = [0] * buckets
        self.sum = NO_TIME
        self.last: list[_Observed | None] = [None] * buckets

    def observe(self, id_: str, took: timedelta, ended: datetime) -> None:
        """Count a duration; the pipeline does the same by itself for a request and its response in one log."""
        self.sum = _added(self.sum, max(took, NO_TIME))
        place = bisect_left(BUCKETS, took)
        self.counts[place] += 1
        self.last[place] = (id_, took, ended)

    def distribution(self) -> Distribution:
        """Return the histogram as the value of a sample."""
        exemplars = tuple(
            None if last is None else Exemplar((("request_id", last[0]),), last[1].total_seconds(), last[2].timestamp())
            for last in self.last
        )
        return Distribution(tuple(self.counts), self.sum.total_seconds(), exemplars)

    def merge(self, other: "Durations") -> None:
        """Add what another process counted."""
        self.counts = [own + more for own, more in zip(self.counts, other.counts, strict=True)]
        self.sum = _added(self.sum, other.sum)
        self.last = [more or own for own, more in zip(self.last, other.last, strict=True)]


def _added(one: timedelta, other: timedelta) -> timedelta:
    """Add durations, up to the longest there is: a log may state any times."""
    try:
        return one + other
    except OverflowError:
        return timedelta.max
