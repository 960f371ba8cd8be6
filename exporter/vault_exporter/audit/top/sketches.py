"""Clients, entities, addresses and paths of recent requests: distinct counts as metrics, and the most frequent values.

The values never become labels. The status page and its JSON endpoint show the most frequent values, as a
:class:`TopResult`.
"""

import functools
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, Self

import msgspec

from vault_exporter.audit.count.observer import Observed
from vault_exporter.audit.parse.entry import Sent
from vault_exporter.audit.top.distinct import Distinct
from vault_exporter.audit.top.frequent import Frequent
from vault_exporter.audit.top.windows import SLOTS, Window
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample

__all__ = ["Ranked", "TopObserver", "TopResult", "presentable"]

_LONGEST: Final = 512
"""Longest value in characters; longer ones are cut."""
_NAMES_FOR_EACH: Final = 4
"""Number of names kept for each client."""
_TOKEN: Final = re.compile(r"(?<![A-Za-z0-9_-])(?:hv[sbr]|[sbr])\.[A-Za-z0-9_-]{20,}")
"""A possible token. Old servers accept tokens in paths, and the audit log does not hash paths."""

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


class Ranked(msgspec.Struct, frozen=True):
    """A value, with lower and upper bound of its number of requests."""

    value: str
    name: str
    """A display name of a client; empty for other values."""
    at_least: int
    at_most: int


class TopResult(msgspec.Struct, frozen=True):
    """The most frequent values, and the numbers of distinct values."""

    window_seconds: float | None
    """Length of the window; None in a replay, which has no window."""
    clients: tuple[Ranked, ...]
    entities: tuple[Ranked, ...]
    addresses: tuple[Ranked, ...]
    paths: tuple[Ranked, ...]
    distinct_clients: int
    distinct_entities: int
    distinct_addresses: int


class _Seen:
    """Counts and distinct count of one kind of value over the window."""

    def __init__(self, seconds: float, tracked: int, *, counted: bool) -> None:
        self.frequent = Window(seconds, functools.partial(Frequent, tracked))
        self.distinct = Window(seconds, Distinct) if counted else None

    def add(self, value: str) -> None:
        """Count a value that is not among the frequent values yet."""
        value = value[:_LONGEST]
        self.frequent.current.add(value)
        if self.distinct is not None:
            self.distinct.current.add(value)

    def advance(self, now: float) -> None:
        self.frequent.advance(now)
        if self.distinct is not None:
            self.distinct.advance(now)

    def count(self) -> int:
        return self.distinct.union().count() if self.distinct is not None else 0


