"""The observer of a replay's entries that feeds all reports that were asked for.

Equal requests are gathered and given to the reports together. Most requests repeat, and nine reports that look at each
one would take several times as long as reading the log.
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final, Self

import msgspec

from vault_exporter.audit.count.observer import Observed
from vault_exporter.audit.parse.entry import Entry, ResponseEntry
from vault_exporter.audit.parse.report_entry import ReportRequestEntry, ReportResponseEntry
from vault_exporter.audit.reports.bounded import Span
from vault_exporter.audit.reports.filters import Filters
from vault_exporter.audit.reports.registry import made
from vault_exporter.audit.reports.table import Table
from vault_exporter.audit.reports.use import ReportEntry, Use, key_of, use_of
from vault_exporter.metrics.family import Sample

__all__ = ["Asked", "Looked", "ReportsObserver"]

_MOST_GATHERED: Final = 65_536
"""Requests to gather before the reports look at them."""


class Asked(msgspec.Struct, frozen=True):
    """The reports that were asked for. Each process of a replay makes its own from it."""

    reports: tuple[tuple[str, ...], ...]
    """Names with their arguments."""
    filters: Filters
    keep: int


class Looked(msgspec.Struct):
    """At which requests reports looked."""

    requests: int = 0
    period: Span = msgspec.field(default_factory=Span)
    """The earliest and the latest of their times."""
    passed: int = 0
    """How many of them passed the filters."""

    def merge(self, other: Self) -> None:
        """Add those of another process."""
        self.requests += other.requests
        self.period.merge(other.period)
        self.passed += other.passed


class ReportsObserver:
    """Makes a use of each request that ended and gives it to the reports, if it passes the filters."""

    observed: ClassVar[Observed] = Observed.RESPONSES
    needs_sender: ClassVar[bool] = True

    def __init__(self, asked: Asked) -> None:
        self._names = asked.reports
        self._filters = asked.filters or None
        self._reports = tuple(made(words, asked.keep) for words in asked.reports)
        self._failed: Entry | None = None
        self._gathered: dict[tuple[object, ...], Use] = {}
        self._room = _MOST_GATHERED
        self._outside = Looked()
        self._within = Looked()

    def failed(self, entry: Entry) -> None:
        """Take in a request that failed and has no response; or remember a failed response, which is observed next."""
        if isinstance(entry, ReportRequestEntry):
            self._take(entry, failed=True)
        else:
            self._failed = entry

    def observe(self, entry: ResponseEntry) -> None:
        """Take in a response."""
        failed = entry is self._failed
        self._failed = None
        if isinstance(entry, ReportResponseEntry):
            self._take(entry, failed=failed)

    def _take(self, entry: ReportEntry, *, failed: bool) -> None:
        request, moment = entry.request, entry.time
        if request is None:
            return
        time = moment.timestamp() if moment is not None else 0.0
        if self._filters is not None and not self._filters.fit_time(time):
            self._outside.requests += 1
            self._outside.period.add(time)
            return
        key = key_of(entry, request, failed=failed)
        use = self._gathered.get(key) if key is not None else None
        if use is None:
            use = use_of(entry, request, failed=failed)
            if key is not None:
                self._gathered[key] = use
        use.times.append(time)
        use.ids.append(request.id)
        if key is None:
            self._give(use)
        self._room -= 1
        if not self._room:
            self._give_all()

    def samples(self) -> Iterator[Sample]:
        """Yield nothing: reports are for whoever can read the log, and never become metrics."""
        yield from ()

    def merge(self, other: Self) -> None:
        """Add what the reports of another process observed."""
        self._give_all()
        other._give_all()
        for own, theirs in zip(self._reports, other._reports, strict=True):
            own.merge(theirs)
        self._outside.merge(other._outside)
        self._within.merge(other._within)

    def looked(self) -> Looked:
        """Return at what the reports looked."""
        self._give_all()
        found = Looked()
        found.merge(self._within)
        found.merge(self._outside)
        return found

    def results(self) -> tuple[tuple[str, Sequence[Table]], ...]:
        """Return the tables of each report, in the order in which they were asked for."""
        self._give_all()
        return tuple(
            (" ".join(words), report.tables(self._within.period))
            for words, report in zip(self._names, self._reports, strict=True)
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled."""
        self._give_all()
        return self.__dict__

    def _give_all(self) -> None:
        """Let the reports look at what was gathered."""
        for use in self._gathered.values():
            self._give(use)
        self._gathered.clear()
        self._room = _MOST_GATHERED

    def _give(self, use: Use) -> None:
        use.first, use.last, use.requests = min(use.times), max(use.times), len(use.times)
        self._within.requests += use.requests
        self._within.period.widen(use.first, use.last)
        if self._filters is not None and not self._filters.fit(use):
            return
        self._within.passed += use.requests
        for report in self._reports:
            report.observe(use)
