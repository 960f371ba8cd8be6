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
from vault_exporter.audit.status import LogStatus
from vault_exporter.audit.tail.checkpoint import Checkpoint, LogCheckpoint, PatternCheckpoint, key_of, paths_of
from vault_exporter.audit.tail.matching import is_pattern, matching, may_stand_for
from vault_exporter.audit.tail.open_file import Bounds, Old, OpenFile
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
"""Seconds for which nothing was added to a log before it is let go of, if it is gone or newer logs wait."""
_TORN_SECONDS: Final = 3600.0
"""The same for a log whose last line is partial."""
_MOST_GONE: Final = 128
"""Logs of a pattern to remember that are gone; beyond this number, the oldest are forgotten."""
_TIME: Final = re.compile(rb'"time":"([0-9T:.+Z-]{20,40})"')

_log = structlog.get_logger(__name__)


class LogSettings(NamedTuple):
    """The settings of one log."""

    max_line_bytes: int
    max_files: int
    """Maximum number of files of one pattern to follow; the last written ones are chosen."""
    format: AuditFormat = AuditFormat.AUTO
    """How entries lie in the files."""


class AuditLog:
    """The log or logs of one configured path or pattern, which is one log in the metrics."""

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
        cpu_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        """Open the files that exist now.

        Args:
            path: a file, which need not exist, or a pattern.
            pipeline: takes the lines.
            settings: the bounds.
            from_start: without a place to go on from, read what is there, too.
            earlier: where an earlier process left off.
            clock: seconds that never go back.
            now: nanoseconds since the epoch, as files have them.
            work_in: does work, under a name, in a thread; the first survey is done at once.
            cpu_clock: CPU seconds that the current thread has used.
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
        self._registry = FileRegistry(
            Bounds(settings.max_line_bytes),
            let_go=self._group.let_go if self._group else (),
            matching=lambda: map(Path, matching(path)),
            clock=clock,
            now=now,
        )
        self._tailers: dict[Path, Tailer] = {}
        self._gone: dict[Path, LogCheckpoint] = {}
        self._busy: dict[Path, float] = {}
        self._is_pattern = is_pattern(path)
        self._too_many = False
        self._surveyor = Surveyor(path, settings.max_files, from_start=from_start, cpu_clock=cpu_clock)
        self._survey: Future[Survey] | None = None
        self._let_go_of: list[Path] = []
        """Logs that are gone; the next survey looks for the files that they were rotated to."""
        self._read_error = ReadError(self._name)
        self._unlisted: Exception | None = None
        self._looked, self._since = clock(), now()
        pipeline.open(self._name)
        self._work_in: Callable[[Callable[[], Survey], str], Future[Survey]] = at_once
        self._look()
        self._work_in = work_in
        self._read_error.report(self._what_is_wrong())

    def step(self) -> bool:
        """Read one chunk of each log; return whether there was one."""
        self._look_if_due()
        busy, read_error = False, None
        for path, tailer in self._tailers.items():
            try:
                lines = tailer.poll()
                if lines:
                    if tailer.mixed:
                        self._pipeline.expect_server_log(self._name)
                    self._pipeline.feed(self._name, lines)
            except Exception as error:  # noqa: BLE001 - a defect in one log's reading must not stop the others
                read_error = error
                continue
            if lines is not None:
                busy = True
                self._busy[path] = self._clock()
        self._read_error.report(read_error or self._what_is_wrong())
        return busy

    @property
    def name(self) -> str:
        """The value of the label ``log``."""
        return self._name

    @property
    def read_bytes(self) -> int:
        """Bytes of the lines that were read since the start."""
        return self._registry.counts.read_bytes

    def checkpoints(self) -> Iterator[tuple[str, LogCheckpoint]]:
        """Yield the position in each log."""
        for path, mark in self._gone.items():
            yield key_of(path), mark
        for path, tailer in self._tailers.items():
            yield key_of(path), tailer.checkpoint()

    def pattern_checkpoint(self) -> tuple[str, PatternCheckpoint] | None:
        """Return which logs match; None until the first survey succeeded."""
        if self._group is None:
            return None
        paths = tuple(map(key_of, (*self._gone, *self._tailers)))
        return key_of(self._path), PatternCheckpoint(self._group.since, paths, self._registry.let_go)

    def samples(self) -> Iterator[Sample]:
        """Yield the state of reading this log."""
        name, counts = self._name, self._registry.counts
        yield c.AUDIT_READABLE(self._read_error.is_over, name)
        last = self._pipeline.last_entry(name)
        if last is not None:
            yield c.AUDIT_LAST_ENTRY(last, name)
        oldest = self._oldest_unread(last)
        if oldest is not None:
            yield c.AUDIT_OLDEST_UNREAD(oldest, name)
        yield c.AUDIT_LAG(sum(tailer.lag_bytes for tailer in self._tailers.values()), name)
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

    def status(self) -> LogStatus:
        """Return the state of reading this log."""
        name, counts, error = self._name, self._registry.counts, self._read_error
        return LogStatus(
            name,
            error.problem,
            error.remedy,
            self._pipeline.last_entry(name),
            counts.read_bytes,
            sum(tailer.lag_bytes for tailer in self._tailers.values()),
            lost_bytes=counts.lost_bytes + counts.skipped_bytes,
            rejected_lines=(counts.rejected + self._pipeline.rejected(name)).total(),
        )

    def close(self) -> None:
        """Close all files."""
        for tailer in self._tailers.values():
            tailer.close()

    def _look_if_due(self) -> None:
        if self._survey is not None:
            if self._survey.done():
                self._take_survey(self._survey)
        elif (self._is_pattern or not self._tailers) and self._clock() - self._looked >= self._surveyor.interval:
            self._look()

    def _look(self) -> None:
        """Release logs that are gone, and start a survey for new ones."""
        self._looked, self._since = self._clock(), self._registry.now()
        try:
            request = self._request()
        except Exception as error:  # noqa: BLE001 - a defect in one log's reading must not stop the others
            self._unlisted = error
            return
        self._survey = self._work_in(lambda: self._surveyor.survey(request), "audit logs")
        if self._survey.done():
            self._take_survey(self._survey)

    def _request(self) -> Request:
        self._let_go_of += self._let_go()  # files that followed them and were rotated away unseen are found now
        known = {*self._tailers, *self._gone, *self._noted}
        return Request(
            *(frozenset(map(str, paths)) for paths in (self._tailers, filter(self._is_idle, self._tailers))),
            *(frozenset(map(str, paths)) for paths in (known, self._noted)),
        )

    def _take_survey(self, survey: Future[Survey]) -> None:
        """Follow the logs that were found; an error is kept until the next survey."""
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
            self._part_with(path).finish()  # its position is remembered, in case it is written to again
        fresh, left_out = survey.fresh, self._surveyor.left_out
        sought = (*self._noted, *self._let_go_of, *fresh, *survey.vanished)
        marks = {path: mark for path in sought if str(path) not in left_out and (mark := self._mark(path))}
        for path, files in resume(self._registry, marks).items():
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
        """Return where to continue in a log; None at the first start, when no position is known."""
        if (mark := self._earlier.get(key_of(path)) or self._gone.get(path)) is not None:
            return mark
        return LogCheckpoint(self._group.since, ()) if self._group else None

    def _follow(
        self, path: Path, *, files: Collection[OpenFile] = (), looked: int | None = None, old: Old | None = None
    ) -> None:
        self._busy[path] = self._clock()
        self._tailers[path] = Tailer(
            path,
            self._registry,
            from_start=looked is not None or self._from_start,  # a log of the checkpoint has its position
            files=files,
            looked=looked,
            old=old,
            format_=self._settings.format,
        )

    def _let_go(self) -> list[Path]:
        """Release logs that are gone, and return them."""
        gone = [path for path in self._tailers if self._is_gone(path)]
        for path in gone:
            tailer = self._part_with(path)
            self._miss(path, tailer.checkpoint())
            tailer.finish()
        return gone

    def _part_with(self, path: Path) -> Tailer:
        del self._busy[path]
        return self._tailers.pop(path)

    def _is_gone(self, path: Path) -> bool:
        return self._is_pattern and self._is_idle(path) and not path.exists()

    def _is_idle(self, path: Path) -> bool:
        quiet = self._looked - self._busy[path]
        return quiet >= _GONE_SECONDS and (self._tailers[path].lag_bytes == 0 or quiet >= _TORN_SECONDS)

    def _miss(self, path: Path, mark: LogCheckpoint) -> None:
        """Remember a log that is gone, because it may return, and so that its rotated files are not taken for logs."""
        self._gone[path] = LogCheckpoint(mark.looked, ())
        while len(self._gone) > _MOST_GONE:
            del self._gone[next(iter(self._gone))]

    def _oldest_unread(self, last: float | None) -> float | None:
        oldest = None
        for tailer in self._tailers.values():
            line = tailer.next_line()
            if line:
                # Vault states the time at the end of an entry, maybe beyond these bytes; the last entry's is close.
                match = _TIME.search(line.partition(b"\n")[0])
                stated = _seconds(match[1].decode()) if match else last
                oldest = min((time for time in (oldest, stated) if time is not None), default=None)
        return oldest

    def _what_is_wrong(self) -> Exception | None:
        if self._unlisted is not None:
            return self._unlisted
        if not self._tailers:
            return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        errors = [tailer.read_error for tailer in self._tailers.values() if tailer.read_error]
        if self._is_pattern:  # a log of a pattern may be deleted or renamed
            errors = [one for one in errors if not isinstance(one, FileNotFoundError)]
        return next(iter(errors), None)


def _seconds(text: str) -> float | None:
    try:
        return msgspec.convert(text, datetime).timestamp()
    except (msgspec.ValidationError, ValueError, OverflowError):
        return None
