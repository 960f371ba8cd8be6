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
from vault_exporter.audit.tail.open_file import Bounds, Counts, Identity, OpenFile
from vault_exporter.audit.tail.rotation import rotated_paths
from vault_exporter.util.fs import open_at_once

__all__ = ["LOOK_SECONDS", "MOST_LET_GO", "FileRegistry"]

LOOK_SECONDS: Final = 2.0
"""Seconds after which a file that was a copy is examined again."""

MOST_LET_GO: Final = 128
"""Closed files to remember; beyond this number, the oldest are forgotten."""


class FileRegistry:
    """The known files of one path or pattern, shared by its tailers.

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
        """Begin without files.

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
        self._followed: dict[Identity, OpenFile] = {}
        self._let_go = collections.deque(let_go, MOST_LET_GO)
        self._copies: dict[Identity, float] = {}
        self.renewed: set[Identity] = set()
        self.directories = Directories()

    @property
    def let_go(self) -> tuple[FilePosition, ...]:
        """Positions in the files that are closed, the oldest first."""
        return tuple(self._let_go)

    def open(self, path: Path) -> OpenFile:
        """Open a file.

        Raises:
            OSError: it cannot be opened.
        """
        return OpenFile(self._opener(path), self._bounds, self.counts)

    def open_around(self, path: Path) -> Iterator[OpenFile]:
        """Open the files that a log was rotated to; the caller closes them."""
        return self._open_all(rotated_paths(path, self.directories))

    def open_copies(self, path: Path) -> Iterator[OpenFile]:
        """Open the files that may be copies of a log; the caller closes them."""
        return self._open_all(dict.fromkeys((*rotated_paths(path, self.directories), *self._matching())))

    def _open_all(self, paths: Iterable[Path]) -> Iterator[OpenFile]:
        for path in paths:
            with contextlib.suppress(OSError):  # gone again, or not readable
                yield self.open(path)

    def has(self, identity: Identity) -> bool:
        """Return whether the file is followed, or was recently found to be a copy of a followed one."""
        if identity in self._followed:
            return True
        seen = self._copies.get(identity)
        return seen is not None and self.clock() - seen < LOOK_SECONDS

    def follows(self, identity: Identity) -> bool:
        """Whether the file is followed, under any name."""
        return identity in self._followed

    def follow(self, *files: OpenFile) -> None:
        """Add files that are followed."""
        self._followed.update((file.identity, file) for file in files)

    def release(self, file: OpenFile) -> None:
        """Close a file, and remember its position."""
        with contextlib.suppress(OSError):
            self.remember(file)
        del self._followed[file.identity]
        self.renewed.discard(file.identity)
        file.close()

    def remember(self, file: OpenFile) -> None:
        """Remember the position in a file, in case the file or a copy of it is found later."""
        mark = file.checkpoint()
        if mark.fingerprint_bytes:
            others = (one for one in self._let_go if one.position > mark.position or not file.holds(one))
            self._let_go = collections.deque((*others, mark), MOST_LET_GO)

    def miss(self, mark: FilePosition) -> None:
        """Remember a file that is missing; it may come back."""
        self._let_go.append(mark)

    def place(self, file: OpenFile) -> bool:
        """Move to the position where reading of a file begins: its start, unless it was read in part.

        Returns:
            False if all of it is or will be read elsewhere, since it is a copy.
        """
        # The size is read first: the other file grows meanwhile, and copying a large log takes seconds.
        fingerprint, size = file.fingerprint(), file.size()
        alike = [one for one in self._followed.values() if one.begins_like(fingerprint)]
        end = max((one.size() for one in alike), default=0)
        if alike and (size <= end or not all(one.is_intact() for one in alike)):
            return self._leave(file)  # if one was truncated, its tailer looks for copies
        last = max((mark for mark in self._let_go if file.holds(mark)), key=lambda mark: mark.position, default=None)
        if last is not None and last.position >= end:
            file.resume(last)
        elif alike:
            file.skip_to(end)
        elif any(size < mark.position and file.begins_as(mark) for mark in self._let_go):
            return self._leave(file)
        return True

    def _leave(self, file: OpenFile) -> bool:
        now = self.clock()
        self._copies = {one: when for one, when in self._copies.items() if now - when < LOOK_SECONDS}
        self._copies[file.identity] = now
        return False
