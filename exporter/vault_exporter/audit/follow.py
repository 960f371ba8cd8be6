"""The lines of a log file that is written, rotated and truncated while it is read.

How a file is told apart: by device and inode, against the open file. While it is open the inode cannot be reused, so
a file that was deleted and made again is never mistaken for the old one. The bytes before the read position are
compared on every read: a file truncated in place shows even when it has grown past that position again.

How no line is lost on rotation: the renamed file is read on, since Vault writes to it until it gets SIGHUP, however
long that takes. Vault reopens under the lock that its writes hold, so once there is something in the newer file
nothing comes into the older one. Only then, read to its end and quiet for a while on top, it is closed. Where the log
was rotated several times between two looks at it, the files in between are found beside it: those named after the
log that were not there before.

Everything here is bytes and file descriptors; waiting, decoding and counting are elsewhere.
"""

import collections
import contextlib
import errno
import io
import os
import re
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from vault_exporter.audit.decode import Reject

__all__ = ["CHUNK_BYTES", "LINGER_SECONDS", "Follower"]

CHUNK_BYTES: Final = 128 << 10
"""How much is read in one step: some hundred lines, well under a millisecond to decode and count."""

LINGER_SECONDS: Final = 10.0
"""How long a rotated file must be quiet, with its successor in use, before it is closed."""

_MARKER_BYTES: Final = 4096
"""How much of what was read is compared with what the file says now: more than most lines, so their times too."""

_ROTATED: Final = r"[.-][0-9][0-9TZ:._-]*"
"""What log rotation adds to a name: a number, a date, a time."""

_Identity = tuple[int, int]


