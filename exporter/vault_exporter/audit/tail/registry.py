"""The files that are, or were, one configured log: a path with what it was rotated to, or all matches of a pattern.

A file is known by device and inode while it is open, since then no other can have them, and by what was read of it
afterwards: its beginning and the bytes before the place where reading stopped. So one that is renamed, moved away and
back, or copied is read once, under whatever name it is found. Only a copy of less than 1 KiB cannot be told from a new
file, once the file that it is a part of is not open any more.
"""

import collections
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from vault_exporter.audit.tail.checkpoint import FilePosition
from vault_exporter.audit.tail.directories import Directories
from vault_exporter.audit.tail.open_file import Bounds, Counts, Identity, LogFile
from vault_exporter.audit.tail.rotation import rotated_paths
from vault_exporter.util.fs import open_at_once

__all__ = ["LOOK_SECONDS", "MOST_LET_GO", "FileRegistry"]

LOOK_SECONDS: Final = 2.0
"""How often to look whether a copy still is one."""

MOST_LET_GO: Final = 128
"""Marks of files that are not open any more; beyond, the oldest are forgotten."""


class FileRegistry:
    """What several followers know together of the files of one log.

    Attributes:
        counts: what was read of all.
        clock: seconds that never go back.
        now: nanoseconds since the epoch, to compare with the times of files.
        directories: listings of the directories that hold the files.
        renewed: followed files that were truncated, until the log that has them now has looked for copies.
    """

    def __init__(
        self,
        bounds: Bounds,
        *,
        let_go: Iterable[FilePosition] = (),
        matching: Callable[[], Iterable[Path]] = tuple,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], int] = time.time_ns,
        opener: Callable[[Path], int] = open_at_once,
    ) -> None:
        """Know nothing yet.

        Args:
            bounds: of reading.
            let_go: what an earlier reader knew of files that it had let go of.
            matching: further paths where a file of this log may be.
            clock: seconds that never go back.
            now: nanoseconds since the epoch.
            opener: opens a file for reading.
        """
        self.counts = Counts(bounds.max_line_bytes)
        self.clock = clock
        self.now = now
        self._bounds = bounds
        self._opener = opener
        self._matching = matching
        self._followed: dict[Identity, LogFile] = {}
        self._let_go = collections.deque(let_go, MOST_LET_GO)
        self._copies: dict[Identity, float] = {}
        self.renewed: set[Identity] = set()
        self.directories = Directories()

    @property
    def let_go(self) -> tuple[FilePosition, ...]:
        """Marks of the files that are not open any more, the oldest first."""
        return tuple(self._let_go)

    def open(self, path: Path) -> LogFile:
        """Open a file.

        Raises:
            OSError: it cannot be opened.
        """
        return LogFile(self._opener(path), self._bounds, self.counts)

    def open_around(self, path: Path) -> Iterator[LogFile]:
        """Open what a log was rotated to, to be closed by the caller."""
        return self._open_all(rotated_paths(path, self.directories))

    def open_copies(self, path: Path) -> Iterator[LogFile]:
        """Open what may be a copy of a log, to be closed by the caller."""
        return self._open_all(dict.fromkeys((*rotated_paths(path, self.directories), *self._matching())))

    def _open_all(self, paths: Iterable[Path]) -> Iterator[LogFile]:
        for path in paths:
            with contextlib.suppress(OSError):  # gone again, or not ours to read
                yield self.open(path)

    def has(self, identity: Identity) -> bool:
        """Whether the file is followed, or is a copy of one that is, as was seen just now."""
        if identity in self._followed:
            return True
        seen = self._copies.get(identity)
        return seen is not None and self.clock() - seen < LOOK_SECONDS

    def follows(self, identity: Identity) -> bool:
        """Whether the file is followed, under whatever name."""
        return identity in self._followed

    def follow(self, *files: LogFile) -> None:
        """Take note that files are followed."""
        self._followed.update((file.identity, file) for file in files)

    def release(self, file: LogFile) -> None:
        """Close a file, and keep in mind how far it was read."""
        with contextlib.suppress(OSError):
            self.remember(file)
        del self._followed[file.identity]
        self.renewed.discard(file.identity)
        file.close()

    def remember(self, file: LogFile) -> None:
        """Keep in mind how far a file was read, for where it, or a copy of it, is found."""
        mark = file.mark()
        if mark.head_bytes:
            others = (one for one in self._let_go if one.position > mark.position or not file.holds(one))
            self._let_go = collections.deque((*others, mark), MOST_LET_GO)

    def miss(self, mark: FilePosition) -> None:
        """Take note that a file that should be there is not; it may come back."""
        self._let_go.append(mark)

    def place(self, file: LogFile) -> bool:
        """Move to where in a file reading goes on: its start, unless something of it was read.

        Returns:
            False if all of it is or will be read elsewhere, since it is a copy.
        """
        # Its size comes first: the other one grows meanwhile, and the copy of a large log takes seconds.
        head, size = file.head(), file.size()
        alike = [one for one in self._followed.values() if one.begins_like(head)]
        end = max((one.size() for one in alike), default=0)
        if alike and (size <= end or not all(one.is_intact() for one in alike)):
            return self._leave(file)  # was one truncated, its follower will look for copies
        last = max((mark for mark in self._let_go if file.holds(mark)), key=lambda mark: mark.position, default=None)
        if last is not None and last.position >= end:
            file.resume(last)
        elif alike:
            file.skip_to(end)
        elif any(size < mark.position and file.begins_as(mark) for mark in self._let_go):
            return self._leave(file)
        return True

    def _leave(self, file: LogFile) -> bool:
        now = self.clock()
        self._copies = {one: when for one, when in self._copies.items() if now - when < LOOK_SECONDS}
        self._copies[file.identity] = now
        return False
