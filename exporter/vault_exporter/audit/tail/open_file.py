"""One open file of a log, where in it the reader is, and the lines that it gives."""

import io
import itertools
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Self

from vault_exporter.audit.parse.decode import Reject
from vault_exporter.audit.tail.checkpoint import HEAD_BYTES, MARKER_BYTES, FilePosition, digest

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


@dataclass(slots=True)
class Counts:
    """What was read of a log, in all its files, and what could not be."""

    read_bytes: int = 0
    """Bytes of the complete, skipped and rejected lines."""
    rotations: int = 0
    """Times that another file came in the place of the log."""
    truncations: int = 0
    """Times that a file was truncated in place."""
    rejected: Counter[Reject] = field(default_factory=Counter)
    """Lines that cannot be handed out, by reason (too_long, incomplete)."""
    skipped_bytes: int = 0
    """Bytes of those lines."""
    lost_bytes: int = 0
    """Bytes that were seen to be there and were gone before they were read; there may have been more."""
    gaps: int = 0
    """Times that the file to go on with was gone when the reader started."""


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
        partial: what was read of a line that has no end yet.
        skipping: the position is within a line that is too long.
        seen: how long it was when last looked at.
        quiet_since: since when nothing came, by the reader's clock.
    """

    def __init__(self, descriptor: int, bounds: Bounds, counts: Counts) -> None:
        """Take over an open descriptor; reading begins at the start."""
        self._descriptor = descriptor
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
        self.partial = bytearray()
        self.skipping = False
        self.seen = 0
        self.quiet_since: float | None = None

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
        unfinished = len(self.partial)
        buffer = io.BytesIO(chunk)
        buffer.seek(len(marker))
        lines = list(itertools.islice(buffer, CHUNK_LINES))
        more = buffer.tell() < len(chunk) or len(chunk) - len(marker) == self._chunk_bytes
        chunk = chunk[: buffer.tell()]  # further lines are for the next step
        self.unread = b""
        if self.position == len(self.beginning) < MARKER_BYTES:
            self.beginning += chunk[len(marker) :][: MARKER_BYTES - self.position]
        self.position += len(chunk) - len(marker)
        if more:
            self.size()  # there is more: how much, should it be gone when it is to be read
        self.marker = chunk[-MARKER_BYTES:]
        if self.partial or self.skipping:
            self._complete_first(lines)
        if lines and not lines[-1].endswith(b"\n"):
            self.partial += lines.pop()
            if len(self.partial) > self._max_line_bytes:
                self._reject(Reject.TOO_LONG)
                self.skipping = True
        self._counts.read_bytes += unfinished + len(chunk) - len(marker) - len(self.partial)
        return lines

    def _complete_first(self, lines: list[bytes]) -> None:
        """Join what the last chunks left of a line to its end, if that is here now."""
        if self.skipping:
            skipped = lines.pop(0)
            self._counts.skipped_bytes += len(skipped)
            self.skipping = not skipped.endswith(b"\n")
        elif lines[0].endswith(b"\n"):
            if len(self.partial) + len(lines[0]) - 1 > self._max_line_bytes:
                self._counts.skipped_bytes += len(lines.pop(0))
                self._reject(Reject.TOO_LONG)
            else:
                lines[0] = bytes(self.partial + lines[0])
                self.partial.clear()

    def reject_partial(self) -> None:
        """Give up a line that will have no end."""
        if self.partial:
            self._counts.read_bytes += len(self.partial)
            self._reject(Reject.INCOMPLETE)

    def _reject(self, reason: Reject) -> None:
        self._counts.rejected[reason] += 1
        self._counts.skipped_bytes += len(self.partial)
        self.partial.clear()

    def pread(self, size: int, position: int) -> bytes:
        """Read at a place."""
        return os.pread(self._descriptor, size, position)

    def seek(self, position: int) -> None:
        """Go to a place that is the beginning of a line."""
        size = min(position, MARKER_BYTES)
        self.skipping, self.unread = False, b""
        self.position = position
        self.marker = self.pread(size, position - size)
        self.beginning = self.head()[:position]
        if len(self.marker) < size:  # truncated just now: all that comes is new
            self.position, self.marker, self.beginning = 0, b"", b""

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
            self.skipping = True

    def go_on_from(self, other: "LogFile") -> None:
        """Take over where the reader is in another file that begins alike."""
        self.position, self.marker, self.beginning = other.position, other.marker, other.beginning
        self.partial, self.skipping = bytearray(other.partial), other.skipping

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

    def mark(self, *, ended: bool = False) -> FilePosition:
        """Where the reader is, at the beginning of the line that has no end yet.

        It is of what was read, and not of what the file holds now: it may have been truncated since.

        Args:
            ended: all of it was read, and nothing more comes.
        """
        partial = len(self.partial)
        position = self.position - partial
        head = self.beginning[: min(position, HEAD_BYTES)]
        marker = self.marker[: max(0, len(self.marker) - partial)]
        digests = len(head), digest(head), len(marker), digest(marker)
        return FilePosition(*self.identity, position, *digests, self.skipping, ended)

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
        self.skipping = mark.skipping and self.position == mark.position
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
