"""Count the lines of audit logs, wherever they come from.

The pipeline has no files, clocks or threads: lines go in, samples come out. It can be pickled and merged, so that
several processes can read several files.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from vault_exporter.audit.count.across import Across
from vault_exporter.audit.count.counters import EntryCounters, Key
from vault_exporter.audit.count.ended import NO_RULES, EndedRequests
from vault_exporter.audit.count.exclude import Excluded
from vault_exporter.audit.count.finder import NO_REQUEST, CellFinder
from vault_exporter.audit.count.latency import BUCKETS, NO_TIME
from vault_exporter.audit.count.observer import Observed, Observer
from vault_exporter.audit.count.settings import PipelineSettings
from vault_exporter.audit.count.sources import LogStream
from vault_exporter.audit.events.counting import EventCounter
from vault_exporter.audit.lines.server_log import is_server_log, may_be_entry
from vault_exporter.audit.parse.decode import (
    COUNTED,
    IDENTIFIED,
    REPORTED,
    SENT,
    Details,
    Found,
    Quick,
    Reject,
    decode,
    is_alphabetical,
    resynchronise,
)
from vault_exporter.audit.parse.entry import (
    OtherEntry,
    RequestRef,
)
from vault_exporter.audit.status import PipelineStatus
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.util.json import UNREADABLE
from vault_exporter.util.sightings import Sighting, Sightings

__all__ = ["Observer", "Pipeline", "PipelineSettings"]

_NO_REFERENCE: Final = RequestRef()
_NEVER_ASKED: Final = (None, None)
_NOBODY: Final[frozenset[str]] = frozenset()


class Pipeline:
    """Decodes entries, counts them, pairs requests and responses, and detects events.

    Attributes:
        observers: what looks at every entry, in the order given.
    """

    def __init__(
        self, settings: PipelineSettings, observers: Iterable[Observer] = (), *, for_reports: bool = False
    ) -> None:
        """Start empty; ``for_reports`` decodes all fields that an observer of reports needs."""
        self.observers = tuple(observers)
        self._needs_sender = for_reports or any(one.needs_sender for one in self.observers)
        self._settings = settings
        self._for_reports = for_reports
        self._excluded = Excluded(settings.exclude)
        self._details = Details(for_reports=for_reports)
        self._ended = EndedRequests(EventCounter(settings.events), self._details, self.observers)
        self._counters = EntryCounters(settings.limits, self._ended.is_notable)
        self._finder = CellFinder(self._counters, self._excluded, self._details)
        self._sightings = Sightings()
        self._sources: dict[str, LogStream] = {}
        self._across = Across()

    def leave_out(self, entities: AbstractSet[str]) -> None:
        """Leave out the entries of these entities too; the set may grow later."""
        self._excluded.own = entities

    def look_for(self, sightings: Sightings) -> None:
        """Tell of requests that this process sends, also where their entries are left out."""
        self._sightings = sightings

    def open(self, log: str) -> None:
        """Start the counts of a log at 0."""
        self._source(log)

    def feed(self, log: str, lines: Sequence[bytes]) -> None:  # noqa: C901, PLR0912, PLR0915 - a call a line costs more
        """Count lines of a log, with or without their newlines. No line makes this fail.

        Args:
            log: the name of where the lines come from. A request and its response come from one log.
            lines: whole lines, in order.
        """
        source = self._source(log)
        if sightings := self._sightings.open():
            _see(sightings, lines)
        # From here to the end of the loop every attribute and call counts: see bench/audit.py.
        of_requests = [one.observe for one in self.observers if Observed.REQUESTS in one.observed]
        of_responses = [one.observe for one in self.observers if Observed.RESPONSES in one.observed]
        request_type, read, read_alphabetical = self._depth()
        if lines and is_alphabetical(lines[0]):
            read = read_alphabetical
        cells, by_path = source.stated.requests, source.by_path
        pending = source.pending.requests
        answer = pending.pop
        excludes = bool(self._excluded)
        entities = self._excluded.entities() if excludes else _NOBODY
        names, addresses = self._excluded.display_names, self._excluded.remote_addresses
        ended, events = self._ended, self._ended.events
        watches_raw = events.watches_raw_values
        buckets, bucket, no_time = BUCKETS, bisect_left, NO_TIME
        entry: Any = None  # of a request or of a response
        cell: Any
        for line in lines:
            try:
                entry = read(line)
                is_request = type(entry) is request_type  # the cheapest test that tells them apart
            except UNREADABLE:
                found = _second_look(line, source, for_reports=self._for_reports)
                if found is None:
                    continue
                other, line = found  # noqa: PLW2901 - without its prefix, or what it was glued to
                if type(other) is OtherEntry:
                    self._count_other(other, line, source)
                    continue
                entry = other
                is_request = entry.is_request
            if is_request:
                request = entry.request
                if request is None:
                    request = NO_REQUEST
                id_ = answers = request.id
                if excludes:
                    sender = entry.auth
                    if sender is None or not sender.display_name:
                        answers = ""  # a login: its response says who it was
                    if (
                        (addresses and request.remote_address in addresses)
                        or (
                            sender is not None
                            and (sender.entity_id in entities or (names and sender.display_name in names))
                        )
                    ) and (reason := self._excluded.reason(sender, request)):
                        self._excluded.count(reason)
                        source.excluded[id_] = reason
                        continue
                point = request.mount_point
                key: Key = (point or request.path, request.operation, request.mount_type)
                namespace = request.namespace
                if namespace is not None and namespace.path:
                    key = (*key, namespace.path)
                try:
                    cell = (cells if point else by_path)[key]
                    if cell.mount_class != request.mount_class:
                        cell = self._finder.request(request, source)
                except KeyError:
                    cell = self._finder.request(request, source)
                cell.entries += 1
                cell.bytes += len(line)
                # What Vault does by itself when it starts has no id: its response says itself what it is of.
                pending[id_] = (entry.time, cell.answered if answers else None)
                if excludes and not answers:
                    source.unsigned[id_] = cell.answered
                if cell.notable or entry.error:
                    ended.request(entry, cell, line, source)
                if of_requests:
                    for observe in of_requests:
                        observe(entry)
            else:
                request_ref = entry.request
                if request_ref is None:
                    request_ref = _NO_REFERENCE
                since, cell = answer(request_ref.id, _NEVER_ASKED)
                if cell is None:
                    cell = self._finder.response(entry, line, source)
                    if cell is None:
                        continue
                cell.entries += 1
                cell.bytes += len(line)
                time = entry.time
                durations = cell.durations
                try:
                    took = time - since
                    if took > no_time:  # a clock that was set back would make the sum fall
                        durations.sum += took
                except TypeError:  # one of them states no time
                    source.pending.answer_unasked(request_ref.id, time, cell)
                except OverflowError:  # a sum of millions of years, in a log that states any times
                    durations.observe(request_ref.id, took, time)
                else:
                    place = bucket(buckets, took)
                    durations.counts[place] += 1
                    durations.last[place] = (request_ref.id, took, time)
                response, auth = entry.response, entry.auth
                if auth is not None:
                    if auth.policies != cell.policies:  # mostly they are those of the last entry that was alike
                        cell.policies = auth.policies.copy()
                        cell.matched_rules = events.matching_rules(auth.policies)
                    matched_rules = cell.matched_rules
                    token = auth.client_token
                    if not "hmac-" <= token < "hmac." and token and watches_raw:
                        events.raw_value(time)
                else:
                    matched_rules = NO_RULES
                if (
                    cell.notable
                    or matched_rules
                    or entry.error
                    or (
                        response is not None
                        and (
                            ((data := response.data) is not None and data.error is not None)
                            or response.secret is not None
                            or response.auth is not None
                            or response.wrap_info is not None
                        )
                    )
                ):
                    ended.response(entry, cell, line, matched_rules, source)
                if of_responses:
                    for observe in of_responses:
                        observe(entry)
        self._details.forget()
        if entry is not None:
            source.last = entry.time or source.last
        source.bound(self._settings.max_pending)

    def pair_across(self, log: str) -> None:
        """Pair what is left at the end of a log with what is left of the other logs for which this was called.

        It needs ``keep_unasked`` of the settings, and keeps up to ``max_pending`` requests of all logs together.
        """
        for pair in self._across.take(self._source(log).pending, self._settings.max_pending):
            self._counters.durations(pair.mount_type, pair.operation).observe(pair.id, pair.took, pair.ended)

    def last_entry(self, log: str) -> float | None:
        """Return the time of the newest entry of a log in seconds since the epoch, or None if there was none."""
        source = self._sources.get(log)
        return source.last.timestamp() if source is not None and source.last is not None else None

    def rejected(self, log: str) -> Counter[Reject]:
        """Return how many lines of a log were no entries, by reason."""
        source = self._sources.get(log)
        if source is None:
            return Counter()
        source.unsure.clear()  # a counter that was published does not fall
        return source.rejected

    def expect_server_log(self, log: str) -> None:
        """Take lines that are nothing like an audit entry for the server's own log lines, from now on."""
        self._source(log).mixed = True

    def passed_over(self, log: str) -> int:
        """Return how many lines of a log were the server's own log lines, or others that are not audit entries."""
        source = self._sources.get(log)
        return source.passed_over if source is not None else 0

    def samples(self) -> Iterator[Sample]:
        """Yield the counts of all logs together."""
        yield from self._counters.samples()
        yield from self._ended.samples()
        yield from self._excluded.samples()
        pending = [source.pending for source in self._sources.values()]
        across = self._across
        yield c.AUDIT_PENDING(sum(len(one.requests) for one in pending) + across.waiting)
        yield c.AUDIT_UNANSWERED(sum(one.expired for one in pending) + across.expired, "expired")
        yield c.AUDIT_UNANSWERED(sum(one.evicted for one in pending) + across.evicted, "evicted")
        yield c.AUDIT_UNMATCHED(sum(one.unmatched for one in pending) - across.paired)
        for observer in self.observers:
            yield from observer.samples()

    def status(self, number: int) -> PipelineStatus:
        """Return the last events and the busiest mounts, up to a number of each."""
        return PipelineStatus(self._ended.events.recent(number), self._counters.busiest(number))

    def last_events(self) -> dict[str, float]:
        """Return when each event last happened, in seconds since the epoch."""
        return self._ended.events.last_times()

    def restore_events(self, last: Mapping[str, float]) -> None:
        """Take over when each event last happened, as an earlier process knew it."""
        self._ended.events.restore(last)

    def merge(self, other: "Pipeline") -> None:
        """Add what another process counted; it must have the same settings and observers, and have paired no logs."""
        self._counters.merge(other._counters)  # noqa: SLF001 - of our own class
        self._ended.merge(other._ended)  # noqa: SLF001 - of our own class
        self._excluded.merge(other._excluded)  # noqa: SLF001 - of our own class
        for log, source in other._sources.items():  # noqa: SLF001 - of our own class
            self._source(log).merge(source)
        for own, theirs in zip(self.observers, other.observers, strict=True):
            own.merge(theirs)

    def _source(self, log: str) -> LogStream:
        source = self._sources.get(log)
        if source is None:
            source = self._sources[log] = LogStream(self._settings.limits.mounts, self._settings.keep_unasked)
        return source

    def _depth(self) -> Quick:
        """Return the decoders of the depth that is needed."""
        if self._for_reports:
            return REPORTED
        if self._needs_sender:
            return IDENTIFIED
        return SENT if self._excluded else COUNTED

    def _count_other(self, entry: OtherEntry, line: bytes, source: LogStream) -> None:
        """Count an entry that is neither a request nor a response."""
        cell = self._finder.other(entry)
        if cell is not None:
            cell.entries += 1
            cell.bytes += len(line)
            source.last = entry.time or source.last


def _see(sightings: Iterable[Sighting], lines: Iterable[bytes]) -> None:
    """Tell of the requests that are looked for; looking for their path costs less than decoding each line."""
    for line in lines:
        for sighting in sightings:
            if sighting.needle in line and not isinstance(found := decode(line), Reject):
                request = found[0].request
                if request is not None:
                    sighting.see(request.path, request.id)


def _second_look(line: bytes, source: LogStream, *, for_reports: bool) -> Found | None:
    """Make an entry of a line that is not quite one, or count why it is none; a blank line is passed over."""
    if not line or line.isspace():
        return None
    found = decode(line, for_reports=for_reports)
    if not isinstance(found, Reject):
        return found
    if is_server_log(line):
        source.note_server_log()
    is_other = not may_be_entry(line, damaged=found is Reject.NOT_JSON)
    if source.mixed and is_other:
        source.passed_over += 1
    else:
        source.rejected[found] += 1
        source.unsure[found] += is_other
    return resynchronise(line, for_reports=for_reports)