class Follower:
    """One log, by its path, with all the files it consists of at the moment.

    Each call of :meth:`poll` does one bounded step and returns the complete lines it found. What it keeps in memory
    is one chunk and one line of at most ``max_line_bytes``.

    Attributes:
        trouble: why the log at its path cannot be read, or None while it can.
        read_bytes: bytes of the complete, skipped and rejected lines so far.
        rotations: times that another file came in the place of the log.
        truncations: times that a file was truncated in place.
        rejected: lines that cannot be handed out, by reason (too_long, incomplete).
    """

    def __init__(
        self,
        path: Path,
        *,
        from_start: bool,
        max_line_bytes: int,
        clock: Callable[[], float] = time.monotonic,
        opener: Callable[[Path], int] | None = None,
    ) -> None:
        """Open what there is now; nothing is handed out yet.

        Args:
            path: the log; it need not exist.
            from_start: read what it already holds, too.
            max_line_bytes: longer lines are skipped.
            clock: seconds that never go back.
            opener: opens the log for reading, by default :func:`os.open`.
        """
        self.path = path
        self.trouble: OSError | None = None
        self.read_bytes = 0
        self.rotations = 0
        self.truncations = 0
        self.rejected: Counter[Reject] = Counter()
        self._max_line_bytes = max_line_bytes
        self._chunk_bytes = min(CHUNK_BYTES, max_line_bytes)
        self._clock = clock
        self._open = opener or _open
        self._files: collections.deque[_File] = collections.deque()
        self._started = False
        self._siblings = self._look_around()
        # What is there now and is not to be read: a file as far as it goes, or one of which nothing is known yet.
        self._old: tuple[_Identity, int] | None = None
        self._old_unknown = False
        if not from_start:
            try:
                status = path.stat()
                self._old = (_identity(status), status.st_size)
            except OSError as error:
                self._old_unknown = not isinstance(error, FileNotFoundError)
        self._watch_path()

    @property
    def lag_bytes(self) -> int:
        """Bytes that are in the open files and not yet handed out."""
        return sum(file.lag_bytes() for file in self._files)

    def poll(self) -> list[bytes] | None:
        """Do one step: look for a new file at the path, and read one chunk of the oldest file that has one.

        Returns:
            the complete lines, with their newlines (none where the chunk is all one line), or None if nothing is new.
        """
        self._watch_path()
        for position, file in enumerate(self._files):
            # Asked before the file is read: what came into it until the newer one was in use is read here.
            superseded = any(self._files[newer].size() for newer in range(position + 1, len(self._files)))
            lines = None
            try:
                lines = self._read(file)
            except OSError as error:
                self.trouble = error
            if lines is not None:
                file.quiet_since = None
                return lines
            if superseded and self._has_been_quiet(file):
                self._close(file)
                return None
        return None

    def close(self) -> None:
        """Close all files. A part of a line at the end is left for the next reader, so it is not rejected."""
        while self._files:
            self._files.pop().close()

    def _watch_path(self) -> None:
        self.trouble = None
        try:
            status = self.path.stat()
            if self._follows(_identity(status)):
                return
            _require_regular(status)
            self._take_up(_File(self._open(self.path)))
        except FileNotFoundError as error:
            # Between a rename and Vault's reopening there is no file at the path; the old one is read on.
            self.trouble = None if self._files else error
            self._old, self._old_unknown = None, False
        except OSError as error:
            self.trouble = error

    def _follows(self, identity: _Identity) -> bool:
        return any(file.identity == identity for file in self._files)

    def _take_up(self, fresh: "_File") -> None:
        """Follow a file newly found at the path, and those that were there and gone since the last look."""
        if self._follows(fresh.identity):  # put back between the look and the opening
            fresh.close()
            return
        missed = self._missed(fresh)
        try:
            for file in (*missed, fresh):
                self._skip_old(file)
        except OSError:
            for file in (*missed, fresh):
                file.close()
            raise
        self.rotations += len(missed) + self._started
        self._started = True
        self._files.extend((*missed, fresh))
        self._siblings = self._look_around()

    def _skip_old(self, file: "_File") -> None:
        """Place the reader behind what the log held when the exporter started, if this is that file."""
        if self._old_unknown:
            self._old_unknown = False
            self._skip_to(file, file.size())
        elif self._old is not None and self._old[0] == file.identity:
            size, self._old = self._old[1], None
            if file.size() >= size:
                self._skip_to(file, size)

    def _skip_to(self, file: "_File", end: int) -> None:
        """Move to the start of the line that is being written at ``end``, so that it counts when it is complete."""
        at = end
        while at > 0 and end - at < self._max_line_bytes:
            size = min(at, _MARKER_BYTES)
            chunk = file.pread(size, at - size)
            newline = chunk.rfind(b"\n")
            if newline >= 0:
                file.seek(at - size + newline + 1)
                return
            at -= size
        if at > 0:
            file.skipping = True
            file.seek(end)

    def _read(self, file: "_File") -> list[bytes] | None:
        """Read one chunk: its complete lines, or None if there is none."""
        marker = file.marker
        chunk = file.pread(len(marker) + self._chunk_bytes, file.position - len(marker))
        if not chunk.startswith(marker):
            self._restart(file)
            return []
        if len(chunk) == len(marker):
            return None
        buffer = io.BytesIO(chunk)
        buffer.seek(len(marker))
        lines = buffer.readlines()
        file.position += len(chunk) - len(marker)
        file.marker = chunk[-_MARKER_BYTES:]
        if file.partial or file.skipping:
            self._complete_first(file, lines)
        if lines and not lines[-1].endswith(b"\n"):
            file.partial += lines.pop()
            if len(file.partial) > self._max_line_bytes:
                self._reject(file, Reject.TOO_LONG)
                file.skipping = True
        self.read_bytes += sum(map(len, lines))
        return lines

    def _complete_first(self, file: "_File", lines: list[bytes]) -> None:
        """Join what the last chunks left of a line to its end, if that is here now."""
        if file.skipping:
            skipped = lines.pop(0)
            self.read_bytes += len(skipped)
            file.skipping = not skipped.endswith(b"\n")
        elif lines[0].endswith(b"\n"):
            if len(file.partial) + len(lines[0]) - 1 > self._max_line_bytes:
                self.read_bytes += len(lines.pop(0))
                self._reject(file, Reject.TOO_LONG)
            else:
                lines[0] = bytes(file.partial + lines[0])
                file.partial.clear()

    def _restart(self, file: "_File") -> None:
        """Begin again in a file that was truncated in place; what was written between is unknown and lost."""
        self.truncations += 1
        self._reject_partial(file)
        file.skipping = False
        file.seek(0)
        self._siblings = self._look_around()  # the copy made just before is no rotated file

    def _has_been_quiet(self, file: "_File") -> bool:
        now = self._clock()
        if file.quiet_since is None:
            file.quiet_since = now
        return now - file.quiet_since >= LINGER_SECONDS

    def _close(self, file: "_File") -> None:
        self._reject_partial(file)
        self._files.remove(file)
        file.close()

    def _reject_partial(self, file: "_File") -> None:
        if file.partial:
            self._reject(file, Reject.INCOMPLETE)

    def _reject(self, file: "_File", reason: Reject) -> None:
        self.rejected[reason] += 1
        self.read_bytes += len(file.partial)
        file.partial.clear()

    def _missed(self, fresh: "_File") -> list["_File"]:
        """Open the files that were the log, and were rotated away, since the last look; the oldest first."""
        known = self._siblings | {file.identity: file.head() for file in (fresh, *self._files)}
        missed: list[_File] = []
        for file in self._open_siblings():
            if _is_known(file, known):
                file.close()
            else:
                missed.append(file)
        return sorted(missed, key=_File.modified)

    def _look_around(self) -> dict[_Identity, bytes]:
        """Remember the rotated files that are there, so that those which come can be told from them."""
        heads: dict[_Identity, bytes] = {}
        for file in self._open_siblings():
            heads[file.identity] = file.head()
            file.close()
        return heads

    def _open_siblings(self) -> Iterator["_File"]:
        for path in _sibling_paths(self.path):
            with contextlib.suppress(OSError):  # gone again, or not ours to read
                yield _File(self._open(path))


