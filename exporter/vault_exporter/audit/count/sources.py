"""What the pipeline remembers of one log."""

from collections import Counter
from datetime import datetime
from itertools import islice
from typing import Any, Final

from vault_exporter.audit.count.counters import Cell, Key
from vault_exporter.audit.count.pending import Pending
from vault_exporter.audit.parse.decode import Reject

__all__ = ["Cells", "LogStream"]

_UNPROVEN_SHARE: Final = 4
"""One in so many of the guessed mounts may be one that no successful request has used."""


class Cells:
    """Where requests and responses are counted, by what they state; with the mount class of the last one."""

    __slots__ = ("requests", "responses")

    def __init__(self) -> None:
        self.requests: dict[Key, Cell] = {}
        self.responses: dict[Key, Cell] = {}


class LogStream:
    """One log: its last entry, its rejects, the requests that wait for a response, and where entries are counted.

    Vault states the mount of a request since 1.14. For older logs the mount is guessed from the path. A path is what a
    caller chose, so a guess is admitted as a label only where a successful request has used it, and, within a narrower
    bound, in a log that is known to be old: otherwise calls of paths that do not exist would use up the labels.

    Attributes:
        last: the time of the newest entry.
        mixed: the server's own log lines may be among the entries.
        passed_over: lines that are the server's own log, or others that are nothing like an entry.
        pending: requests whose responses were not read yet.
        rejected: lines that are no entry.
        unsure: those of them, since the counts were last asked for, that are nothing like an entry.
        excluded: by id, why a request was left out; its response is left out, too.
        unsigned: by id, where the response of a request is counted that does not say who sends it, such as a login.
            Filled with ``audit.exclude`` only.
        stated: where entries are counted that state their mount.
        guessed: where entries are counted whose mount is guessed.
        by_path: the cells of such requests, by path instead of mount: paths recur, and guessing takes longer.
        unmounted: where entries are counted that reach no mount, as far as is known.
        states_mounts: an entry with a mount was read after the last successful one without.
    """

    __slots__ = (
        "_admitted",
        "_most_admitted",
        "by_path",
        "excluded",
        "guessed",
        "last",
        "mixed",
        "passed_over",
        "pending",
        "rejected",
        "stated",
        "states_mounts",
        "unmounted",
        "unsigned",
        "unsure",
    )

    def __init__(self, most_guessed: int, keep_unasked: int = 0) -> None:
        self.last: datetime | None = None
        self.mixed = False
        self.passed_over = 0
        self.pending = Pending(keep_unasked)
        self.rejected: Counter[Reject] = Counter()
        self.unsure: Counter[Reject] = Counter()
        self.excluded: dict[str, str] = {}
        self.unsigned: dict[str, Cell | None] = {}
        self.stated = Cells()
        self.guessed = Cells()
        self.by_path: dict[Key, Cell] = {}
        self.unmounted = Cells()
        self.states_mounts = True
        self._admitted: set[str] = set()
        self._most_admitted = most_guessed

    def admits(self, point: str, *, exists: bool = False) -> bool:
        """Whether a guessed mount becomes a label.

        Args:
            point: the mount.
            exists: a request to it succeeded.
        """
        if exists:
            self.states_mounts = False
        if point in self._admitted:
            return True
        bound = self._most_admitted if exists else self._most_admitted // _UNPROVEN_SHARE
        if self.states_mounts or len(self._admitted) >= bound:
            return False
        self._admitted.add(point)
        return True

    def note_server_log(self) -> None:
        """Take lines that are nothing like an entry for the server's log, also those just before its first line."""
        if not self.mixed:
            self.mixed = True
            self.passed_over += self.unsure.total()
            self.rejected -= self.unsure

    def bound(self, limit: int) -> None:
        """Drop requests that wait for too long, and those beyond the limit."""
        self.pending.bound(self.last, limit)
        if self.excluded or self.unsigned:
            _cut(self.excluded, limit)
            _cut(self.unsigned, limit)

    def merge(self, other: "LogStream") -> None:
        """Add what another process read."""
        self.last = max((time for time in (self.last, other.last) if time is not None), default=None)
        self.mixed |= other.mixed
        self.passed_over += other.passed_over
        self.pending.merge(other.pending)
        self.rejected.update(other.rejected)


def _cut(by_id: dict[str, Any], limit: int) -> None:
    """Delete the oldest ones beyond the limit."""
    for id_ in list(islice(by_id, max(0, len(by_id) - limit))):
        del by_id[id_]
