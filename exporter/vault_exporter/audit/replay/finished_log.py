"""Read the lines of a finished log, plain or compressed, from a file or standard input."""

import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from vault_exporter.audit.lines.compression import DAMAGED, decompressed
from vault_exporter.audit.lines.container import Origin, Unwrapper
from vault_exporter.audit.lines.splitter import LineCounts, LineSplitter
from vault_exporter.audit.parse.decode import Reject, decode
from vault_exporter.audit.replay.location import Location
from vault_exporter.audit.replay.opening import open_location
from vault_exporter.config.schema.model import AuditFormat

__all__ = ["STANDARD_INPUT", "FinishedLog", "LineEnd"]

STANDARD_INPUT: Final = "-"

_BLOCK_BYTES: Final = 1 << 20
_END_BYTES: Final = 4096
"""Bytes of the beginning, and of the end, that a fingerprint is made of."""


class LineEnd(NamedTuple):
    """A container's line at the beginning or the end of a file, which may begin or end in another file."""

    stream: str
    time: str
    """The runtime's timestamp."""
    text: bytes
    """The part of the line in this file; empty for a first line that is a whole entry and was returned."""
    is_first: bool
    """Whether it is the first line of its stream in the file."""


class FinishedLog:
    """One log, read from its beginning to its end.

    Attributes:
        name: its path, its URL without secrets, or ``-``.
        size: size on disk in bytes; 0 if unknown, as it is until the log is opened.
        position: bytes read on disk.
        read_bytes: bytes of uncompressed text read.
        problem: why reading stopped before the end; empty if it did not.
        ends: the container's lines that may begin or end in another file. They are not returned, unless they are
            entries.
    """

    def __init__(self, where: str | Location, max_line_bytes: int, format_: AuditFormat = AuditFormat.AUTO) -> None:
        self._where = where if isinstance(where, Location) else Location(where)
        self.name = self._where.name
        self.size = 0
        self.position = 0
        self.read_bytes = 0
        self.problem = ""
        self.ends: list[LineEnd] = []
        self._first = self._last = b""
        self._begun: set[str] = set()
        self._counts = LineCounts(max_line_bytes)
        self._unwrapper = Unwrapper(self._counts, format_)

    @property
    def mixed(self) -> bool:
        """Whether server log lines may be mixed with the entries."""
        return self._unwrapper.mixed

    @property
    def fingerprint(self) -> bytes:
        """A hash of the size, the beginning and the end of the text; empty if there is none, or not all was read."""
        if not self.read_bytes or self.problem:
            return b""
        size = self.read_bytes.to_bytes(8, "big")
        return hashlib.blake2b(size + self._first + self._last, digest_size=16).digest()

    @property
    def rejected(self) -> Counter[Reject]:
        """Number of rejected lines by reason."""
        return self._counts.rejected

    def blocks(self) -> Iterator[list[bytes]]:
        """Yield blocks of some thousand lines. An error ends the iteration and is in ``problem``."""
        try:
            with self._open() as raw:
                yield from self._split(raw, decompressed(raw))
        except DAMAGED:
            self.problem = "damaged or cut short; it was counted as far as it could be read"
        except OSError as error:
            self.problem = f"cannot be read: {error.strerror or type(error).__name__}"

    def _split(self, raw: io.BufferedReader, source: io.BufferedIOBase) -> Iterator[list[bytes]]:
        splitter = LineSplitter(self._counts)
        # read() would return nothing of a damaged block.
        while block := source.read1(_BLOCK_BYTES):
            self.read_bytes += len(block)
            if len(self._first) < _END_BYTES:
                self._first = (self._first + block[:_END_BYTES])[:_END_BYTES]
            self._last = (self._last + block)[-_END_BYTES:] if len(block) < _END_BYTES else block[-_END_BYTES:]
            self.position = raw.tell() if self.size else self.read_bytes
            lines, _ = splitter.split(block)
            yield self._unwrapped(lines)
        if rest := splitter.partial.finish():
            yield self._unwrapped([rest])
        for stream, one in self._unwrapper.unfinished.items():
            if (text := one.line.finish()) is not None:
                self.ends.append(LineEnd(stream, one.time, text, is_first=stream not in self._begun))

    def _unwrapped(self, lines: list[bytes]) -> list[bytes]:
        if not lines or not self._unwrapper.detect(lines):
            return lines
        found = []
        for line, part in self._unwrapper.unwrap(lines, [Origin()] * len(lines)):
            is_first = part is not None and part.stream not in self._begun
            is_entry = not is_first or not isinstance(decode(line), Reject)
            if is_entry:
                found.append(line)
            if part is not None and is_first:
                self._begun.add(part.stream)
                self.ends.append(LineEnd(part.stream, part.time, b"" if is_entry else line, is_first=True))
        return found

    def _open(self) -> io.BufferedReader:
        if self.name == STANDARD_INPUT:
            return io.BufferedReader(io.FileIO(0, closefd=False), _BLOCK_BYTES)
        raw = open_location(self._where)
        self.size = raw.size
        return raw
