"""Read compressed logs: gzip, zstd, xz and bzip2.

The first bytes of a file decide, not its name, because rotated logs can have any name.
"""

import gzip
import io
import lzma
import os
import sys
import zlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["DAMAGED", "compression_of", "decompressed", "is_of_length"]

DAMAGED: Final = (EOFError, gzip.BadGzipFile, zlib.error, zstd.ZstdError, lzma.LZMAError)
"""Exceptions from reading a damaged file."""

_BLOCK_BYTES: Final = 1 << 20
_LARGEST_INDEX: Final = 64 << 20
_LONGEST_NUMBER: Final = 63
"""Bits of a number of the xz format."""
_XZ_FOOTER_BYTES: Final = 12
_XZ_HEADER_BYTES: Final = 12
_GZIP_LENGTH_BYTES: Final = 4
_LONGEST_MAGIC: Final = 10
_BZIP2: Final = tuple(b"BZh%d%b" % (level, block) for level in range(1, 10) for block in (b"1AY&SY", b"\x17rE8P\x90"))
"""How bzip2 files begin, with a first block or without one. ``BZh`` alone may be a device's prefix."""


def decompressed(raw: io.BufferedReader) -> io.BufferedIOBase:
    """Return a reader of the uncompressed content; the file itself if it is not compressed."""
    kind = compression_of(raw)
    return raw if kind is None else kind.open(raw)


def is_of_length(file: io.BufferedReader, length: int) -> bool:
    """Return whether the content of a compressed file has this length in bytes. Moves the file position.

    Raises:
        OSError: the file cannot be read.
        DAMAGED: the file is damaged.
    """
    kind = compression_of(file)
    return kind is not None and kind.has_length(file, length)


class Compression(NamedTuple):
    """A compression format."""

    magic: bytes | tuple[bytes, ...]
    """First bytes of a file, or several that are possible."""
    open: Callable[[Any], io.BufferedIOBase]
    has_length: Callable[[io.BufferedReader, int], bool]
    """Returns whether the content has this length in bytes."""


def compression_of(file: io.BufferedReader) -> Compression | None:
    """Return the compression format at the file position; None if it is not compressed."""
    start = file.peek(_LONGEST_MAGIC)
    return next((kind for kind in _KINDS if start.startswith(kind.magic)), None)


def _open_gzip(raw: io.BufferedReader) -> io.BufferedIOBase:
    # Imported here, since most exporters never meet a compressed log.
    from vault_exporter.audit.lines.gzip_reader import GzipReader  # noqa: PLC0415

    return GzipReader(raw)


def _gzip_has_length(file: io.BufferedReader, length: int) -> bool:
    """Compare with the trailer of the file: the length modulo 2^32 (RFC 1952)."""
    file.seek(-_GZIP_LENGTH_BYTES, os.SEEK_END)
    return int.from_bytes(file.read(), "little") == length % (1 << 8 * _GZIP_LENGTH_BYTES)


def _xz_has_length(file: io.BufferedReader, length: int) -> bool:
    """Add up the lengths from the index at the end of each stream."""
    found, end = 0, file.seek(0, os.SEEK_END)
    while end > 0:
        footer = _read_at(file, end - _XZ_FOOTER_BYTES, _XZ_FOOTER_BYTES)
        size = 4 * (1 + int.from_bytes(footer[4:8], "little"))
        if footer[10:] != b"YZ" or size > _LARGEST_INDEX:
            raise lzma.LZMAError
        content, blocks = _sums_of_index(_read_at(file, end - _XZ_FOOTER_BYTES - size, size))
        found += content
        end -= _XZ_FOOTER_BYTES + size + blocks + _XZ_HEADER_BYTES
    return found == length and end == 0


def _read_at(file: io.BufferedReader, position: int, size: int) -> bytes:
    if position < 0:
        raise lzma.LZMAError
    file.seek(position)
    return file.read(size)


def _sums_of_index(index: bytes) -> tuple[int, int]:
    """Return the length of a stream's content, and the size of its blocks in the file."""
    place = 1

    def number() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = index[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > _LONGEST_NUMBER:  # or a damaged index would take hours
                raise lzma.LZMAError
            if byte < 0x80:  # noqa: PLR2004 - the highest bit says that another byte follows
                return value

    content = blocks = 0
    try:
        for _ in range(number()):
            blocks += (number() + 3) // 4 * 4
            content += number()
    except IndexError:
        raise lzma.LZMAError from None
    return content, blocks


def _unpacked_has_length(file: io.BufferedReader, length: int) -> bool:
    """Decompress the file as far as needed, because the format does not always store the length."""
    left, content = length + 1, decompressed(file)
    while left and (block := content.read1(min(left, _BLOCK_BYTES))):
        left -= len(block)
    return left == 1


def _open_bzip2(raw: io.BufferedReader) -> io.BufferedIOBase:
    from vault_exporter.audit.lines.bzip2_reader import Bzip2Reader  # noqa: PLC0415 - as above

    return Bzip2Reader(raw)


def _is_not_known(_: io.BufferedReader, __: int) -> bool:
    """Return False: the format does not store the length, and unpacking takes too long while a log is followed."""
    return False


_KINDS: Final = (
    Compression(b"\x1f\x8b", _open_gzip, _gzip_has_length),
    Compression(b"\x28\xb5\x2f\xfd", lambda raw: cast("io.BufferedIOBase", zstd.ZstdFile(raw)), _unpacked_has_length),
    Compression(b"\xfd7zXZ\0", lzma.LZMAFile, _xz_has_length),
    Compression(_BZIP2, _open_bzip2, _is_not_known),
)
