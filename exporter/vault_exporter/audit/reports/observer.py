"""The observer of a replay's entries that feeds all reports that were asked for.

Equal requests are given to the reports together. Most requests repeat, and nine reports that look at each one would
take several times as long as reading the log.
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final, Self

import msgspec

from vault_exporter.audit.count.observer import Observed
from vault_exporter.audit.parse.entry import Entry
from vault_exporter.audit.parse.report_entry import ReportRequestEntry, ReportResponseEntry
from vault_exporter.audit.reports.bounded import Span
from vault_exporter.audit.reports.filters import Filters
from vault_exporter.audit.reports.gathered import Gathered
from vault_exporter.audit.reports.registry import made
from vault_exporter.audit.reports.table import Table
from vault_exporter.audit.reports.use import ALONE, Use, use_of
from vault_exporter.metrics.family import Sample

__all__ = ["Asked", "Looked", "ReportsObserver"]

_MOST_NEW: Final = 65_536
"""Requests to keep with their ids before they are gathered, and kB of their texts: a path may have a megabyte."""


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
        self._narrow = tuple(report for report in self._reports if not report.is_wide)
        self._wide = tuple(report for report in self._reports if report.is_wide)
        self._failed: Entry | None = None
        self._new: dict[tuple[object, ...], Use] = {}
        self._room = _MOST_NEW
        self._gathered = Gathered()
        self._outside = Looked()
        self._within = Looked()

    def failed(self, entry: Entry) -> None:
        """Take in a request that failed and has no response; or remember a failed response, which is observed next."""
        self._failed = entry
        if isinstance(entry, ReportRequestEntry):
            self.observe(entry)

    def observe(self, entry: Entry) -> None:
        """Take in a response."""
        if not isinstance(entry, (ReportResponseEntry, ReportRequestEntry)) or entry.request is None:
            return
        request, moment, failed = entry.request, entry.time, entry is self._failed
        auth, space, mount_type = entry.auth, request.namespace, request.mount_type
        time = 0.0 if moment is None else moment.timestamp()
        if self._filters is not None and not self._filters.fit_time(time):
            self._outside.requests += 1
            self._outside.period.add(time)
            return
        if (
            not time
            or (mount_type in ALONE and not request.path.endswith("-self"))
            or (type(entry) is ReportResponseEntry and entry.response is not None and entry.response.auth is not None)
        ):
            self._look_alone(use_of(entry, request, failed=failed), time, request.id)
            return
        # All that use_of() uses. It is here since this is done for each request, and a call takes a tenth of it.
        key = (
            request.path,
            request.operation,
            request.remote_address,
            request.client_id,
            request.client_token_accessor
            if auth is None
            else (
                auth.accessor or (request.client_token_accessor, auth.client_token),
                auth.entity_id,
                auth.display_name,
                auth.token_ttl,
            ),
            failed and (entry.error, auth is not None and bool(auth.policy_results)),
            request.mount_point,
            mount_type,
            space and space.path,
        )
        use = self._new.get(key)
        if use is None:
            use = self._new[key] = use_of(entry, request, failed=failed)
            self._room -= (len(request.path) + len(entry.error)) >> 10
        use.times.append(time)
        use.ids.append(request.id)
        self._room -= 1
        if self._room <= 0:
            self._gather()

    def samples(self) -> Iterator[Sample]:
        """Yield nothing: reports are for whoever can read the log, and never become metrics."""
        yield from ()

    def merge(self, other: Self) -> None:
        """Add what the reports of another process observed."""
        self._gather()
        other._gather()
        for own, theirs in zip(self._reports, other._reports, strict=True):
            own.merge(theirs)
        self._gathered.merge(other._gathered)
        if self._gathered.is_full:
            self._look()
        self._outside.merge(other._outside)
        self._within.merge(other._within)

    def looked(self) -> Looked:
        """Return at what the reports looked."""
        self._gather()
        found = Looked()
        found.merge(self._within)
        found.merge(self._outside)
        return found

    def results(self) -> tuple[tuple[str, Sequence[Table]], ...]:
        """Return the tables of each report, in the order in which they were asked for."""
        self._gather()
        self._look()
        return tuple(
            (" ".join(words), report.tables(self._within.period))
            for words, report in zip(self._names, self._reports, strict=True)
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled."""
        self._gather()
        self._failed = None
        return self.__dict__

    def _look_alone(self, use: Use, time: float, id_: str) -> None:
        """Let all reports look at a single request."""
        use.times, use.ids = [time], [id_]
        if self._passes(use):
            for report in self._reports:
                report.observe(use)

    def _gather(self) -> None:
        """Let the narrow reports look at the new requests, and gather these for the wide ones."""
        for use in self._new.values():
            if self._passes(use):
                for report in self._narrow:
                    report.observe(use)
                if self._wide:
                    self._gathered.add(use)
        self._new.clear()
        self._room = _MOST_NEW
        if self._gathered.is_full:
            self._look()

    def _look(self) -> None:
        """Let the wide reports look at what was gathered."""
        for use in self._gathered.taken():
            for report in self._wide:
                report.observe(use)

    def _passes(self, use: Use) -> bool:
        """Count requests, and return whether they pass the filters."""
        use.count()
        self._within.requests += use.requests
        self._within.period.widen(use.first, use.last)
        if self._filters is not None and not self._filters.fit(use):
            return False
        self._within.passed += use.requests
        return True
