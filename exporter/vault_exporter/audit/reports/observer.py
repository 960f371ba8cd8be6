"""The observer of a replay's entries that feeds all reports that were asked for."""

from collections.abc import Iterator, Sequence
from typing import Self

import msgspec

from vault_exporter.audit.parse.entry import Detail, Entry
from vault_exporter.audit.reports.filters import Filters
from vault_exporter.audit.reports.registry import made
from vault_exporter.audit.reports.table import Table
from vault_exporter.audit.reports.use import use_of
from vault_exporter.metrics.family import Sample

__all__ = ["Asked", "ReportsObserver"]


class Asked(msgspec.Struct, frozen=True):
    """The reports that were asked for. Each process of a replay makes its own from it."""

    reports: tuple[tuple[str, ...], ...]
    """Names with their arguments."""
    filters: Filters
    keep: int


class ReportsObserver:
    """Makes a use of each request that ended and gives it to the reports, if it passes the filters."""

    def __init__(self, asked: Asked) -> None:
        self._names = asked.reports
        self._filters = asked.filters or None
        self._reports = tuple(made(words, asked.keep) for words in asked.reports)
        self._failed: Entry | None = None

    def failed(self, entry: Entry) -> None:
        """Remember that an entry, which is observed next, ends its request in an error."""
        self._failed = entry

    def observe(self, entry: Detail) -> None:
        """Take in a response, or a request that failed and has none."""
        failed = entry is self._failed
        if entry.is_request and not failed:
            return
        self._failed = None
        use = use_of(entry, failed=failed)
        if use is None or (self._filters is not None and not self._filters.fit(use)):
            return
        for report in self._reports:
            report.observe(use)

    def samples(self) -> Iterator[Sample]:
        """Yield nothing: reports are for whoever can read the log, and never become metrics."""
        yield from ()

    def merge(self, other: Self) -> None:
        """Add what the reports of another process observed."""
        for own, theirs in zip(self._reports, other._reports, strict=True):
            own.merge(theirs)

    def results(self) -> tuple[tuple[str, Sequence[Table]], ...]:
        """Return the tables of each report, in the order in which they were asked for."""
        return tuple(
            (" ".join(words), report.tables()) for words, report in zip(self._names, self._reports, strict=True)
        )
