"""Read gzip files with ISA-L, which takes a quarter of zlib's time, and damaged ones with zlib to the last byte.

Decompressing with zlib takes a quarter of the time of a replay. But ISA-L returns nothing of the last megabyte before a
damage, or before the end of a file that is cut short, and that is to be counted.
"""

import gzip
import io
import zlib
from collections.abc import Callable
from typing import Any, Final

try:
    from isal.igzip import IGzipFile as _Fast
    from isal.isal_zlib import IsalError as _FastError
except ImportError:  # a platform without a wheel
    _Fast, _FastError = gzip.GzipFile, zlib.error  # type: ignore[misc, assignment]

__all__ = ["GzipReader"]

_FAST: Final[Any] = _Fast
_DAMAGED: Final[Any] = (EOFError, gzip.BadGzipFile, _FastError)  # without types, which ISA-L's stubs have wrong
_BLOCK_BYTES: Final = 1 << 20


class GzipReader(io.BufferedIOBase):
    """Reads as :class:`gzip.GzipFile` does, and raises what it raises."""

    def __init__(self, raw: io.BufferedReader) -> None:
        """Start at the position of a file, which stays open; without seeking, zlib reads all of it."""
        super().__init__()
        self._raw = raw
        self._is_careful = not raw.seekable()
        self._start = 0 if self._is_careful else raw.tell()
        self._given = 0
        self._source: gzip.GzipFile = gzip.GzipFile(fileobj=raw) if self._is_careful else _FAST(fileobj=raw)

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Read this number of bytes, or all."""
        return self._read(lambda source: source.read(size))

    def read1(self, size: int = -1) -> bytes:
        """Read some bytes, at most this number."""
        return self._read(lambda source: source.read1(size))

    def _read(self, read: Callable[[gzip.GzipFile], bytes]) -> bytes:
        try:
            block = read(self._source)
        except _DAMAGED:
            if self._is_careful:
                raise
            self._go_on_carefully()
            block = read(self._source)
        self._given += len(block)
        return block

    def _go_on_carefully(self) -> None:
        """Go on with zlib from where ISA-L failed, by reading again what it gave."""
        self._is_careful = True
        self._raw.seek(self._start)
        self._source = gzip.GzipFile(fileobj=self._raw)
        left = self._given
        while left and (block := self._source.read1(min(left, _BLOCK_BYTES))):
            left -= len(block)
