"""One configured audit log: a file, or a pattern and all files that match it."""

import errno
import os
import re
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import structlog

from vault_exporter import catalogue as c
from vault_exporter.audit.checkpoint import Checkpoint, LogMark, key_of
from vault_exporter.audit.decode import Reject
from vault_exporter.audit.follow import Follower, is_rotated
from vault_exporter.audit.pipeline import Pipeline
from vault_exporter.metrics import Sample

__all__ = ["AuditLog", "LogSettings", "is_pattern"]

_LOOK_SECONDS: Final = 2.0
"""How often to look for files that match a pattern."""
_GONE_SECONDS: Final = 60.0
"""How long a file that matched a pattern and is gone must be quiet, before it is let go of."""
_COUNTED: Final = {
    "read_bytes": c.AUDIT_READ_BYTES,
    "rotations": c.AUDIT_ROTATIONS,
    "truncations": c.AUDIT_TRUNCATIONS,
    "gaps": c.AUDIT_GAPS,
    "lost_bytes": c.AUDIT_LOST_BYTES,
    "skipped_bytes": c.AUDIT_SKIPPED_BYTES,
}
"""What followers count, by attribute."""
_COMPRESSED: Final = frozenset({".gz", ".zst", ".xz", ".bz2", ".lz4", ".zip"})
_TIME: Final = re.compile(rb'"time":"([0-9T:.+Z-]{20,40})"')

_REMEDIES: Final = {
    errno.ENOENT: "wait for Vault to create it, or correct audit.logs; it will be read from its beginning",
    errno.EACCES: "run the exporter as Vault's user or in its group, or set mode on Vault's audit device (0640)",
    errno.EPERM: "run the exporter as Vault's user or in its group, or set mode on Vault's audit device (0640)",
    errno.EISDIR: "name the log file itself in audit.logs, not its directory",
    errno.EINVAL: "name a regular file in audit.logs; pipes and devices cannot be followed",
    errno.EMFILE: "raise the limit of open files of the exporter",
    errno.ENFILE: "raise the limit of open files of this machine",
}
_OTHER_REMEDY: Final = "check the file system that holds it"

_log = structlog.get_logger(__name__)


class LogSettings(NamedTuple):
    """The bounds of following."""

    max_line_bytes: int
    max_files: int
    """Files that one pattern may match; further ones are not read, and that is logged."""


