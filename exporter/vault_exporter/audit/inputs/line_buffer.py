"""Lines that were received and are not counted yet, in bounded memory.

Vault waits for its audit device, and its clients wait for Vault. So an input receives everything at once, whatever the
pipeline is doing. A line for which there is no room is dropped and counted.
"""

import collections
from typing import Final, Protocol

from vault_exporter.audit.lines.splitter import OVERHEAD_BYTES, LineCounts, LineSplitter
from vault_exporter.audit.parse.decode import Reject

__all__ = ["LineBuffer", "NewlineSplitter", "Splitter"]

_TAKEN_AT_ONCE: Final = 128 << 10
"""Bytes that are handed out in one step; the tailer reads about as many."""


class LineBuffer(LineCounts):
    """The lines of one input, oldest first.

    Attributes:
        received_bytes: bytes that were received.
        held_bytes: memory that waiting and partial lines take.
    """

    def __init__(self, max_bytes: int, max_line_bytes: int) -> None:
        """Start empty.

        Args:
            max_bytes: bound of ``held_bytes``.
            max_line_bytes: longer lines are rejected.
        """
        super().__init__(max_line_bytes)
        self.received_bytes = 0
        self.held_bytes = 0
        self._max_bytes = max_bytes
        self._lines: collections.deque[bytes] = collections.deque()

    def __len__(self) -> int:
        """Return how many lines wait."""
        return len(self._lines)

    def put(self, line: bytes) -> None:
        """Add a whole line, without its newline, or drop it."""
        if not line or line == b"\r":
            return
        if len(line) > self.max_line_bytes:
            self.reject(Reject.TOO_LONG, len(line))
        elif self.reserve(len(line) + OVERHEAD_BYTES):
            self._lines.append(line)
        else:
            self.dropped_lines += 1

    def take(self) -> list[bytes] | None:
        """Hand out the oldest lines; None if there are none."""
        if not self._lines:
            return None
        taken, size = [], 0
        while self._lines and size < _TAKEN_AT_ONCE:
            line = self._lines.popleft()
            size += len(line) + OVERHEAD_BYTES
            taken.append(line)
        self.release(size)
        return taken

    def reserve(self, size: int) -> bool:
        """Set memory aside, also for a partial line; return False if there is not enough left."""
        if self.held_bytes + size > self._max_bytes:
            return False
        self.held_bytes += size
        return True

    def release(self, size: int) -> None:
        """Give memory back."""
        self.held_bytes -= size


class Splitter(Protocol):
    """Splits one stream into lines or messages, and puts them into a buffer."""

    @property
    def unfinished(self) -> bool:
        """Whether a line has begun and not ended."""

    def feed(self, data: bytes) -> int:
        """Take a piece; return how many lines ended in it."""

    def end(self) -> None:
        """Take note that the stream has ended."""


class NewlineSplitter:
    """Splits a stream of lines that end in a newline."""

    def __init__(self, buffer: LineBuffer) -> None:
        self._buffer = buffer
        self._splitter = LineSplitter(buffer)

    @property
    def unfinished(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._splitter.partial)

    def feed(self, data: bytes) -> int:
        """Take a piece; return how many lines ended in it."""
        self._buffer.received_bytes += len(data)
        for line in self._splitter.split(data)[0]:
            self._buffer.put(line[:-1])
        return data.count(b"\n")

    def end(self) -> None:
        """Take note that the stream has ended: a partial line counts if it may be whole, else it is rejected."""
        partial = self._splitter.partial
        if partial.looks_whole and (line := partial.finish()) is not None:
            self._buffer.put(line)
        partial.reject(Reject.INCOMPLETE)
