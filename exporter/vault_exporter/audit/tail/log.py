"""One configured audit log: a file, or a pattern and all files that match it."""

import errno
import os
import re
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import structlog

from vault_exporter.audit.count.pipeline import Pipeline
from vault_exporter.audit.parse.decode import Reject
from vault_exporter.audit.tail.checkpoint import Checkpoint, LogCheckpoint, PatternCheckpoint, key_of, paths_of
from vault_exporter.audit.tail.matching import is_pattern, matching, may_stand_for
from vault_exporter.audit.tail.open_file import Bounds, LogFile, Old
from vault_exporter.audit.tail.read_error import ReadError
from vault_exporter.audit.tail.registry import FileRegistry
from vault_exporter.audit.tail.resume import resume
from vault_exporter.audit.tail.survey import Request, Survey, Surveyor
from vault_exporter.audit.tail.tailer import Tailer
from vault_exporter.config.schema.model import AuditFormat
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.util.threads import at_once

__all__ = ["AuditLog", "LogSettings"]

_GONE_SECONDS: Final = 60.0
"""How long a file that matched a pattern must be quiet before it is let go of: gone, or with newer ones waiting."""
_TORN_SECONDS: Final = 3600.0
"""The same where its last line has no end: it is being written, or was torn for ever."""
_MOST_GONE: Final = 128
"""Logs that matched a pattern and are gone; beyond, the oldest are forgotten."""
_TIME: Final = re.compile(rb'"time":"([0-9T:.+Z-]{20,40})"')

_log = structlog.get_logger(__name__)


class LogSettings(NamedTuple):
    """The bounds of following."""

    max_line_bytes: int
    max_files: int
    """Files of one pattern that are followed at once; of more, those last written to, and that is logged."""
    format: AuditFormat = AuditFormat.AUTO
    """How entries lie in the files."""


