"""One open file of a log: its position, its lines, and its fingerprints."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from vault_exporter.audit.lines.splitter import LineCounts, LineSplitter
from vault_exporter.audit.parse.decode import Reject
from vault_exporter.audit.tail.checkpoint import FINGERPRINT_BYTES, TAIL_BYTES, FilePosition, UnfinishedLine, digest

__all__ = [
    "CHUNK_BYTES",
    "CHUNK_LINES",
    "TAIL_BYTES",
    "Bounds",
    "Counts",
    "Identity",
    "Old",
    "OpenFile",
    "TruncatedError",
    "begin_alike",
    "identity_of",
    "old_of",
]

CHUNK_BYTES: Final = 512 << 10
"""Bytes to read in one step: some hundred lines, which take about a millisecond to decode and count."""

CHUNK_LINES: Final = 1024
"""Limit of lines in one step, since rejecting lines takes time per line, not per byte."""

Identity = tuple[int, int]
"""Device and inode."""

Old = tuple[Identity, int]
"""A file, and how many bytes of it are not to be read."""


class Bounds(NamedTuple):
    """The bounds of reading."""

    max_line_bytes: int
    """Longer lines are skipped."""
    chunk_bytes: int = CHUNK_BYTES
    """Bytes to read in one step."""


class Counts(LineCounts):
    """What was read of a log, in all its files, and what could not be.

    Attributes:
        read_bytes: bytes of the complete, skipped and rejected lines.
        rotations: how often another file took the place of the log.
        truncations: how often a file was truncated in place.
        lost_bytes: bytes that were seen in a file and were gone before they were read; there may have been more.
        gaps: how often the file to go on with was gone when the reader started.
    """

    def __init__(self, max_line_bytes: int) -> None:
        super().__init__(max_line_bytes)
        self.read_bytes = 0
        self.rotations = 0
        self.truncations = 0
        self.lost_bytes = 0
        self.gaps = 0


class TruncatedError(Exception):
    """The file no longer contains what was read from it."""


class OpenFile:
    """A file that stays open, so that its inode cannot be reused.

    It keeps one chunk in memory, and one line of at most ``max_line_bytes``.

    Attributes:
        position: offset up to which it was read.
        tail: the bytes before the position.
        beginning: the first bytes of the file, as they were read.
        unread: the first bytes of the file as last seen, while nothing was read.
        lines_end: offset at which the last line ends that was handed out.
        unfinished: container lines of the checkpoint whose parts are to be read again.
        seen: size of the file when last looked at.
        quiet_since: time since which nothing was added, by the reader's clock.
    """

    def __init__(self, descriptor: int, bounds: Bounds, counts: Counts) -> None:
        """Take over an open descriptor; reading begins at the start."""
        self._descriptor = descriptor
        self._splitter = LineSplitter(counts)
        self._max_line_bytes = bounds.max_line_bytes
        self._chunk_bytes = min(bounds)
        self._counts = counts
        status = os.fstat(descriptor)
        self._modified = status.st_mtime_ns
        self.identity = identity_of(status)
        self.position = 0
        self.tail = b""
        self.beginning = b""
        self.unread = b""
        self.lines_end = 0
        self.unfinished: tuple[UnfinishedLine, ...] = ()
        self.seen = 0
        self.quiet_since: float | None = None

    @property
    def partial(self) -> bytearray:
        """The part of the last line that has been read."""
        return self._splitter.partial.data

    @property
    def skipping(self) -> bool:
        """Whether the position is within a line that is too long."""
        return self._splitter.partial.skipping

    def read(self) -> list[bytes] | None:
        """Read one chunk: its complete lines, or None if there is none.

        Raises:
            TruncatedError: the file was truncated in place.
            OSError: it cannot be read.
        """
        tail = self.tail
        chunk = self.pread(len(tail) + self._chunk_bytes, self.position - len(tail))
        if not chunk.startswith(tail or self.unread[: self._chunk_bytes]):
            raise TruncatedError
        if len(chunk) == len(tail):
            return None
        before = len(self.partial)
        lines, taken = self._splitter.split(chunk, CHUNK_LINES, len(tail))  # further lines are for the next step
        more = taken < len(chunk) - len(tail) or taken == self._chunk_bytes
        chunk = chunk[: len(tail) + taken]
        self.unread = b""
        if self.position == len(self.beginning) < TAIL_BYTES:
            self.beginning += chunk[len(tail) :][: TAIL_BYTES - self.position]
        self.position += taken
        self.lines_end = self.position - (len(chunk) - 1 - chunk.rfind(b"\n"))
        if more:
            self.size()  # there is more: how much, should it be gone when it is to be read
        self.tail = chunk[-TAIL_BYTES:]
        self._counts.read_bytes += before + taken - len(self.partial)
        return lines

    def reject_partial(self) -> None:
        """Reject the partial line: it will not be completed."""
        self._counts.read_bytes += len(self.partial)
        self._splitter.partial.reject(Reject.INCOMPLETE)

    def pread(self, size: int, position: int) -> bytes:
        """Read at an offset."""
        return os.pread(self._descriptor, size, position)

    def seek(self, position: int) -> None:
        """Move to the beginning of a line."""
        size = min(position, TAIL_BYTES)
        self._splitter.partial.clear()
        self.unread, self.unfinished = b"", ()
        self.position = self.lines_end = position
        self.tail = self.pread(size, position - size)
        self.beginning = self.fingerprint()[:position]
        if len(self.tail) < size:  # truncated just now, so all further content is new
            self.position, self.tail, self.beginning = 0, b"", b""
            self.lines_end = 0

    def skip_to(self, end: int) -> None:
        """Move to the start of the line that is being written at ``end``, so that it counts when it is complete."""
        at = end
        while at > 0 and end - at < self._max_line_bytes:
            size = min(at, TAIL_BYTES)
            chunk = self.pread(size, at - size)
            newline = chunk.rfind(b"\n")
            if newline >= 0:
                self.seek(at - size + newline + 1)
                return
            at -= size
        if at > 0:
            self.seek(end)
            self._splitter.partial.skipping = True

    def go_on_from(self, other: "OpenFile") -> None:
        """Continue at the position in another file, of which this is a copy."""
        self.position, self.tail, self.beginning = other.position, other.tail, other.beginning
        self.lines_end = other.lines_end
        self._splitter.partial.clear()
        self._splitter.partial.data += other.partial
        self._splitter.partial.skipping = other.skipping

    def size(self) -> int:
        """Return the current size; 0 if the file is gone (on a network file system)."""
        try:
            self.seen = os.fstat(self._descriptor).st_size
        except OSError:
            return 0
        if self.seen and not self.position and not self.unread:
            self.unread = self.fingerprint()
        return self.seen

    def was_touched(self) -> bool:
        """Whether it was written to or truncated since the last call, or since it was opened."""
        before, self._modified = self._modified, self.modified()
        return before != self._modified

    def lag_bytes(self) -> int:
        """Return the number of unread bytes."""
        return max(0, self.size() - self.position) + len(self.partial)

    def fingerprint(self) -> bytes:
        """Return the first bytes. The first line states a time, so only copies of a log have the same."""
        try:
            return self.pread(TAIL_BYTES, 0)
        except OSError:
            return b""

    def is_intact(self) -> bool:
        """Whether it still contains what was read from it, so that it was not truncated."""
        return self.has(*self.last_known())

    def last_known(self) -> tuple[bytes, int]:
        """Return bytes that the file is known to contain, and their offset."""
        return (self.tail, self.position - len(self.tail)) if self.tail else (self.unread, 0)

    def has(self, content: bytes, position: int) -> bool:
        """Whether it contains these bytes at this offset."""
        try:
            return self.pread(len(content), position) == content
        except OSError:
            return False

    def begins_like(self, fingerprint: bytes) -> bool:
        """Whether it has, or had when it was read, the same beginning as another file."""
        return begin_alike(fingerprint, self.beginning or self.unread) or begin_alike(fingerprint, self.fingerprint())

    def modified(self) -> int:
        """Return the modification time in nanoseconds since the epoch."""
        return os.fstat(self._descriptor).st_mtime_ns

    def checkpoint(self, *, ended: bool = False, unfinished: Sequence[UnfinishedLine] = ()) -> FilePosition:
        """Return the position, at the beginning of the partial line.

        It describes what was read, not what the file contains now: the file may have been truncated since.

        Args:
            ended: the file was read to its end, and Vault writes to a newer one.
            unfinished: container lines that were read in part.
        """
        partial = len(self.partial)
        position = self.position - partial
        fingerprint = self.beginning[: min(position, FINGERPRINT_BYTES)]
        tail = self.tail[: max(0, len(self.tail) - partial)]
        digests = len(fingerprint), digest(fingerprint), len(tail), digest(tail)
        return FilePosition(*self.identity, position, *digests, self.skipping, ended, tuple(unfinished))

    def holds(self, mark: FilePosition) -> bool:
        """Whether this is the file of the position, perhaps grown, or a copy of it."""
        if mark.position == 0:
            return self.is_of(mark)
        try:
            tail = self.pread(mark.tail_bytes, mark.position - mark.tail_bytes)
        except (OSError, ValueError):
            return False
        return self.begins_as(mark) and digest(tail) == mark.tail_fingerprint

    def is_of(self, mark: FilePosition) -> bool:
        """Whether it has the inode of the position's file, which may have been reused."""
        return self.identity == (mark.device, mark.inode)

    def begins_as(self, mark: FilePosition) -> bool:
        """Whether it has the same fingerprint as the position's file, though it may be shorter."""
        return digest(self.fingerprint()[: mark.fingerprint_bytes]) == mark.fingerprint

    def resume(self, mark: FilePosition) -> Self:
        """Continue at the position."""
        self.seek(mark.position)
        if self.position == mark.position:
            self._splitter.partial.skipping = mark.skipping
            self.unfinished = mark.unfinished
        return self

    def close(self) -> None:
        """Close it; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def identity_of(status: os.stat_result) -> Identity:
    """Return device and inode."""
    return status.st_dev, status.st_ino


def old_of(path: Path) -> Old | None:
    """Return the file at a path and its size; None if it cannot be read."""
    try:
        status = path.stat()
    except OSError:
        return None
    return identity_of(status), status.st_size


def begin_alike(fingerprint: bytes, other: bytes) -> bool:
    """Whether two beginnings are equal up to the shorter one, so that one file is a copy of the other."""
    size = min(len(fingerprint), len(other))
    return fingerprint[:size] == other[:size] and any(
        fingerprint[:size]
    )  # NUL bytes, which a crash may leave, prove nothing
