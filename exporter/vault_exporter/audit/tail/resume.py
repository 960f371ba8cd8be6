"""Where to go on: the files that an earlier reader had, by what it noted, and those that came since."""

import contextlib
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from vault_exporter.audit.tail.checkpoint import FilePosition, LogCheckpoint
from vault_exporter.audit.tail.compressed import may_lack_something
from vault_exporter.audit.tail.open_file import Identity, LogFile
from vault_exporter.audit.tail.registry import FileRegistry
from vault_exporter.util.fs import require_regular

__all__ = ["resume"]

_CLOCK_STEP: Final = 100_000_000
"""Nanoseconds by which a file's time may be behind the clock: file systems round it, to a few milliseconds mostly."""
_REMEDY: Final = (
    "have logrotate compress a file one rotation later (delaycompress), and not copytruncate; "
    "what the file held is counted by vault-exporter replay, where it is still there"
)

_log = structlog.get_logger(__name__)


def resume(known: FileRegistry, marks: Mapping[Path, LogCheckpoint]) -> dict[Path, list[LogFile]]:
    """Open the files of logs: of each path first those of its mark, then what came since; the oldest first.

    They are placed where reading goes on, and followed from now on. The file of a mark is found under any of the
    paths, since logs are renamed to one another's names.

    Args:
        known: what is known of their files.
        marks: where reading was, by path; of a path that is new, only when one last looked.

    Raises:
        OSError: a file cannot be read; none is left open.
    """
    there = _There(known, marks)
    try:
        there.take_marked()
        there.take_new()
    except OSError:
        there.close(all_=True)
        raise
    there.close()
    for path in there.gaps:
        known.counts.gaps += 1
        _log.warning(
            "what the audit log got after the last scrape may not be counted",
            log=str(path),
            error="the file to go on with was truncated, compressed or deleted while the exporter did not run",
            remedy=_REMEDY,
        )
    return there.taken


class _There:
    """The files that there are now, each opened once.

    Attributes:
        taken: those to be read, by the path whose log they are of.
        gaps: the logs of which a file is gone that may not have been read to its end.
    """

    def __init__(self, known: FileRegistry, marks: Mapping[Path, LogCheckpoint]) -> None:
        self.taken: dict[Path, list[LogFile]] = {path: [] for path in marks}
        self.gaps: list[Path] = []
        self._known = known
        self._marks = marks
        self._opened: dict[Identity, LogFile] = {}
        self._current: dict[Path, LogFile] = {}
        self._rotated: dict[Path, list[LogFile]] = {}
        for path in marks:
            with contextlib.suppress(OSError):  # the follower of the path will say so
                require_regular(path.stat())
                self._current.update((path, file) for file in self._add(known.open(path)))
        for path, mark in marks.items():
            self._rotated[path] = [one for file in known.open_around(path) for one in self._add_rotated(file, mark)]

    def _add(self, file: LogFile) -> list[LogFile]:
        first = self._opened.get(file.identity)
        if first is None and not self._known.follows(file.identity):
            first = self._opened[file.identity] = file
        else:
            file.close()
        return [first] if first else []

    def _add_rotated(self, file: LogFile, mark: LogCheckpoint) -> list[LogFile]:
        """Take in what may have to be read: the history of years is not held open."""
        wanted = _is_since(file, mark) or any(file.holds(place) for one in self._marks.values() for place in one.files)
        if wanted or file.identity in self._opened:
            return self._add(file)
        file.close()
        return []

    def take_marked(self) -> None:
        """Take the files of the marks, wherever they are now."""
        found: dict[tuple[Path, int], LogFile] = {}
        for same_inode in (True, False):  # a copy holds a file's mark, too
            for path, mark in self._marks.items():
                for number, place in enumerate(mark.files):
                    if (path, number) not in found and (file := self._holding(place, path, same_inode=same_inode)):
                        self._known.follow(file.resume(place))
                        found[path, number] = file
        for path, mark in self._marks.items():
            gone = [place for number, place in enumerate(mark.files) if (path, number) not in found]
            self.taken[path] += [found[path, number] for number in range(len(mark.files)) if (path, number) in found]
            for place in gone:
                if place.position > 0:
                    self._known.miss(place)
            if may_lack_something(
                path, mark.files, gone, self._known.let_go, mark.looked - _CLOCK_STEP, self._known.directories
            ):
                self.gaps.append(path)

    def _holding(self, place: FilePosition, path: Path, *, same_inode: bool) -> LogFile | None:
        for file in (*self._rotated[path], *self._opened.values()):
            if self._is_free(file) and (file.is_of(place) or not same_inode) and file.holds(place):
                return file
        return None

    def _is_free(self, file: LogFile) -> bool:
        return not self._known.follows(file.identity)

    def take_new(self) -> None:
        """Take what is not known: the files at the paths, and what was written to since of those rotated from them."""
        since = {
            path: [one for one in self._rotated[path] if _is_since(one, mark)] for path, mark in self._marks.items()
        }
        candidates = dict.fromkeys((*self._current.values(), *itertools.chain(*since.values())))
        new: set[LogFile] = set()
        # The largest first: of a log and its copy, which may still be written, that is the log.
        for file in sorted(candidates, key=LogFile.size, reverse=True):
            if self._is_free(file) and self._known.place(file):
                self._known.follow(file)
                new.add(file)
        current = set(self._current.values())
        for path, taken in self.taken.items():
            taken.extend(sorted(new.intersection(since[path]) - current, key=LogFile.modified))
            own = self._current.get(path)
            if own in taken:  # the newest, also where it is the oldest, truncated after it was copied
                taken.remove(own)
                taken.append(own)
            elif own in new:
                taken.append(own)

    def close(self, *, all_: bool = False) -> None:
        """Close those that were not taken."""
        for file in self._opened.values():
            if self._is_free(file):
                file.close()
            elif all_:
                self._known.release(file)


def _is_since(file: LogFile, mark: LogCheckpoint) -> bool:
    """Whether a file was written to since one last looked."""
    return file.modified() > mark.looked - _CLOCK_STEP