class AuditLog:
    """What is configured as one log, and is one in the metrics, by its path or pattern."""

    def __init__(
        self,
        path: Path,
        pipeline: Pipeline,
        settings: LogSettings,
        *,
        from_start: bool,
        earlier: Checkpoint | None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], int] = time.time_ns,
        work_in: Callable[[Callable[[], Survey], str], Future[Survey]] = at_once,
    ) -> None:
        """Open what there is now.

        Args:
            path: a file, which need not exist, or a pattern.
            pipeline: takes the lines.
            settings: the bounds.
            from_start: without a place to go on from, read what is there, too.
            earlier: where an earlier process left off.
            clock: seconds that never go back.
            now: nanoseconds since the epoch, as files have them.
            work_in: does work, under a name, in a thread; the first survey is done at once.
        """
        self._path = path
        self._name = str(path)
        self._pipeline = pipeline
        self._settings = settings
        self._clock = clock
        self._from_start = from_start
        self._earlier = {} if earlier is None else earlier.logs
        self._group = None if earlier is None else earlier.groups.get(key_of(path))
        noted = paths_of(self._group.paths) if self._group else []
        self._noted = [one for one in noted if may_stand_for(path, one)]
        self._known = FileRegistry(
            Bounds(settings.max_line_bytes),
            let_go=self._group.let_go if self._group else (),
            matching=lambda: map(Path, matching(path)),
            clock=clock,
            now=now,
        )
        self._followers: dict[Path, Tailer] = {}
        self._gone: dict[Path, LogCheckpoint] = {}
        self._busy: dict[Path, float] = {}
        self._is_pattern = is_pattern(path)
        self._too_many = False
        self._surveyor = Surveyor(path, settings.max_files, from_start=from_start)
        self._survey: Future[Survey] | None = None
        self._let_go_of: list[Path] = []
        """Logs that are gone, until a survey looked for what they were rotated to."""
        self._trouble = ReadError(self._name)
        self._unlisted: Exception | None = None
        self._looked, self._since = clock(), now()
        pipeline.open(self._name)
        self._work_in: Callable[[Callable[[], Survey], str], Future[Survey]] = at_once
        self._look()
        self._work_in = work_in
        self._trouble.report(self._what_is_wrong())

    def step(self) -> bool:
        """Read one chunk of each file; tell whether there was one."""
        self._look_if_due()
        busy, trouble = False, None
        for path, follower in self._followers.items():
            try:
                lines = follower.poll()
                if lines:
                    if follower.mixed:
                        self._pipeline.expect_server_log(self._name)
                    self._pipeline.feed(self._name, lines)
            except Exception as error:  # noqa: BLE001 - a defect in one log's reading must not stop the others
                trouble = error
                continue
            if lines is not None:
                busy = True
                self._busy[path] = self._clock()
        self._trouble.report(trouble or self._what_is_wrong())
        return busy

    @property
    def name(self) -> str:
        """The value of the label ``log``."""
        return self._name

    @property
    def read_bytes(self) -> int:
        """Bytes of the lines that were read since the start."""
        return self._known.counts.read_bytes

    def marks(self) -> Iterator[tuple[str, LogCheckpoint]]:
        """Yield how far each file was read."""
        for path, mark in self._gone.items():
            yield key_of(path), mark
        for path, follower in self._followers.items():
            yield key_of(path), follower.mark()

    def group(self) -> tuple[str, PatternCheckpoint] | None:
        """Return what the files are together; None while one could not look yet which there are."""
        if self._group is None:
            return None
        paths = tuple(map(key_of, (*self._gone, *self._followers)))
        return key_of(self._path), PatternCheckpoint(self._group.since, paths, self._known.let_go)

    def samples(self) -> Iterator[Sample]:
        """Yield what is said of reading this log."""
        name, counts = self._name, self._known.counts
        yield c.AUDIT_READABLE(self._trouble.is_over, name)
        last = self._pipeline.last_entry(name)
        if last is not None:
            yield c.AUDIT_LAST_ENTRY(last, name)
        oldest = self._oldest_unread(last)
        if oldest is not None:
            yield c.AUDIT_OLDEST_UNREAD(oldest, name)
        yield c.AUDIT_LAG(sum(follower.lag_bytes for follower in self._followers.values()), name)
        yield c.AUDIT_READ_BYTES(counts.read_bytes, name)
        yield c.AUDIT_ROTATIONS(counts.rotations, name)
        yield c.AUDIT_TRUNCATIONS(counts.truncations, name)
        yield c.AUDIT_GAPS(counts.gaps, name)
        yield c.AUDIT_LOST_BYTES(counts.lost_bytes, name)
        yield c.AUDIT_SKIPPED_BYTES(counts.skipped_bytes, name)
        yield c.AUDIT_OTHER_LINES(self._pipeline.passed_over(name), name)
        rejected = counts.rejected + self._pipeline.rejected(name)
        for reason in Reject:
            yield c.AUDIT_REJECTED(rejected[reason], name, reason.value)

    def close(self) -> None:
        """Let go of all files."""
        for follower in self._followers.values():
            follower.close()

    def _look_if_due(self) -> None:
        if self._survey is not None:
            if self._survey.done():
                self._take_survey(self._survey)
        elif (self._is_pattern or not self._followers) and self._clock() - self._looked >= self._surveyor.interval:
            self._look()

    def _look(self) -> None:
        """Let go of logs that are gone, and begin to look for new ones."""
        self._looked, self._since = self._clock(), self._known.now()
        try:
            request = self._request()
        except Exception as error:  # noqa: BLE001 - a defect in one log's reading must not stop the others
            self._unlisted = error
            return
        self._survey = self._work_in(lambda: self._surveyor.survey(request), "audit logs")
        if self._survey.done():
            self._take_survey(self._survey)

    def _request(self) -> Request:
        self._let_go_of += self._let_go()  # what came after them, and was rotated away unseen, is found now
        known = {*self._followers, *self._gone, *self._noted}
        return Request(
            *(frozenset(map(str, paths)) for paths in (self._followers, filter(self._is_idle, self._followers))),
            *(frozenset(map(str, paths)) for paths in (known, self._noted)),
        )

    def _take_survey(self, survey: Future[Survey]) -> None:
        """Follow what was found, and keep what prevented it: a directory may be closed to us for a while."""
        self._survey = None
        try:
            self._follow_found(survey.result())
        except Exception as error:  # noqa: BLE001 - a defect in one log's reading must not stop the others
            self._unlisted = error
        else:
            self._unlisted = None

    def _follow_found(self, survey: Survey) -> None:
        before, self._too_many = self._too_many, survey.too_many
        if self._too_many and not before:
            remedy, limit = "raise audit.max_files, or make the pattern narrower", self._settings.max_files
            _log.error("more files match than are followed", log=self._name, limit=limit, remedy=remedy)
        for path in survey.superseded:
            self._part_with(path).finish()  # it is known how far it was read, should it be written to again
        fresh, left_out = survey.fresh, self._surveyor.left_out
        sought = (*self._noted, *self._let_go_of, *fresh, *survey.vanished)
        marks = {path: mark for path in sought if str(path) not in left_out and (mark := self._mark(path))}
        for path, files in resume(self._known, marks).items():
            if files or path in fresh:
                self._gone.pop(path, None)
                self._follow(path, files=files, looked=marks[path].looked)
            else:
                self._miss(path, marks[path])
        for path in fresh:
            if path not in marks:
                self._follow(path, old=left_out.pop(str(path), None))
        self._earlier, self._noted, self._let_go_of = {}, [], []
        self._group = self._group or PatternCheckpoint(self._since, (), ())

    def _mark(self, path: Path) -> LogCheckpoint | None:
        """Where to go on with a log; None if nothing is known of it, and not because it is new."""
        if (mark := self._earlier.get(key_of(path)) or self._gone.get(path)) is not None:
            return mark
        return LogCheckpoint(self._group.since, ()) if self._group else None

    def _follow(
        self, path: Path, *, files: Collection[LogFile] = (), looked: int | None = None, old: Old | None = None
    ) -> None:
        self._busy[path] = self._clock()
        self._followers[path] = Tailer(
            path,
            self._known,
            from_start=looked is not None or self._from_start,  # what was found by a checkpoint is placed
            files=files,
            looked=looked,
            old=old,
            format_=self._settings.format,
        )

    def _let_go(self) -> list[Path]:
        """Let go of logs that are gone, and return them."""
        gone = [path for path in self._followers if self._is_gone(path)]
        for path in gone:
            follower = self._part_with(path)
            self._miss(path, follower.mark())
            follower.finish()
        return gone

    def _part_with(self, path: Path) -> Tailer:
        del self._busy[path]
        return self._followers.pop(path)

    def _is_gone(self, path: Path) -> bool:
        return self._is_pattern and self._is_idle(path) and not path.exists()

    def _is_idle(self, path: Path) -> bool:
        quiet = self._looked - self._busy[path]
        return quiet >= _GONE_SECONDS and (self._followers[path].lag_bytes == 0 or quiet >= _TORN_SECONDS)

    def _miss(self, path: Path, mark: LogCheckpoint) -> None:
        """Remember a log that is gone: what it was rotated to is no log by itself, and it may come again."""
        self._gone[path] = LogCheckpoint(mark.looked, ())
        while len(self._gone) > _MOST_GONE:
            del self._gone[next(iter(self._gone))]

    def _oldest_unread(self, last: float | None) -> float | None:
        oldest = None
        for follower in self._followers.values():
            line = follower.next_line()
            if line:
                # Vault states the time at the end of an entry, maybe beyond what is looked at; the last read is near.
                match = _TIME.search(line.partition(b"\n")[0])
                stated = _seconds(match[1].decode()) if match else last
                oldest = min((time for time in (oldest, stated) if time is not None), default=None)
        return oldest

    def _what_is_wrong(self) -> Exception | None:
        if self._unlisted is not None:
            return self._unlisted
        if not self._followers:
            return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        troubles = [follower.trouble for follower in self._followers.values() if follower.trouble]
        if self._is_pattern:  # of which a log may go, or be there under another name
            troubles = [one for one in troubles if not isinstance(one, FileNotFoundError)]
        return next(iter(troubles), None)


def _seconds(text: str) -> float | None:
    try:
        return msgspec.convert(text, datetime).timestamp()
    except (msgspec.ValidationError, ValueError, OverflowError):
        return None