def is_pattern(path: Path) -> bool:
    """Whether a path is a pattern for many."""
    return any(sign in str(path) for sign in "*?[")


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
    ) -> None:
        """Open what there is now.

        Args:
            path: a file, which need not exist, or a pattern.
            pipeline: takes the lines.
            settings: the bounds.
            from_start: without a place to go on from, read what is there, too.
            earlier: where an earlier process left off.
            clock: seconds that never go back.
        """
        self._path = path
        self._name = str(path)
        self._pipeline = pipeline
        self._settings = settings
        self._clock = clock
        self._earlier = earlier
        self._state: str | None = None
        self._followers: dict[Path, Follower] = {}
        self._is_pattern = is_pattern(path)
        self._looked = clock()
        self._too_many = False
        self._busy: dict[Path, float] = {}
        self._let_go: Counter[str] = Counter()
        self._rejected: Counter[Reject] = Counter()
        self._from_start = from_start
        self._unlisted: Exception | None = None
        pipeline.open(self._name)
        self._try_to_look()
        self._report(self._trouble())

    def step(self) -> bool:
        """Read one chunk of each file; tell whether there was one."""
        if self._is_pattern and self._clock() - self._looked >= _LOOK_SECONDS:
            self._try_to_look()
        busy = False
        for path, follower in self._followers.items():
            try:
                lines = follower.poll()
                if lines:
                    self._pipeline.feed(self._name, lines)
            except Exception as error:  # noqa: BLE001 - a defect in one log's reading must not stop the others
                self._report(error)
                return False
            if lines is not None:
                busy = True
                self._busy[path] = self._clock()
        self._report(self._trouble())
        return busy

    def marks(self) -> Iterator[tuple[str, LogMark]]:
        """Yield how far each file was read."""
        for path, follower in self._followers.items():
            yield key_of(path), follower.mark()

    def samples(self) -> Iterator[Sample]:
        """Yield what is said of reading this log."""
        name, followers = self._name, self._followers.values()
        yield c.AUDIT_READABLE(self._state == "", name)
        last = self._pipeline.last_entry(name)
        if last is not None:
            yield c.AUDIT_LAST_ENTRY(last, name)
        oldest = self._oldest_unread(last)
        if oldest is not None:
            yield c.AUDIT_OLDEST_UNREAD(oldest, name)
        yield c.AUDIT_LAG(sum(follower.lag_bytes for follower in followers), name)
        for attribute, family in _COUNTED.items():
            yield family(self._let_go[attribute] + sum(getattr(one, attribute) for one in followers), name)
        rejected = self._rejected + self._pipeline.rejected(name)
        for follower in followers:
            rejected.update(follower.rejected)
        for reason in Reject:
            yield c.AUDIT_REJECTED(rejected[reason], name, reason.value)

    def close(self) -> None:
        """Let go of all files."""
        for follower in self._followers.values():
            follower.close()

    def _try_to_look(self) -> None:
        """Look, and keep what prevented it until the next look: a directory may be closed to us for a while."""
        self._looked = self._clock()
        try:
            self._look()
        except Exception as error:  # noqa: BLE001 - a defect in one log's reading must not stop the others
            self._unlisted = error
        else:
            self._unlisted = None

    def _look(self) -> None:
        """Look for files that are new, and for those that are gone."""
        now = self._looked
        gone = [path for path in self._followers if not path.exists() and now - self._busy[path] >= _GONE_SECONDS]
        for path in gone:
            follower = self._followers.pop(path)
            follower.close()
            self._rejected.update(follower.rejected)
            for attribute in _COUNTED:
                self._let_go[attribute] += getattr(follower, attribute)
        for path in self._matching():
            self._follow(path, from_start=self._from_start)
        self._from_start = True  # what matches later is new

    def _follow(self, path: Path, *, from_start: bool) -> None:
        self._busy[path] = self._clock()
        self._followers[path] = Follower(
            path,
            from_start=from_start,
            max_line_bytes=self._settings.max_line_bytes,
            resume=None if self._earlier is None else self._earlier.logs.get(key_of(path)),
            clock=self._clock,
        )

    def _matching(self) -> list[Path]:
        if not self._is_pattern:
            return [self._path]
        root = Path(self._path.anchor or ".")
        pattern = str(self._path.relative_to(root) if self._path.anchor else self._path)
        found = sorted(path for path in root.glob(pattern) if path.suffix not in _COMPRESSED and not is_rotated(path))
        fresh = [path for path in found if path not in self._followers]
        room = self._settings.max_files - len(self._followers)
        if len(fresh) > room and not self._too_many:
            self._too_many = True
            remedy = "raise audit.max_files, or make the pattern narrower"
            _log.error("more files match than are followed", log=self._name, limit=room, remedy=remedy)
        return fresh[:room]

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

    def _trouble(self) -> Exception | None:
        if self._unlisted is not None:
            return self._unlisted
        if not self._followers:
            return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return next((follower.trouble for follower in self._followers.values() if follower.trouble), None)

    def _report(self, trouble: Exception | None) -> None:
        """Log a change of state, once."""
        state = "" if trouble is None else _what(trouble)
        if state == self._state:
            return
        self._state = state
        if trouble is None:
            _log.info("following the audit log", log=self._name)
        elif isinstance(trouble, OSError):
            remedy = _REMEDIES.get(trouble.errno or 0, _OTHER_REMEDY)
            _log.warning("cannot read the audit log", log=self._name, error=state, remedy=remedy)
        else:
            remedy = "report this as a defect of vault-exporter"
            _log.error("cannot process the audit log", log=self._name, error=state, remedy=remedy)


def _seconds(text: str) -> float | None:
    try:
        return msgspec.convert(text, datetime).timestamp()
    except (msgspec.ValidationError, ValueError, OverflowError):
        return None


def _what(trouble: Exception) -> str:
    """The error without its own text, which may quote what the log says."""
    if isinstance(trouble, OSError):
        return os.strerror(trouble.errno) if trouble.errno else type(trouble).__name__
    where = traceback.extract_tb(trouble.__traceback__)[-1]
    return f"{type(trouble).__name__} at {Path(where.filename).name}:{where.lineno}"
