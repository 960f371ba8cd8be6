"""What the end of a request says: its error, its event, and what it issued."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

from vault_exporter.audit.count.counters import OTHER, Cell, CellKey
from vault_exporter.audit.count.finder import NO_REQUEST
from vault_exporter.audit.count.observer import Observer
from vault_exporter.audit.count.outcomes import Outcomes
from vault_exporter.audit.count.sources import LogStream
from vault_exporter.audit.events.counting import EventCounter
from vault_exporter.audit.events.rules import PathRules
from vault_exporter.audit.parse.decode import Details
from vault_exporter.audit.parse.entry import Entry, RequestEntry, ResponseEntry
from vault_exporter.audit.parse.errors import ErrorClass, error_class
from vault_exporter.audit.parse.request_kind import guess_mount, request_kind
from vault_exporter.metrics.family import Sample

__all__ = ["NO_RULES", "EndedRequests"]

NO_RULES: Final[frozenset[int]] = frozenset()
_DEVICE_TEST: Final = "sys/audit/test"
"""The path that Vault writes to test a device when it is enabled."""
_UNANSWERED: Final = frozenset({_DEVICE_TEST, "sys/seal", "sys/step-down"})
"""Requests that Vault logs without a mount, and without a response."""
_NOTABLE_TYPES: Final = frozenset({"", "system", "ns_system", "token", "ns_token", OTHER})
_MOST_PATHS: Final = 256
_LONGEST_PATH: Final = 512
"""Bounds of what is remembered of a cell's paths."""


class EndedRequests:
    """Counts errors, outcomes and events, of the few entries that may have any.

    Attributes:
        events: counts the events.
    """

    def __init__(self, events: EventCounter, details: Details, observers: Iterable[Observer]) -> None:
        self.events = events
        self._outcomes = Outcomes()
        self._details = details
        self._observers = tuple(observers)

    def is_notable(self, key: CellKey) -> bool:
        """Whether each entry with such labels is to be looked at, not only those with an error, a token or a lease."""
        # Paths on these identify tokens, leases and unwrapping; logins give a token or an error.
        return key.mount_type in _NOTABLE_TYPES or self.events.concern(
            key.mount_type, "" if key.mount_point == OTHER else key.mount_point, key.operation
        )

    def request(self, entry: RequestEntry, cell: Cell, line: bytes, source: LogStream) -> None:
        """Take in a request that may have no response in the log."""
        request = entry.request or NO_REQUEST
        may_be_unanswered = request.path in _UNANSWERED and not request.mount_type
        if not entry.error and not may_be_unanswered:
            return  # a response is to come; this is all that most requests of tokens need
        full = partial(self._details.of, entry, line)
        kind = error_class(entry, line, full)
        if kind is None and not may_be_unanswered:
            return
        rules = cell.path_rules.get(request.path) or self._rules_for(cell, request.path)
        if kind is not None:
            # Reports look at failed requests in full, since no response repeats them.
            self._failed((self._details.for_reports and full()) or entry, cell, rules, kind)
        source.pending.requests.pop(request.id, None)
        if request.path != _DEVICE_TEST:
            detail = full()
            auth = None if detail is None else detail.auth
            matched_rules = NO_RULES if auth is None else self.events.matching_rules(auth.policies)
            self.events.finish(rules, kind, entry.time, matched_rules, None, full)

    def response(
        self, entry: ResponseEntry, cell: Cell, line: bytes, matched_rules: frozenset[int], source: LogStream
    ) -> None:
        """Take in a response that may be an event, an error, or hold a token or a lease."""
        path = "" if entry.request is None else entry.request.path
        rules = cell.path_rules.get(path) or self._rules_for(cell, path)
        full = partial(self._details.of, entry, line)
        kind = error_class(entry, line, full)
        if kind is None:
            if path and not cell.key.mount_point:
                source.admits(guess_mount(path).point, exists=True)
            self._outcomes.succeeded(rules.request_kind, cell.mount, entry.response)
        else:
            self._failed(entry, cell, rules, kind)
        if path != _DEVICE_TEST:
            issued = None if entry.response is None else entry.response.auth
            self.events.finish(rules, kind, entry.time, matched_rules, issued, full)

    def merge(self, other: "EndedRequests") -> None:
        """Add what another process counted."""
        self.events.merge(other.events)
        self._outcomes.merge(other._outcomes)  # noqa: SLF001 - of our own class

    def samples(self) -> Iterator[Sample]:
        """Yield every count."""
        yield from self._outcomes.samples()
        yield from self.events.samples()

    def _failed(self, entry: Entry, cell: Cell, rules: PathRules, kind: ErrorClass) -> None:
        cell.failures += 1
        cell.mount.errors[kind] += 1
        self._outcomes.failed(rules.request_kind, cell.mount)
        for observer in self._observers:
            observer.failed(entry)

    def _rules_for(self, cell: Cell, path: str) -> PathRules:
        """Return the kind of request and the rules for this path, and remember them: paths recur."""
        key = cell.key
        if key.mount_point == OTHER:  # beyond the bound, where the cell does not say the mount
            kind = request_kind("", "", key.operation, path)
        else:
            kind = request_kind(key.mount_type, key.mount_point, key.operation, path)
        rules = self.events.rules_for(kind, key.mount_type, key.operation, path)
        if len(path) <= _LONGEST_PATH:
            if len(cell.path_rules) >= _MOST_PATHS:
                cell.path_rules.clear()
            cell.path_rules[path] = rules
        return rules
