"""One open file of a log, where in it the reader is, and the lines that it gives."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from vault_exporter.audit.lines.splitter import LineCounts, LineSplitter
from vault_exporter.audit.parse.decode import Reject
from vault_exporter.audit.tail.checkpoint import HEAD_BYTES, MARKER_BYTES, FilePosition, UnfinishedLine, digest

__all__ = [
    "CHUNK_BYTES",
    "CHUNK_LINES",
    "MARKER_BYTES",
    "Bounds",
    "Counts",
    "Identity",
    "LogFile",
    "Old",
    "TruncatedError",
    "begin_alike",
    "identity_of",
    "old_of",
]

CHUNK_BYTES: Final = 512 << 10
"""How much is read in one step: some hundred lines, about a millisecond to decode and count."""

CHUNK_LINES: Final = 1024
"""How many lines are handed out in one step: refusing what is no entry costs by the line, not by the byte."""

Identity = tuple[int, int]
"""Device and inode."""

Old = tuple[Identity, int]
"""A file, and how many bytes it holds that are not to be read."""


class Bounds(NamedTuple):
    """The bounds of reading."""

    max_line_bytes: int
    """Longer lines are skipped."""
    chunk_bytes: int = CHUNK_BYTES
    """How much to read in one step."""


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
    """The file does not hold any more what was read of it."""


class LogFile:
    """A file that stays open, so that its inode cannot become another file's.

    What it keeps in memory is one chunk and one line of at most ``max_line_bytes``.

    Attributes:
        position: up to where it was read.
        marker: the last bytes before the position.
        beginning: how the file began when it was read, up to the position.
        unread: how it began when last looked at, while nothing of it was read.
        lines_end: where the last line ends that was handed out.
        unfinished: where container lines begin whose last part comes later, as the checkpoint said; by their stream.
        seen: how long it was when last looked at.
        quiet_since: since when nothing came, by the reader's clock.
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
        self.marker = b""
        self.beginning = b""
        self.unread = b""
        self.lines_end = 0
        self.unfinished: tuple[UnfinishedLine, ...] = ()
        self.seen = 0
        self.quiet_since: float | None = None

    @property
    def partial(self) -> bytearray:
        """What was read of a line that has no end yet."""
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
        marker = self.marker
        chunk = self.pread(len(marker) + self._chunk_bytes, self.position - len(marker))
        if not chunk.startswith(marker or self.unread[: self._chunk_bytes]):
            raise TruncatedError
        if len(chunk) == len(marker):
            return None
        before = len(self.partial)
        lines, taken = self._splitter.split(chunk, CHUNK_LINES, len(marker))  # further lines are for the next step
        more = taken < len(chunk) - len(marker) or taken == self._chunk_bytes
        chunk = chunk[: len(marker) + taken]
        self.unread = b""
        if self.position == len(self.beginning) < MARKER_BYTES:
            self.beginning += chunk[len(marker) :][: MARKER_BYTES - self.position]
        self.position += taken
        self.lines_end = self.position - (len(chunk) - 1 - chunk.rfind(b"\n"))
        if more:
            self.size()  # there is more: how much, should it be gone when it is to be read
        self.marker = chunk[-MARKER_BYTES:]
        self._counts.read_bytes += before + taken - len(self.partial)
        return lines

    def reject_partial(self) -> None:
        """Give up a line that will have no end."""
        self._counts.read_bytes += len(self.partial)
        self._splitter.partial.reject(Reject.INCOMPLETE)

    def pread(self, size: int, position: int) -> bytes:
        """Read at a place."""
        return os.pread(self._descriptor, size, position)

    def seek(self, position: int) -> None:
        """Go to a place that is the beginning of a line."""
        size = min(position, MARKER_BYTES)
        self._splitter.partial.clear()
        self.unread, self.unfinished = b"", ()
        self.position = self.lines_end = position
        self.marker = self.pread(size, position - size)
        self.beginning = self.head()[:position]
        if len(self.marker) < size:  # truncated just now: all that comes is new
            self.position, self.marker, self.beginning = 0, b"", b""
            self.lines_end = 0

    def skip_to(self, end: int) -> None:
        """Move to the start of the line that is being written at ``end``, so that it counts when it is complete."""
        at = end
        while at > 0 and end - at < self._max_line_bytes:
            size = min(at, MARKER_BYTES)
            chunk = self.pread(size, at - size)
            newline = chunk.rfind(b"\n")
            if newline >= 0:
                self.seek(at - size + newline + 1)
                return
            at -= size
        if at > 0:
            self.seek(end)
            self._splitter.partial.skipping = True

    def go_on_from(self, other: "LogFile") -> None:
        """Take over where the reader is in another file that begins alike."""
        self.position, self.marker, self.beginning = other.position, other.marker, other.beginning
        self.lines_end = other.lines_end
        self._splitter.partial.clear()
        self._splitter.partial.data += other.partial
        self._splitter.partial.skipping = other.skipping

    def size(self) -> int:
        """How long it is now; of a file that went away under us (a network file system), nothing."""
        try:
            self.seen = os.fstat(self._descriptor).st_size
        except OSError:
            return 0
        if self.seen and not self.position and not self.unread:
            self.unread = self.head()
        return self.seen

    def was_touched(self) -> bool:
        """Whether it was written to, or truncated, since it was opened or asked last."""
        before, self._modified = self._modified, self.modified()
        return before != self._modified

    def lag_bytes(self) -> int:
        """What is not handed out yet."""
        return max(0, self.size() - self.position) + len(self.partial)

    def head(self) -> bytes:
        """How the file begins; its first line states a time, so only copies of a log begin alike."""
        try:
            return self.pread(MARKER_BYTES, 0)
        except OSError:
            return b""

    def is_intact(self) -> bool:
        """Whether it still holds what is known of it, so that it was not truncated since."""
        return self.has(*self.last_known())

    def last_known(self) -> tuple[bytes, int]:
        """What is known of it to be there, and where: what was read last, or how it began if nothing was."""
        return (self.marker, self.position - len(self.marker)) if self.marker else (self.unread, 0)

    def has(self, content: bytes, position: int) -> bool:
        """Whether it holds this at that place, and can be read there."""
        try:
            return self.pread(len(content), position) == content
        except OSError:
            return False

    def begins_like(self, head: bytes) -> bool:
        """Whether it begins, or began when it was read, like another file."""
        return begin_alike(head, self.beginning or self.unread) or begin_alike(head, self.head())

    def modified(self) -> int:
        """When it was last written to, in nanoseconds since the epoch."""
        return os.fstat(self._descriptor).st_mtime_ns

    def mark(self, *, ended: bool = False, unfinished: Sequence[UnfinishedLine] = ()) -> FilePosition:
        """Where the reader is, at the beginning of the line that has no end yet.

        It is of what was read, and not of what the file holds now: it may have been truncated since.

        Args:
            ended: all of it was read, and nothing more comes.
            unfinished: where container lines begin whose last part was not read yet.
        """
        partial = len(self.partial)
        position = self.position - partial
        head = self.beginning[: min(position, HEAD_BYTES)]
        marker = self.marker[: max(0, len(self.marker) - partial)]
        digests = len(head), digest(head), len(marker), digest(marker)
        return FilePosition(*self.identity, position, *digests, self.skipping, ended, tuple(unfinished))

    def holds(self, mark: FilePosition) -> bool:
        """Whether this is the file of the mark, perhaps grown, or a copy of it."""
        if mark.position == 0:
            return self.is_of(mark)
        try:
            marker = self.pread(mark.marker_bytes, mark.position - mark.marker_bytes)
        except (OSError, ValueError):
            return False
        return self.begins_as(mark) and digest(marker) == mark.marker

    def is_of(self, mark: FilePosition) -> bool:
        """Whether it has the inode of the mark's file, which may have become another's."""
        return self.identity == (mark.device, mark.inode)

    def begins_as(self, mark: FilePosition) -> bool:
        """Whether it begins as the file of the mark did, though it may be shorter."""
        return digest(self.head()[: mark.head_bytes]) == mark.head

    def resume(self, mark: FilePosition) -> Self:
        """Go to the mark."""
        self.seek(mark.position)
        if self.position == mark.position:
            self._splitter.partial.skipping = mark.skipping
            self.unfinished = mark.unfinished
        return self

    def close(self) -> None:
        """Let go of it; once is enough."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def identity_of(status: os.stat_result) -> Identity:
    """Return device and inode."""
    return status.st_dev, status.st_ino


def old_of(path: Path) -> Old | None:
    """Tell what is there now; None if nobody can."""
    try:
        status = path.stat()
    except OSError:
        return None
    return identity_of(status), status.st_size


def begin_alike(head: bytes, other: bytes) -> bool:
    """Whether two files begin alike, as far as both are there: one is a copy of the other, or of a part of it."""
    size = min(len(head), len(other))
    return head[:size] == other[:size] and any(head[:size])  # what a crash left unwritten is NUL, and says nothing
