"""Find the logs of a pattern in a thread, since a pattern may match ten thousand files."""

import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, NamedTuple

from vault_exporter.audit.tail.directories import Directories
from vault_exporter.audit.tail.matching import matching, vanished
from vault_exporter.audit.tail.open_file import Old, old_of
from vault_exporter.util.fs import modified

__all__ = ["SHORTEST_INTERVAL", "Request", "Survey", "Surveyor"]

SHORTEST_INTERVAL: Final = 2.0
"""Minimum seconds between two surveys."""
_LONGEST_INTERVAL: Final = 10.0
_TIMES_COST: Final = 200
"""A survey may take this share of a CPU, or a fifth of it while it finds nothing new."""
_TIMES_IDLE: Final = 1000


class Request(NamedTuple):
    """The input of a survey."""

    followed: Collection[str]
    """Logs that are followed."""
    idle: Collection[str]
    """Those of them that may be let go of, for newer ones."""
    known: Collection[str]
    """All logs that are known, also from earlier."""
    noted: Collection[str]
    """Logs that the checkpoint knows."""


class Survey(NamedTuple):
    """The result of a survey."""

    fresh: list[Path]
    """Logs to follow, by name."""
    superseded: list[Path]
    """Logs to let go of, since they are idle and others were written to later."""
    vanished: list[Path]
    """Logs that came and went; only files rotated from them are there."""
    too_many: bool
    """More logs match than may be followed."""


class Surveyor:
    """Looks for the logs of one path or pattern. One survey at a time, in any thread.

    Attributes:
        interval: seconds until the next survey is due: longer where it is costly and finds nothing new.
        left_out: logs that there was no room for at the first survey, and what they held: it is not read later either.
    """

    def __init__(
        self,
        path: Path,
        max_files: int,
        *,
        from_start: bool,
        cpu_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        """Do not look yet.

        Args:
            path: the path or pattern.
            max_files: how many logs may be followed at once.
            from_start: what a log holds at the first survey is read, too.
            cpu_clock: CPU seconds that the current thread has used.
        """
        self.interval = SHORTEST_INTERVAL
        self.left_out: dict[str, Old] = {}
        self._path = path
        self._max_files = max_files
        self._from_start = from_start
        self._cpu_clock = cpu_clock
        self._is_first = True
        self._directories = Directories()

    def survey(self, request: Request) -> Survey:
        """List the files that exist now.

        Raises:
            OSError: a directory cannot be listed.
        """
        began = self._cpu_clock()
        found = matching(self._path, request.known, self._directories)
        fresh = [path for path in found if path not in request.followed]
        room = max(0, self._max_files - len(request.followed))
        too_many, superseded = len(fresh) > room, list[str]()
        if too_many:
            # The newest is the one that is written to, whatever the names are.
            written = {path: modified(path) for path in (*fresh, *request.followed)}
            fresh.sort(key=written.__getitem__, reverse=True)
            for path in sorted(request.idle, key=written.__getitem__):
                if room == len(fresh) or written[path] >= written[fresh[room]]:
                    break
                superseded.append(path)
                room += 1
        self._leave_out(fresh[room:], found, request.noted)
        gone = vanished(self._path, request.known, self._directories)
        self._directories.forget_unused()
        new = sorted(map(Path, fresh[:room]))
        self._set_interval(self._cpu_clock() - began, is_new=bool(new or gone))
        return Survey(new, list(map(Path, superseded)), list(map(Path, gone)), too_many)

    def _leave_out(self, paths: Collection[str], found: Collection[str], noted: Collection[str]) -> None:
        """Remember what is left out at the first survey, for as long as it is found."""
        if self._is_first:
            self._is_first = False
            new = [] if self._from_start else [path for path in paths if path not in noted]
            self.left_out = {path: old for path in new if (old := old_of(Path(path)))}
        elif self.left_out:
            there = set(found)
            self.left_out = {path: old for path, old in self.left_out.items() if path in there}

    def _set_interval(self, cost: float, *, is_new: bool) -> None:
        longest = min(max(SHORTEST_INTERVAL, cost * _TIMES_IDLE), _LONGEST_INTERVAL)
        shortest = min(max(SHORTEST_INTERVAL, cost * _TIMES_COST), longest)
        self.interval = shortest if is_new else min(max(shortest, 2 * self.interval), longest)
