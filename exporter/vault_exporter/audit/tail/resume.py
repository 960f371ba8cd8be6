"""Resume after a restart: find the files of the checkpoint, and the files that came since."""

import contextlib
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from vault_exporter.audit.tail.checkpoint import FilePosition, LogCheckpoint
from vault_exporter.audit.tail.compressed import may_lack_something
from vault_exporter.audit.tail.open_file import Identity, OpenFile
from vault_exporter.audit.tail.registry import FileRegistry
from vault_exporter.util.fs import require_regular

__all__ = ["resume"]

_CLOCK_STEP: Final = 100_000_000
"""Nanoseconds by which a file's time may lag behind the clock: file systems round it, mostly to some milliseconds."""
_REMEDY: Final = (
    "have logrotate compress a file one rotation later (delaycompress), and not copytruncate; "
    "what the file held is counted by vault-exporter replay, where it is still there"
)

_log = structlog.get_logger(__name__)


def resume(registry: FileRegistry, marks: Mapping[Path, LogCheckpoint]) -> dict[Path, list[OpenFile]]:
    """Open the files of logs, the oldest first: those of the checkpoint, then those that came since.

    Each file is placed where reading continues, and is followed from now on. A file of the checkpoint may be found
    under any of the paths, since one log may be renamed to another's name.

    Args:
        registry: the files that are known.
        marks: the checkpoint of each path; for a path that is new, only the time of the last look.

    Raises:
        OSError: a file cannot be read; none is left open.
    """
    there = _There(registry, marks)
    try:
        there.take_marked()
        there.take_new()
    except OSError:
        there.close(all_=True)
        raise
    there.close()
    for path in there.gaps:
        registry.counts.gaps += 1
        _log.warning(
            "what the audit log got after the last scrape may not be counted",
            log=str(path),
            error="the file to go on with was truncated, compressed or deleted while the exporter did not run",
            remedy=_REMEDY,
        )
    return there.taken


class _There:
    """The files that exist now, each opened once.

    Attributes:
        taken: the files to read, by the path of their log.
        gaps: the logs of which a file is gone that may have had unread entries.
    """

    def __init__(self, registry: FileRegistry, marks: Mapping[Path, LogCheckpoint]) -> None:
        self.taken: dict[Path, list[OpenFile]] = {path: [] for path in marks}
        self.gaps: list[Path] = []
        self._registry = registry
        self._marks = marks
        self._opened: dict[Identity, OpenFile] = {}
        self._current: dict[Path, OpenFile] = {}
        self._rotated: dict[Path, list[OpenFile]] = {}
        for path in marks:
            with contextlib.suppress(OSError):  # the tailer of the path reports it
                require_regular(path.stat())
                self._current.update((path, file) for file in self._add(registry.open(path)))
        for path, mark in marks.items():
            self._rotated[path] = [one for file in registry.open_around(path) for one in self._add_rotated(file, mark)]

    def _add(self, file: OpenFile) -> list[OpenFile]:
        first = self._opened.get(file.identity)
        if first is None and not self._registry.follows(file.identity):
            first = self._opened[file.identity] = file
        else:
            file.close()
        return [first] if first else []

    def _add_rotated(self, file: OpenFile, mark: LogCheckpoint) -> list[OpenFile]:
        """Keep a rotated file open only if it may have to be read: there may be hundreds of them."""
        wanted = _is_since(file, mark) or any(file.holds(place) for one in self._marks.values() for place in one.files)
        if wanted or file.identity in self._opened:
            return self._add(file)
        file.close()
        return []

    def take_marked(self) -> None:
        """Take the files of the checkpoint, under whatever names they are now."""
        found: dict[tuple[Path, int], OpenFile] = {}
        for same_inode in (True, False):  # a copy has the same content at the position
            for path, mark in self._marks.items():
                for number, place in enumerate(mark.files):
                    if (path, number) not in found and (file := self._holding(place, path, same_inode=same_inode)):
                        self._registry.follow(file.resume(place))
                        found[path, number] = file
        for path, mark in self._marks.items():
            gone = [place for number, place in enumerate(mark.files) if (path, number) not in found]
            self.taken[path] += [found[path, number] for number in range(len(mark.files)) if (path, number) in found]
            for place in gone:
                if place.position > 0:
                    self._registry.miss(place)
            if may_lack_something(
                path, mark.files, gone, self._registry.let_go, mark.looked - _CLOCK_STEP, self._registry.directories
            ):
                self.gaps.append(path)

    def _holding(self, place: FilePosition, path: Path, *, same_inode: bool) -> OpenFile | None:
        for file in (*self._rotated[path], *self._opened.values()):
            if self._is_free(file) and (file.is_of(place) or not same_inode) and file.holds(place):
                return file
        return None

    def _is_free(self, file: OpenFile) -> bool:
        return not self._registry.follows(file.identity)

    def take_new(self) -> None:
        """Take the files that are not known: those at the paths, and rotated ones that were written to since."""
        since = {
            path: [one for one in self._rotated[path] if _is_since(one, mark)] for path, mark in self._marks.items()
        }
        candidates = dict.fromkeys((*self._current.values(), *itertools.chain(*since.values())))
        new: set[OpenFile] = set()
        # The largest first, since a log is larger than its unfinished copy.
        for file in sorted(candidates, key=OpenFile.size, reverse=True):
            if self._is_free(file) and self._registry.place(file):
                self._registry.follow(file)
                new.add(file)
        current = set(self._current.values())
        for path, taken in self.taken.items():
            taken.extend(sorted(new.intersection(since[path]) - current, key=OpenFile.modified))
            own = self._current.get(path)
            if own in taken:  # the newest, also where it is the oldest, truncated after it was copied
                taken.remove(own)
                taken.append(own)
            elif own in new:
                taken.append(own)

    def close(self, *, all_: bool = False) -> None:
        """Close the files that were not taken."""
        for file in self._opened.values():
            if self._is_free(file):
                file.close()
            elif all_:
                self._registry.release(file)


def _is_since(file: OpenFile, mark: LogCheckpoint) -> bool:
    """Whether a file was written to since the last look."""
    return file.modified() > mark.looked - _CLOCK_STEP
