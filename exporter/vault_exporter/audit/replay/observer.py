"""Observe the first and last time and the failed paths, which only a replay shows."""

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, Final, Self

from vault_exporter.audit.count.observer import Observed
from vault_exporter.audit.parse.entry import Entry
from vault_exporter.audit.top.frequent import Frequent
from vault_exporter.metrics.family import Sample

__all__ = ["ReplayObserver"]

_LONGEST: Final = 512


class ReplayObserver:
    """Observes all entries.

    Attributes:
        first: the earliest time of an entry.
        last: the latest time of an entry.
        failed_paths: number of failed requests by path.
    """

    observed: ClassVar[Observed] = Observed.REQUESTS | Observed.RESPONSES
    needs_sender: ClassVar[bool] = False

    def __init__(self, tracked: int) -> None:
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.failed_paths = Frequent(tracked)

    def observe(self, entry: Entry) -> None:
        """Update the first and the last time."""
        time = entry.time
        if time is None:
            return
        if self.first is None or self.last is None:
            self.first = self.last = time
        elif time > self.last:
            self.last = time
        elif time < self.first:
            self.first = time

    def failed(self, entry: Entry) -> None:
        """Count the path of a failed request."""
        if entry.request is not None and entry.request.path:
            self.failed_paths.add(entry.request.path[:_LONGEST])

    def samples(self) -> Iterator[Sample]:
        """Yield nothing; only the summary uses this observer."""
        yield from ()

    def merge(self, other: Self) -> None:
        """Merge the values of another process."""
        self.first = min((time for time in (self.first, other.first) if time is not None), default=None)
        self.last = max((time for time in (self.last, other.last) if time is not None), default=None)
        self.failed_paths.update(other.failed_paths)
