"""Pair requests and responses that are in different logs, such as the last of one file and the first of the next."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from vault_exporter.audit.count.pending import Pending, Unasked

__all__ = ["Across", "Pair"]

_T = TypeVar("_T")

_NEVER_LONGER: Final = Pending.LONGEST


class Pair(NamedTuple):
    """A request and its response."""

    id: str
    took: timedelta
    ended: datetime
    mount_type: str
    operation: str


class Across:
    """What waits for its other half in another log. The logs may come in any order.

    Requests and responses of one id are paired in the order in which their logs come: two audit devices write each of
    them twice. At most ``limit`` requests and as many responses are kept; the ones that came first are dropped.
    """

    __slots__ = ("_requests", "_responses", "evicted", "expired", "paired")

    def __init__(self) -> None:
        self._requests: dict[str, list[datetime | None]] = {}
        self._responses: dict[str, list[Unasked]] = {}
        self.evicted = 0
        """Requests beyond the limit."""
        self.expired = 0
        """Requests whose responses came too late to be theirs, as in one log."""
        self.paired = 0
        """Responses that are no longer without a request."""

    @property
    def waiting(self) -> int:
        """Number of requests without a response."""
        return sum(map(len, self._requests.values()))

    def take(self, pending: Pending, limit: int) -> Iterator[Pair]:
        """Take what is left at the end of a log out of it, and yield the pairs that it completes."""
        for id_, answered in pending.unasked.items():
            if (sent := _first(self._requests, id_)) is not None:
                yield from self._pair(id_, sent[0], answered)
            else:
                self._responses.setdefault(id_, []).append(answered)
        for id_, (time, _) in pending.requests.items():
            if (response := _first(self._responses, id_)) is not None:
                yield from self._pair(id_, time, response[0])
            else:
                self._requests.setdefault(id_, []).append(time)
        pending.unasked.clear()
        pending.requests.clear()
        self.evicted += _cut(self._requests, limit)
        _cut(self._responses, limit)

    def _pair(self, id_: str, sent: datetime | None, answered: Unasked) -> Iterator[Pair]:
        ended = answered.time
        if sent is None or ended is None:
            return
        if ended - sent >= _NEVER_LONGER:
            self.expired += 1
            return
        self.paired += 1
        yield Pair(id_, ended - sent, ended, answered.mount_type, answered.operation)


def _first(by_id: dict[str, list[_T]], id_: str) -> tuple[_T] | None:
    """Take out the first one of an id."""
    found = by_id.get(id_)
    if found is None or not id_:  # what has no id is of no request in particular
        return None
    one = found.pop(0)
    if not found:
        del by_id[id_]
    return (one,)


def _cut(by_id: dict[str, list[_T]], limit: int) -> int:
    """Drop the ids beyond the limit, the first ones first, and return how many values that are."""
    ids = list(by_id)[: max(0, len(by_id) - limit)]
    return sum(len(by_id.pop(id_)) for id_ in ids)
