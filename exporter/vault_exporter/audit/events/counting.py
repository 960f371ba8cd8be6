"""Count security and operations events, and keep when each last happened."""

import collections
import contextlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from vault_exporter.audit.events.allowed import Allowed
from vault_exporter.audit.events.builtin import BUILT_IN, RAW_VALUES
from vault_exporter.audit.events.rules import CompiledRule, PathRules, compiled
from vault_exporter.audit.parse.entry import Detail, NewAuth
from vault_exporter.audit.parse.errors import ErrorClass
from vault_exporter.audit.parse.request_kind import RequestKind
from vault_exporter.audit.status import EventStatus
from vault_exporter.config.schema import model
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample

__all__ = ["EventCounter"]

_MOST_LISTS: Final = 4096
"""Lists of policies whose rules are cached."""


class EventCounter:
    """Counts events by the built-in rules and the operator's. Every event starts at 0."""

    def __init__(self, settings: model.Events) -> None:
        built_in = [rule for rule in BUILT_IN if rule.event not in settings.disable]
        self.rules = compiled([*built_in, *settings.rules])
        self._watched: dict[bytes, frozenset[int]] = {}
        self.watches_raw_values = RAW_VALUES not in settings.disable
        self._watching = [rule for rule in self.rules if rule.watches_policies]
        self._counts = {rule.rule.event: 0 for rule in self.rules}
        if self.watches_raw_values:
            self._counts[RAW_VALUES] = 0
        self._last: dict[str, datetime] = {}
        self._allowed = Allowed(settings.allow)
        self._bursts: dict[int, collections.deque[datetime]] = {}

    def concern(self, mount_type: str, mount_point: str, operation: str) -> bool:
        """Whether every entry of such a mount must be inspected."""
        return any(rule.concerns(mount_type, mount_point, operation) for rule in self.rules)

    def rules_for(self, kind: RequestKind, mount_type: str, operation: str, path: str) -> PathRules:
        """Return the rules whose conditions on path, operation and mount hold."""
        return PathRules(kind, (rule for rule in self.rules if rule.fits(kind, mount_type, operation, path)))

    def matching_rules(self, policies: msgspec.Raw) -> frozenset[int]:
        """Return the rules that match a list of policies, and cache them."""
        key = bytes(policies)
        known = self._watched.get(key)
        if known is None:
            if len(self._watched) >= _MOST_LISTS:
                self._watched.clear()
            known = frozenset(rule.number for rule in self._watching if rule.has_policies(policies))
            self._watched[key] = known
        return known

    def finish(
        self,
        path_rules: PathRules,
        kind: ErrorClass | None,
        time: datetime | None,
        matched_rules: frozenset[int],
        issued: NewAuth | None,
        full: Callable[[], Detail | None],
    ) -> None:
        """Count the events that the entry which ends a request is.

        Args:
            path_rules: the rules for its path.
            kind: the class of its error.
            time: the time that the entry states.
            matched_rules: the rules that match the policies of the request's token.
            issued: the token that the response holds.
            full: returns the entry with all fields.
        """
        if issued is not None and not issued.client_token:
            issued = None  # a second factor is still to come
        for rule in path_rules.ended(kind, issued=issued is not None):
            if _rest_holds(rule, issued, full) and not self._allowed.holds(rule.rule.event, time, full):
                self._count(rule, time)
        if matched_rules:
            for rule in path_rules.watching:
                if (
                    rule.number in matched_rules
                    and rule.accepts(kind, issued=issued is not None)
                    and _rest_holds(rule, issued, full)
                    and not self._allowed.holds(rule.rule.event, time, full)
                ):
                    self._count(rule, time)

    def raw_value(self, time: datetime | None) -> None:
        """Count an entry that holds a token in plain text."""
        self._note(RAW_VALUES, time)

    def last_times(self) -> dict[str, float]:
        """Return when each event last happened, in seconds since the epoch; the next process starts from there."""
        return {event: time.timestamp() for event, time in self._last.items()}

    def recent(self, number: int) -> tuple[EventStatus, ...]:
        """Return the events that happened last, the newest first."""
        newest = sorted(self._last.items(), key=lambda one: one[1], reverse=True)[:number]
        return tuple(EventStatus(event, self._counts[event], time.timestamp()) for event, time in newest)

    def restore(self, last: Mapping[str, float]) -> None:
        """Take over what an earlier process returned from :meth:`last_times`; events without a rule are dropped."""
        for event, seconds in last.items():
            if event in self._counts:
                with contextlib.suppress(ValueError, OverflowError, OSError):  # of a file, so maybe no time at all
                    time = datetime.fromtimestamp(seconds, UTC)
                    self._last[event] = max(time, self._last.get(event, time))

    def merge(self, other: "EventCounter") -> None:
        """Add what another process counted; a burst is detected within one process only."""
        for event, count in other._counts.items():  # noqa: SLF001 - of our own class
            self._counts[event] += count
        for event, time in other._last.items():  # noqa: SLF001 - of our own class
            self._last[event] = max(time, self._last.get(event, time))

    def samples(self) -> Iterator[Sample]:
        """Yield every count, and the time of the last of those that happened."""
        for event, count in self._counts.items():
            yield c.AUDIT_EVENTS(count, event)
        for event in self._counts:
            if (time := self._last.get(event)) is not None:
                yield c.AUDIT_EVENT_LAST(time.timestamp(), event)

    def _count(self, rule: CompiledRule, time: datetime | None) -> None:
        threshold = rule.rule.threshold
        if threshold is not None:
            if time is None:
                return
            times = self._bursts.setdefault(rule.number, collections.deque(maxlen=threshold.count))
            times.append(time)
            if len(times) < threshold.count or time - times[0] > timedelta(seconds=threshold.within):
                return
            times.clear()
        self._note(rule.rule.event, time)

    def _note(self, event: str, time: datetime | None) -> None:
        self._counts[event] += 1
        if time is not None:
            self._last[event] = max(time, self._last.get(event, time))


def _rest_holds(rule: CompiledRule, issued: NewAuth | None, full: Callable[[], Detail | None]) -> bool:
    """Whether the conditions hold that are tried for each entry: on the token issued, and on the type of that used."""
    if rule.is_of_issued and issued is not None:
        expires = issued.token_ttl > 0 or issued.token_type == "batch"  # noqa: S105 - a type of token
        if not rule.accepts_issued(issued.policies, expires=expires):
            return False
    if rule.rule.token_types:
        entry = full()
        return entry is not None and entry.auth is not None and entry.auth.token_type in rule.rule.token_types
    return True
