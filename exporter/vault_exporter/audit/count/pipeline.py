"""From the lines of audit logs to what is counted, wherever the lines come from.

One object, without files, clocks or threads: lines go in, samples come out. It can be pickled and merged, so that
several processes may read several files.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final, Protocol, Self

import msgspec

from vault_exporter.audit.count.counters import OTHER, Cell, CellKey, EntryCounters, Key, Limits
from vault_exporter.audit.count.exclude import Excluded
from vault_exporter.audit.count.outcomes import Outcomes
from vault_exporter.audit.count.pending import Pending
from vault_exporter.audit.events.counting import Events
from vault_exporter.audit.events.rules import PathRules
from vault_exporter.audit.parse.decode import (
    Reject,
    decode,
    detail,
    is_alphabetical,
    quick,
    quick_alphabetical,
    quick_detail,
    quick_detail_alphabetical,
    resynchronise,
)
from vault_exporter.audit.parse.entry import (
    Detail,
    DetailedRequestEntry,
    Entry,
    Request,
    RequestEntry,
    RequestRef,
    ResponseEntry,
)
from vault_exporter.audit.parse.errors import ErrorClass, error_class, refusal
from vault_exporter.audit.parse.request_kind import request_kind
from vault_exporter.config.schema import model
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.util.json import UNREADABLE

__all__ = ["Observer", "Pipeline", "PipelineSettings"]

_NO_REQUEST: Final = Request()
_NOT_TOLD: Final = RequestRef()
_NEVER_ASKED: Final = (None, None)
_NOTHING: Final[frozenset[int]] = frozenset()
_DEVICE_TEST: Final = "sys/audit/test"
"""What Vault writes to try a device that is being enabled."""
_UNANSWERED: Final = frozenset({_DEVICE_TEST, "sys/seal", "sys/step-down"})
"""Requests that Vault writes without a mount, and writes no response to."""
_NOTABLE_TYPES: Final = frozenset({"", "system", "ns_system", "token", "ns_token", OTHER})
_MOST_LOOKS: Final = 256
_LONGEST_PATH: Final = 512
"""Bounds of what is remembered of a cell's paths."""


class Observer(Protocol):
    """Something that looks at every entry: a sketch, a template of paths.

    With an observer every line is decoded in full, which costs about a fifth of the speed; without one, nothing. It
    must be possible to pickle and to merge it, as the pipeline.
    """

    def observe(self, entry: Detail) -> None:
        """Take note of one entry."""

    def failed(self, entry: Entry) -> None:
        """Take note that the entry ends a request in error; it is observed as well."""

    def samples(self) -> Iterable[Sample]:
        """Yield what is published of it."""

    def merge(self, other: Self) -> None:
        """Add what another process observed."""


class PipelineSettings(msgspec.Struct, frozen=True):
    """The bounds of a pipeline."""

    limits: Limits = Limits()
    max_pending: int = 100_000
    """Requests of one log that wait for their response."""
    events: model.Events = model.Events()
    exclude: model.Exclude = model.Exclude()

    @classmethod
    def of(cls, settings: model.Audit) -> Self:
        """Take the bounds from the configuration."""
        return cls(
            limits=Limits(mounts=settings.max_mounts, namespaces=settings.max_namespaces),
            max_pending=settings.max_pending,
            events=settings.events,
            exclude=settings.exclude,
        )


