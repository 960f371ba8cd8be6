"""One open file of a log, and where in it the reader is."""

import os
from typing import Self

from vault_exporter.audit.checkpoint import HEAD_BYTES, MARKER_BYTES, FileMark, digest

__all__ = ["MARKER_BYTES", "Identity", "LogFile", "identity_of"]

Identity = tuple[int, int]
"""Device and inode."""


class LogFile:
    """A file that stays open, so that its inode cannot become another file's.

    Attributes:
        position: up to where it was read.
        marker: the last bytes before the position.
        beginning: how the file began when it was read.
        partial: what was read of a line that has no end yet.
        skipping: the position is within a line that is too long.
        seen: how long it was when last looked at.
        quiet_since: since when nothing came, by the reader's clock.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._head: tuple[int, str] = (0, "")
        self.identity = identity_of(os.fstat(descriptor))
        self.position = 0
        self.marker = b""
        self.beginning = b""
        self.partial = bytearray()
        self.skipping = False
        self.seen = 0
        self.quiet_since: float | None = None

    def pread(self, size: int, position: int) -> bytes:
        """Read at a place."""
        return os.pread(self._descriptor, size, position)

    def seek(self, position: int) -> None:
        """Go to a place that is the beginning of a line."""
        size = min(position, MARKER_BYTES)
        self._head = (0, "")
        self.position = position
        self.marker = self.pread(size, position - size)
        self.beginning = self.head() if position else b""
        if len(self.marker) < size:  # truncated just now: all that comes is new
            self.position, self.marker = 0, b""

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
        return self.seen

    def lag_bytes(self) -> int:
        """What is not handed out yet."""
        return max(0, self.size() - self.position) + len(self.partial)

    def head(self) -> bytes:
        """How the file begins; its first line states a time, so only copies of a log begin alike."""
        try:
            return self.pread(MARKER_BYTES, 0)
        except OSError:
            return b""

    def modified(self) -> int:
        """When it was last written to, in nanoseconds since the epoch."""
        return os.fstat(self._descriptor).st_mtime_ns

    def mark(self) -> FileMark:
        """Where the reader is, at the beginning of the line that has no end yet."""
        partial = len(self.partial)
        position = self.position - partial
        if partial < len(self.marker):
            marker = self.marker[: len(self.marker) - partial]
        else:
            marker = self.pread(min(position, MARKER_BYTES), max(0, position - MARKER_BYTES))
        size = min(position, HEAD_BYTES)
        if self._head[0] != size:
            self._head = (size, digest(self.pread(size, 0)))
        device, inode = self.identity
        return FileMark(device, inode, position, *self._head, len(marker), digest(marker), self.skipping)

    def holds(self, mark: FileMark) -> bool:
        """Whether this is the file of the mark, perhaps grown, or a copy of it."""
        if mark.position == 0:
            return self.identity == (mark.device, mark.inode)
        try:
            head = self.pread(mark.head_bytes, 0)
            marker = self.pread(mark.marker_bytes, mark.position - mark.marker_bytes)
        except (OSError, ValueError):
            return False
        return digest(head) == mark.head and digest(marker) == mark.marker

    def resume(self, mark: FileMark) -> Self:
        """Go to the mark."""
        self.seek(mark.position)
        self.skipping = mark.skipping and self.position == mark.position
        return self

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


def identity_of(status: os.stat_result) -> Identity:
    """Return device and inode."""
    return status.st_dev, status.st_ino