class TopObserver:
    """Observes the requests of the last ``window`` seconds, by the time in their entries.

    A recently seen value costs one increment. Requests from before the window, as in a backlog, are ignored. A time in
    the future moves the window by one slot at most.
    """

    observed: ClassVar[Observed] = Observed.REQUESTS
    needs_sender: ClassVar[bool] = True

    def __init__(self, window: float | None, tracked: int, clock: Callable[[], float] | None) -> None:
        """Start empty.

        Args:
            window: length of the window in seconds; None for no window, as in a replay.
            tracked: number of the most frequent values to keep for each kind.
            clock: Unix time in seconds; None without a window.
        """
        seconds = window or 1.0
        self._window = window
        self._tracked = tracked
        self._clock = clock
        self._clients = _Seen(seconds, tracked, counted=True)
        self._entities = _Seen(seconds, tracked, counted=True)
        self._addresses = _Seen(seconds, tracked, counted=True)
        self._paths = _Seen(seconds, tracked, counted=False)
        self._names: dict[str, str] = {}
        self._from, self._until = _FIRST, _LAST
        self._advance()

    def observe(self, entry: Sent) -> None:  # noqa: C901, PLR0912 - a call for each of the four kinds costs more
        """Count a request."""
        request = entry.request
        if request is None:
            return
        if self._window is not None:  # a replay has none, and comparing times costs as much as counting a path
            time = entry.time
            if time is not None and not self._from <= time < self._until and not self._admit(time):
                return
        # The hot path: a known value costs one increment. Values that are too long are never known; add() cuts them.
        if path := request.path:
            counts = self._paths.frequent.current.counts
            if path in counts:
                counts[path] += 1
            else:
                self._paths.add(path)
        if address := request.remote_address:
            counts = self._addresses.frequent.current.counts
            if address in counts:
                counts[address] += 1
            else:
                self._addresses.add(address)
        if client := request.client_id:
            counts = self._clients.frequent.current.counts
            if client in counts:
                counts[client] += 1
            else:
                self._new_client(client, entry)
        if (auth := entry.auth) is not None and (entity := auth.entity_id):
            counts = self._entities.frequent.current.counts
            if entity in counts:
                counts[entity] += 1
            else:
                self._entities.add(entity)

    def failed(self, entry: object) -> None:
        """Do nothing; errors are not counted here."""

    def samples(self) -> Iterator[Sample]:
        """Yield the distinct counts."""
        self._advance()
        yield c.AUDIT_CLIENTS(self._clients.count())
        yield c.AUDIT_ENTITIES(self._entities.count())
        yield c.AUDIT_ADDRESSES(self._addresses.count())
        if self._window is not None:
            yield c.AUDIT_WINDOW(self._window)

    def merge(self, other: Self) -> None:
        """Merge the counts of another process; neither has a window."""
        for own, theirs in zip(self._kinds(), other._kinds(), strict=True):
            own.frequent.current.update(theirs.frequent.union())
            if own.distinct is not None and theirs.distinct is not None:
                own.distinct.current.update(theirs.distinct.union())
        self._names = {**other._names, **self._names}

    def top(self, number: int) -> TopResult:
        """Return the most frequent values, with possible tokens removed."""
        self._advance()

        def ranked(seen: _Seen) -> tuple[Ranked, ...]:
            return tuple(
                Ranked(presentable(item.value), presentable(self._names.get(item.value, "")), *item[1:])
                for item in seen.frequent.union().top(number)
            )

        return TopResult(
            window_seconds=self._window,
            clients=ranked(self._clients),
            entities=ranked(self._entities),
            addresses=ranked(self._addresses),
            paths=ranked(self._paths),
            distinct_clients=self._clients.count(),
            distinct_entities=self._entities.count(),
            distinct_addresses=self._addresses.count(),
        )

    def _kinds(self) -> tuple[_Seen, ...]:
        return self._clients, self._entities, self._addresses, self._paths

    def _new_client(self, client: str, entry: Sent) -> None:
        self._clients.add(client)
        if entry.auth is not None and entry.auth.display_name:
            if len(self._names) >= _NAMES_FOR_EACH * self._tracked:
                self._names.clear()
            self._names[client[:_LONGEST]] = entry.auth.display_name[:_LONGEST]

    def _admit(self, time: datetime) -> bool:
        """Move the window to a time outside the current slot; return False if the time is before the window."""
        if time < self._from:
            return False
        self._advance(time.timestamp())
        return True

    def _advance(self, wanted: float = 0.0) -> None:
        """Move the window to the clock's time, or to a wanted time up to one slot ahead of it."""
        if self._window is None or self._clock is None:
            return
        slot = self._window / SLOTS
        now = max(self._clock(), min(wanted, self._clock() + slot))
        for seen in self._kinds():
            seen.advance(now)
        moment = datetime.fromtimestamp(now, UTC)
        self._from = moment - timedelta(seconds=self._window)
        self._until = datetime.fromtimestamp((now // slot + 1) * slot, UTC)


def presentable(value: str) -> str:
    """Remove possible tokens."""
    return _TOKEN.sub("(token)", value) if "." in value else value  # the dot is found quicker, and few texts have one