class Pipeline:
    """Decodes, counts, pairs, and watches for events.

    Attributes:
        observers: what looks at every entry, in the order given.
    """

    def __init__(self, settings: PipelineSettings, observers: Iterable[Observer] = ()) -> None:
        self.observers = tuple(observers)
        self._settings = settings
        self._events = Events(settings.events)
        self._excluded = Excluded(settings.exclude)
        self._tally = EntryCounters(settings.limits, self._is_notable)
        self._outcomes = Outcomes()
        self._sources: dict[str, _Source] = {}

    def leave_out(self, entities: AbstractSet[str]) -> None:
        """Leave out the entries of these entities, beside those of the settings; they may become more later."""
        self._excluded.own = entities

    def open(self, log: str) -> None:
        """Make the log known, so that its counts are there from the start."""
        self._sources.setdefault(log, _Source())

    def feed(self, log: str, lines: Sequence[bytes]) -> None:  # noqa: C901, PLR0912, PLR0915 - a call a line costs more
        """Take in lines of a log, with or without their newlines; whatever they hold, this goes on.

        Args:
            log: the name of where the lines come from. A request and its response come from one log.
            lines: whole lines, in order.
        """
        source = self._sources.get(log)
        if source is None:
            source = self._sources[log] = _Source()
        # From here to the end of the loop every attribute and call counts: see bench/audit.py.
        observers = self.observers
        read = self._reading(lines)
        cells = self._tally.asked
        pending = source.pending.requests
        answer = pending.pop
        excluded = self._excluded.matches if self._excluded else None
        watches_raw = self._events.watches_raw_values
        buckets, bucket = c.AUDIT_DURATION.buckets, bisect_left
        entry: Entry | None = None
        for line in lines:
            try:
                entry = read(line)
            except UNREADABLE:
                found = _second_look(line, source.rejected)
                if found is None:
                    continue
                entry, line = found  # noqa: PLW2901 - without its prefix, or what it was glued to
            if excluded is not None and excluded(line):
                if entry.request is not None:
                    answer(entry.request.id, None)  # a login's request does not say yet who asks
                continue
            if type(entry) is RequestEntry or type(entry) is DetailedRequestEntry:  # isinstance costs more
                asked = entry.request
                if asked is None:
                    asked = _NO_REQUEST
                key: Key = (asked.mount_point, asked.operation, asked.mount_type)
                namespace = asked.namespace
                if namespace is not None and namespace.path:
                    key = (*key, namespace.path)
                try:
                    cell = cells[key]
                except KeyError:
                    cell = self._tally.cell("request", key, detail(line))
                cell.entries += 1
                cell.bytes += len(line)
                id_ = asked.id
                # What Vault does by itself when it starts has no id: its response says itself what it is of.
                pending[id_] = (entry.time, cell.answered if id_ else None)
                if cell.notable or entry.error:
                    self._maybe_ended(entry, cell, line, source)
            else:
                told = entry.request
                if told is None:
                    told = _NOT_TOLD
                since, known = answer(told.id, _NEVER_ASKED)
                cell = self._answered(line) if known is None else known
                cell.entries += 1
                cell.bytes += len(line)
                ended = entry.time
                if since is None or ended is None:
                    source.pending.unmatched += 1
                else:
                    seconds = (ended - since).total_seconds()
                    durations = cell.durations
                    if seconds > 0:  # a clock that was set back would make the sum fall
                        durations.sum += seconds
                    place = bucket(buckets, seconds)
                    durations.counts[place] += 1
                    durations.last[place] = (told.id, seconds, ended)
                response, auth = entry.response, entry.auth  # type: ignore[union-attr]  # no request
                if auth is not None:
                    if auth.policies != cell.policies:  # mostly they are those of the last entry that was alike
                        cell.policies = auth.policies.copy()
                        cell.matched_rules = self._events.woken_by(auth.policies)
                    matched_rules = cell.matched_rules
                    token = auth.client_token
                    if not "hmac-" <= token < "hmac." and token and watches_raw:
                        self._events.raw_value(ended)
                else:
                    matched_rules = _NOTHING
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
                    self._ended(entry, cell, line, matched_rules)  # type: ignore[arg-type]  # no request
            if observers:
                for observer in observers:
                    observer.observe(entry)  # type: ignore[arg-type]  # it was read in detail
        if entry is not None:
            source.last = entry.time or source.last
            source.pending.bound(entry.time, self._settings.max_pending)

    def last_entry(self, log: str) -> float | None:
        """Return the time of the newest entry of a log in seconds since the epoch, or None if there was none."""
        source = self._sources.get(log)
        return source.last.timestamp() if source is not None and source.last is not None else None

    def rejected(self, log: str) -> Counter[Reject]:
        """Return how many lines of a log were no entries, by reason."""
        source = self._sources.get(log)
        return source.rejected if source is not None else Counter()

    def samples(self) -> Iterator[Sample]:
        """Yield what was counted so far; what is said of single logs is asked for by log."""
        yield from self._tally.samples()
        yield from self._outcomes.samples()
        yield from self._events.samples()
        yield from self._excluded.samples()
        pending = [source.pending for source in self._sources.values()]
        yield c.AUDIT_PENDING(sum(len(one.requests) for one in pending))
        yield c.AUDIT_UNANSWERED(sum(one.expired for one in pending), "expired")
        yield c.AUDIT_UNANSWERED(sum(one.evicted for one in pending), "evicted")
        yield c.AUDIT_UNMATCHED(sum(one.unmatched for one in pending))
        for observer in self.observers:
            yield from observer.samples()

    def merge(self, other: "Pipeline") -> None:
        """Add what another process took in; it must have been made with the same settings and observers."""
        self._tally.merge(other._tally)  # noqa: SLF001 - of our own class
        self._events.merge(other._events)  # noqa: SLF001 - of our own class
        self._excluded.merge(other._excluded)  # noqa: SLF001 - of our own class
        self._outcomes.merge(other._outcomes)  # noqa: SLF001 - of our own class
        for log, source in other._sources.items():  # noqa: SLF001 - of our own class
            self._sources.setdefault(log, _Source()).merge(source)
        for own, theirs in zip(self.observers, other.observers, strict=True):
            own.merge(theirs)

    def _reading(self, lines: Sequence[bytes]) -> Callable[[bytes], Entry]:
        """Choose what decodes these lines quickest; it decodes any."""
        if lines and is_alphabetical(lines[0]):
            return quick_detail_alphabetical if self.observers else quick_alphabetical
        return quick_detail if self.observers else quick

    def _answered(self, line: bytes) -> Cell:
        """Find where a response is counted, by what it says itself, and remember it for the next of such a request."""
        entry = detail(line)
        request = _NO_REQUEST if entry is None or entry.request is None else entry.request
        key: Key = (request.mount_point, request.operation, request.mount_type)
        if request.namespace is not None and request.namespace.path:
            key = (*key, request.namespace.path)
        tally = self._tally
        cell = tally.answered.get(key) or tally.cell("response", key, entry)
        if key in tally.answered and (asked := tally.asked.get(key)) is not None:
            asked.answered = cell
        return cell

    def _maybe_ended(self, entry: RequestEntry, cell: Cell, line: bytes, source: "_Source") -> None:
        """Take in a request of which Vault may say nothing more."""
        request = entry.request or _NO_REQUEST
        kind = refusal(entry.error) if entry.error else None
        if kind is None and (request.path not in _UNANSWERED or cell.mount.labels[0]):
            return  # a response is to come
        look = cell.looks.get(request.path) or self._look(cell, request.path)
        if kind is not None:
            self._failed(entry, cell, look, kind)
        source.pending.requests.pop(request.id, None)
        if request.path != _DEVICE_TEST:
            full = detail(line)
            auth = None if full is None else full.auth
            matched_rules = _NOTHING if auth is None else self._events.woken_by(auth.policies)
            self._events.finish(look, kind, entry.time, matched_rules, None, line)

    def _ended(self, entry: ResponseEntry, cell: Cell, line: bytes, matched_rules: frozenset[int]) -> None:
        """Tell what only few responses say."""
        path = "" if entry.request is None else entry.request.path
        look = cell.looks.get(path) or self._look(cell, path)
        kind = error_class(entry, line)
        if kind is None:
            self._outcomes.succeeded(look.act, cell.mount, entry.response)
        else:
            self._failed(entry, cell, look, kind)
        if path != _DEVICE_TEST:
            issued = None if entry.response is None else entry.response.auth
            self._events.finish(look, kind, entry.time, matched_rules, issued, line)

    def _failed(self, entry: Entry, cell: Cell, look: PathRules, kind: ErrorClass) -> None:
        cell.failures += 1
        cell.mount.errors[kind] += 1
        self._outcomes.failed(look.act, cell.mount)
        for observer in self.observers:
            observer.failed(entry)

    def _look(self, cell: Cell, path: str) -> PathRules:
        """Tell what is to be looked at in entries of this path, and remember it: paths come again."""
        key = cell.key
        act = request_kind(key.mount_type, key.mount_point, key.operation, path)
        look = self._events.look(act, key.mount_type, key.operation, path)
        if len(path) <= _LONGEST_PATH:
            if len(cell.looks) >= _MOST_LOOKS:
                cell.looks.clear()
            cell.looks[path] = look
        return look

    def _is_notable(self, key: CellKey) -> bool:
        # Tokens, leases and unwrapping are told by paths on these; logins give a token or an error.
        return key.mount_type in _NOTABLE_TYPES or self._events.concern(
            key.mount_type, "" if key.mount_point == OTHER else key.mount_point, key.operation
        )


class _Source:
    """What is known of one log."""

    __slots__ = ("last", "pending", "rejected")

    def __init__(self) -> None:
        self.last: datetime | None = None
        self.pending = Pending()
        self.rejected: Counter[Reject] = Counter()

    def merge(self, other: "_Source") -> None:
        self.last = max((time for time in (self.last, other.last) if time is not None), default=None)
        self.pending.merge(other.pending)
        self.rejected.update(other.rejected)


def _second_look(line: bytes, rejected: Counter[Reject]) -> tuple[Detail, bytes] | None:
    """Make an entry of a line that is not quite one, or count why it is none."""
    found = Reject.NOT_JSON if line.isspace() else decode(line)
    if not isinstance(found, Reject):
        return found
    rejected[found] += 1
    return resynchronise(line)
