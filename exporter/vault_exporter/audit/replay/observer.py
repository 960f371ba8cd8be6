"""Observe what only a replay shows: the first and last time, and the paths that failed."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Self

from vault_exporter.audit.parse.entry import Detail, Entry
from vault_exporter.audit.top.frequent import Frequent
from vault_exporter.metrics.family import Sample

__all__ = ["ReplayObserver"]

_LONGEST: Final = 512


class ReplayObserver:
    """Observes all entries.

    Attributes:
        first: the earliest time that an entry states.
        last: the latest one.
        failed_paths: paths of requests that failed, how often.
    """

    def __init__(self, tracked: int) -> None:
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.failed_paths = Frequent(tracked)

    def observe(self, entry: Detail) -> None:
        """Keep the first and the last time."""
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
        """Yield nothing: only the summary uses it."""
        yield from ()

    def merge(self, other: Self) -> None:
        """Add what another process observed."""
        self.first = min((time for time in (self.first, other.first) if time is not None), default=None)
        self.last = max((time for time in (self.last, other.last) if time is not None), default=None)
        self.failed_paths.update(other.failed_paths)
