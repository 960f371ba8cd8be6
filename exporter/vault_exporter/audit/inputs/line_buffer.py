"""Lines that were received and not yet counted, within a bound, and how a stream becomes lines.

Vault waits for its audit device, and its clients wait for Vault. So a receiver takes everything at once, whatever the
pipeline is doing, and what finds no room is shed and counted.
"""

import collections
from collections import Counter
from typing import Final, Protocol

from vault_exporter.audit.parse.decode import Reject

__all__ = ["OVERHEAD_BYTES", "LineBuffer", "LineSplitter", "Splitter", "Unfinished"]

OVERHEAD_BYTES: Final = 64
"""What a line costs in memory beside its bytes; a flood of short ones must be bounded, too."""

_TAKEN_AT_ONCE: Final = 128 << 10
"""How much is handed out in one step; as much as the follower reads in one."""


class LineBuffer:
    """The lines of one input, oldest first.

    Attributes:
        received_bytes: bytes that came in.
        held_bytes: memory that waiting lines and unfinished ones take.
        shed_lines: lines dropped for want of room.
        rejected: lines that cannot be handed out, by reason.
    """

    def __init__(self, max_bytes: int, max_line_bytes: int) -> None:
        """Start empty.

        Args:
            max_bytes: bound of ``held_bytes``.
            max_line_bytes: longer lines are rejected.
        """
        self.max_line_bytes = max_line_bytes
        self.received_bytes = 0
        self.held_bytes = 0
        self.shed_lines = 0
        self.rejected: Counter[Reject] = Counter()
        self._max_bytes = max_bytes
        self._lines: collections.deque[bytes] = collections.deque()

    def __len__(self) -> int:
        """Tell how many lines wait."""
        return len(self._lines)

    def put(self, line: bytes) -> None:
        """Take in a whole line, or shed it."""
        if not line or line == b"\r":
            return
        if len(line) > self.max_line_bytes:
            self.rejected[Reject.TOO_LONG] += 1
        elif self.reserve(len(line) + OVERHEAD_BYTES):
            self._lines.append(line)
        else:
            self.shed_lines += 1

    def take(self) -> list[bytes] | None:
        """Hand out the oldest lines, or None if there are none."""
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
        """Set memory aside, also for what is no line yet; False if there is not so much left."""
        if self.held_bytes + size > self._max_bytes:
            return False
        self.held_bytes += size
        return True

    def release(self, size: int) -> None:
        """Give memory back."""
        self.held_bytes -= size


class Splitter(Protocol):
    """Makes lines of the pieces of one stream."""

    @property
    def unfinished(self) -> bool:
        """Whether a line has begun and not ended."""

    def feed(self, data: bytes) -> int:
        """Take a piece; return how many lines ended in it."""

    def end(self) -> None:
        """Note that nothing more comes."""


class Unfinished:
    """What has come of a line that did not end yet.

    A line that is too long, or that there is no room for, is counted and dropped as it comes.

    Attributes:
        skipping: whether this one is being dropped.
    """

    def __init__(self, inbox: LineBuffer) -> None:
        self.skipping = False
        self._inbox = inbox
        self._parts: list[bytes] = []
        self._size = 0

    def __bool__(self) -> bool:
        """Tell whether anything has come."""
        return bool(self._parts) or self.skipping

    @property
    def looks_whole(self) -> bool:
        """Whether it could be an entry that lacks only its end of line."""
        return bool(self._parts) and self._parts[-1].rstrip().endswith(b"}")

    def add(self, piece: bytes) -> None:
        """Take a piece."""
        if self.skipping or not piece:
            return
        if self._size + len(piece) > self._inbox.max_line_bytes:
            self._inbox.rejected[Reject.TOO_LONG] += 1
        elif not self._inbox.reserve(len(piece) + OVERHEAD_BYTES):
            self._inbox.shed_lines += 1
        else:
            self._parts.append(piece)
            self._size += len(piece)
            return
        self.drop()
        self.skipping = True

    def finish(self) -> bytes | None:
        """Return the line, of which nothing more comes; None if it was dropped."""
        line = None if self.skipping else b"".join(self._parts)
        self.drop()
        return line

    def drop(self) -> None:
        """Forget it."""
        self._inbox.release(self._size + OVERHEAD_BYTES * len(self._parts))
        self._parts, self._size, self.skipping = [], 0, False


class LineSplitter:
    """Lines that end in a newline."""

    def __init__(self, inbox: LineBuffer) -> None:
        self._inbox = inbox
        self._line = Unfinished(inbox)

    @property
    def unfinished(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._line)

    def feed(self, data: bytes) -> int:
        """Take a piece; return how many lines ended in it."""
        self._inbox.received_bytes += len(data)
        first, *others = data.split(b"\n")
        self._line.add(first)
        if not others:
            return 0
        self._finish()
        rest = others.pop()
        for line in others:
            self._inbox.put(line)
        self._line.add(rest)
        return 1 + len(others)

    def end(self) -> None:
        """Count what was begun: whole entries that lack only the newline are lines, others are incomplete."""
        if self._line.looks_whole:
            self._finish()
        elif self._line and not self._line.skipping:
            self._inbox.rejected[Reject.INCOMPLETE] += 1
        self._line.drop()

    def _finish(self) -> None:
        line = self._line.finish()
        if line is not None:
            self._inbox.put(line)
