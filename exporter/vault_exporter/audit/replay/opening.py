"""Open logs for reading: files, what a URL names, or the lines of a part."""

import contextlib
import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from vault_exporter.audit.lines.compression import compression_of
from vault_exporter.audit.replay.location import Location, LocationError, Part
from vault_exporter.audit.replay.store import filesystem, reason
from vault_exporter.audit.replay.urls import is_url

__all__ = ["Reader", "open_location", "split"]

_BLOCK_BYTES: Final = 1 << 20
_REQUEST_BYTES: Final = 8 << 20
"""Bytes to ask a store for at a time. Some would send 50 MB where a part of a file is smaller."""
_MOST_PARTS: Final = 1_000_000


class Reader(io.BufferedReader):
    """A file that is open for reading.

    Attributes:
        size: its size in bytes, or that of the part; 0 if unknown.
    """

    def __init__(self, raw: io.RawIOBase, size: int) -> None:
        super().__init__(raw, _BLOCK_BYTES)
        self.size = size


def open_location(location: Location) -> Reader:
    """Open a file for reading from its beginning, or from that of the part.

    Raises:
        OSError: with the reason as its ``strerror``, also while it is read.
    """
    address = location.address or location.name
    raw: io.FileIO | _Remote
    if is_url(address):
        try:
            store, path = filesystem(address, location.timeout)
            raw = _Remote(store.open(path, "rb", block_size=_REQUEST_BYTES))
        except Exception as error:
            raise OSError(0, reason(error)) from error
        size = raw.size
    else:
        raw = io.FileIO(address)
        size = os.fstat(raw.fileno()).st_size
    if location.part is None:
        return Reader(raw, size)
    return Reader(_PartOf(raw, location.part), location.part.end - location.part.begin)


def split(locations: Iterable[Location], most: int) -> Iterator[Location]:
    """Yield parts of uncompressed files that are larger than so many bytes, and the other files as they are.

    Each part has the lines that begin in it, so that several processes or machines can read one file.

    Raises:
        LocationError: there are too many parts. A server can claim any size.
    """
    parts = 0
    for one in locations:
        size = 0
        # Errors are reported when the file is read. A FIFO is not opened: its writer must find only one reader.
        if one.is_url or Path(one.name).is_file():
            with contextlib.suppress(OSError), open_location(one) as raw:
                if raw.seekable() and compression_of(raw) is None:
                    size = raw.size
        if size <= most:
            yield one
            continue
        parts += size // most
        if parts > _MOST_PARTS:
            raise LocationError(f"{one.name}: more than {_MOST_PARTS:,} parts; give a larger size")
        for begin in range(0, size, most):
            end = min(begin + most, size)
            yield msgspec.structs.replace(one, size=end - begin, part=Part(begin, end))


class _Remote(io.RawIOBase):
    """A file of fsspec. Streams of some servers can only be read, and not searched."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401 - fsspec has no common type
        self._file = file
        self._position = 0
        self.size: int = getattr(file, "size", None) or 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self.size) and bool(self._file.seekable())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("seek from elsewhere than the beginning")
        try:
            self._file.seek(offset)
        except Exception as error:
            raise OSError(0, reason(error)) from error
        self._position = offset
        return offset

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - as that of io.RawIOBase
        try:
            data = self._file.read(len(buffer))
        except Exception as error:
            raise OSError(0, reason(error)) from error
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class _PartOf(io.RawIOBase):
    """The lines of a file that begin in a range of bytes: the last one may end after the range."""

    def __init__(self, raw: io.RawIOBase, part: Part) -> None:
        self._file = io.BufferedReader(raw, _BLOCK_BYTES)
        self._end = part.end
        self._begin = self._place = part.begin
        self._at_start = True
        if part.begin:
            self._file.seek(part.begin - 1)
            while (text := self._file.readline(_BLOCK_BYTES)) and not text.endswith(b"\n"):
                pass
            self._begin = self._place = self._file.tell()

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place - self._begin

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - as that of io.RawIOBase
        if self._place < self._end:
            data = self._file.read(min(len(buffer), self._end - self._place))
        elif self._at_start:
            return 0
        else:
            data = self._file.readline(len(buffer))
        buffer[: len(data)] = data
        self._place += len(data)
        self._at_start = data.endswith(b"\n")
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