class _File:
    """One open file and where in it the reader is."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.identity = _identity(os.fstat(descriptor))
        self.position = 0
        self.marker = b""
        self.partial = bytearray()
        self.skipping = False
        self.quiet_since: float | None = None

    def pread(self, size: int, position: int) -> bytes:
        return os.pread(self._descriptor, size, position)

    def seek(self, position: int) -> None:
        size = min(position, _MARKER_BYTES)
        self.position = position
        self.marker = self.pread(size, position - size)
        if len(self.marker) < size:  # truncated just now: all that comes is new
            self.position, self.marker = 0, b""

    def size(self) -> int:
        """How long it is now; of a file that went away under us (a network file system), nothing."""
        try:
            return os.fstat(self._descriptor).st_size
        except OSError:
            return 0

    def lag_bytes(self) -> int:
        return max(0, self.size() - self.position) + len(self.partial)

    def head(self) -> bytes:
        """How the file begins; its first line states a time, so only copies of a log begin alike."""
        try:
            return self.pread(_MARKER_BYTES, 0)
        except OSError:
            return b""

    def modified(self) -> int:
        """When it was last written to, in nanoseconds since the epoch."""
        return os.fstat(self._descriptor).st_mtime_ns

    def close(self) -> None:
        os.close(self._descriptor)


def _open(path: Path) -> int:
    # Without O_NONBLOCK a pipe put in the log's place would block here until someone writes to it.
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        code = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
        raise OSError(code, os.strerror(code))


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino


def _is_known(file: _File, known: Mapping[_Identity, bytes]) -> bool:
    """Whether this is one of the known files, perhaps grown, or renamed, or a copy of one.

    An inode alone says nothing: that of a deleted file is soon used for another.
    """
    head = file.head()
    if file.identity in known and head.startswith(known[file.identity]):
        return True
    first = head.partition(b"\n")[0]
    return bool(first) and any(first == other.partition(b"\n")[0] for other in known.values())


def _sibling_paths(path: Path) -> list[Path]:
    """The files named as log rotation does: ``audit.log.1``, ``audit.log-20261124``; no compressed ones, no notes."""
    named = re.compile(re.escape(path.name) + _ROTATED)
    try:
        with os.scandir(path.parent) as entries:
            return [path.parent / entry.name for entry in entries if named.fullmatch(entry.name) and entry.is_file()]
    except OSError:
        return []
