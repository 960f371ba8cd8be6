"""A bounded buffer of received lines that wait for the pipeline.

Vault waits for its audit device, and its clients wait for Vault. So an input reads data at once, even while the
pipeline is busy. If the buffer is full, a line is dropped and counted.
"""

import collections
from typing import Final, Protocol

from vault_exporter.audit.lines.splitter import OVERHEAD_BYTES, LineCounts, LineSplitter
from vault_exporter.audit.parse.decode import Reject

__all__ = ["LineBuffer", "NewlineSplitter", "Splitter"]

_TAKEN_AT_ONCE: Final = 128 << 10
"""Bytes returned by one :meth:`LineBuffer.take`; the tailer reads similar blocks."""


class LineBuffer(LineCounts):
    """The lines of one input, oldest first.

    Attributes:
        received_bytes: number of received bytes.
        held_bytes: memory of waiting and partial lines.
    """

    def __init__(self, max_bytes: int, max_line_bytes: int) -> None:
        """Start empty.

        Args:
            max_bytes: limit of ``held_bytes``.
            max_line_bytes: longer lines are rejected.
        """
        super().__init__(max_line_bytes)
        self.received_bytes = 0
        self.held_bytes = 0
        self._max_bytes = max_bytes
        self._lines: collections.deque[bytes] = collections.deque()

    def __len__(self) -> int:
        """Return the number of waiting lines."""
        return len(self._lines)

    def put(self, line: bytes) -> None:
        """Add a whole line without its newline, or drop it if the buffer is full."""
        if not line or line == b"\r":
            return
        if len(line) > self.max_line_bytes:
            self.reject(Reject.TOO_LONG, len(line))
        elif self.reserve(len(line) + OVERHEAD_BYTES):
            self._lines.append(line)
        else:
            self.dropped_lines += 1

    def take(self) -> list[bytes] | None:
        """Remove and return the oldest lines; None if there are none."""
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
        """Reserve memory for a whole or partial line; return False if there is not enough."""
        if self.held_bytes + size > self._max_bytes:
            return False
        self.held_bytes += size
        return True

    def release(self, size: int) -> None:
        """Release memory."""
        self.held_bytes -= size


class Splitter(Protocol):
    """Splits one stream into lines or messages, and adds them to a buffer."""

    @property
    def unfinished(self) -> bool:
        """Whether there is a partial line."""

    def feed(self, data: bytes) -> int:
        """Process a piece; return the number of lines that ended in it."""

    def end(self) -> None:
        """Finish the stream."""


class NewlineSplitter:
    """Splits a stream at newlines."""

    def __init__(self, buffer: LineBuffer) -> None:
        self._buffer = buffer
        self._splitter = LineSplitter(buffer)

    @property
    def unfinished(self) -> bool:
        """Whether there is a partial line."""
        return bool(self._splitter.partial)

    def feed(self, data: bytes) -> int:
        """Process a piece; return the number of lines that ended in it."""
        self._buffer.received_bytes += len(data)
        for line in self._splitter.split(data)[0]:
            self._buffer.put(line[:-1])
        return data.count(b"\n")

    def end(self) -> None:
        """Finish the stream. Accept a partial line if it looks complete, else reject it."""
        partial = self._splitter.partial
        if partial.looks_whole and (line := partial.finish()) is not None:
            self._buffer.put(line)
        partial.reject(Reject.INCOMPLETE)
