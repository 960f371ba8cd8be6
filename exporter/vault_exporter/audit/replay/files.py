"""The lines of a finished log: plain, gzip or zstd, from a file or standard input.

What it is compressed with is told by its first bytes, not by its name: rotated logs are called anything.
"""

import gzip
import io
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vault_exporter.audit.parse.decode import Reject

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["STANDARD_INPUT", "FinishedLog"]

STANDARD_INPUT: Final = "-"

_BLOCK_BYTES: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_DAMAGED: Final = (EOFError, gzip.BadGzipFile, zlib.error, zstd.ZstdError)


class FinishedLog:
    """One log, read from its beginning to its end.

    Attributes:
        name: its path, or ``-``.
        size: bytes it has on the disk; 0 where that is not known.
        position: bytes of these that were read.
        read_bytes: bytes of its text that were read.
        problem: why it could not be read to its end; empty while it can.
        rejected: lines that cannot be handed out, by reason.
    """

    def __init__(self, name: str, max_line_bytes: int) -> None:
        self.name = name
        self.size = 0
        self.position = 0
        self.read_bytes = 0
        self.problem = ""
        self.rejected: Counter[Reject] = Counter()
        self._max_line_bytes = max_line_bytes
        if name != STANDARD_INPUT:
            try:
                self.size = Path(name).stat().st_size
            except OSError:
                return  # reading it says why

    def blocks(self) -> Iterator[list[bytes]]:
        """Yield the lines, some thousand at a time. What goes wrong ends them, and is in ``problem``."""
        try:
            with _open(self.name) as raw:
                yield from self._split(raw, _plain(raw))
        except _DAMAGED:
            self.problem = "damaged or cut short; it was counted as far as it could be read"
        except OSError as error:
            self.problem = f"cannot be read: {error.strerror or type(error).__name__}"

    def _split(self, raw: io.BufferedReader, source: io.BufferedIOBase) -> Iterator[list[bytes]]:
        rest, skipping = b"", False
        # Not read(), which gives nothing of a block within which the file is damaged.
        while block := source.read1(_BLOCK_BYTES):
            self.read_bytes += len(block)
            self.position = raw.tell() if self.size else self.read_bytes
            if skipping:
                _, newline, block = block.partition(b"\n")
                skipping = not newline
            # Splitting a file in memory is more than twice as fast as bytes.split, and keeps newlines as they are.
            lines = io.BytesIO(rest + block).readlines()
            rest = b"" if not lines or lines[-1].endswith(b"\n") else lines.pop()
            if len(rest) > self._max_line_bytes:
                self.rejected[Reject.TOO_LONG] += 1
                rest, skipping = b"", True
            yield self._fitting(lines)
        if rest:
            yield self._fitting([rest])

    def _fitting(self, lines: list[bytes]) -> list[bytes]:
        """Leave out empty lines and those that are too long."""
        limit = self._max_line_bytes
        if b"\n" not in lines and max(map(len, lines), default=0) <= limit:
            return lines
        self.rejected[Reject.TOO_LONG] += sum(len(line) > limit for line in lines)
        return [line for line in lines if 1 < len(line) <= limit]


def _open(name: str) -> io.BufferedReader:
    if name == STANDARD_INPUT:
        return io.BufferedReader(io.FileIO(0, closefd=False), _BLOCK_BYTES)
    return io.BufferedReader(io.FileIO(name), _BLOCK_BYTES)


def _plain(raw: io.BufferedReader) -> io.BufferedIOBase:
    """Take the compression off."""
    start = raw.peek(len(_ZSTD))
    if start.startswith(_GZIP):
        return gzip.GzipFile(fileobj=raw)
    if start.startswith(_ZSTD):
        return zstd.ZstdFile(raw)
    return raw
