"""Small copies of pictures for the documentation: the top of a PNG in at most 256 colours."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

__all__ = ["small_copy"]

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_RGB, _PALETTE = 2, 3
_CHANNELS: Final = 3
_COLORS: Final = 256

Color = tuple[int, ...]


def small_copy(source: Path, target: Path, height: int) -> None:
    """Write the top of a picture, so many pixels high, with its most frequent colours.

    Raises:
        ValueError: it is not a PNG as Chromium writes it: opaque, 8 bits a channel, not interlaced.
    """
    rows = _rows(source.read_bytes(), height)
    pixels = [[tuple(row[at : at + _CHANNELS]) for at in range(0, len(row), _CHANNELS)] for row in rows]
    number = Counter(pixel for row in pixels for pixel in row)
    palette = [color for color, _ in number.most_common(_COLORS)]
    place = {color: at for at, color in enumerate(palette)}
    place |= {color: _nearest(color, palette) for color in number if color not in place}
    lines = b"".join(b"\0" + bytes(place[pixel] for pixel in row) for row in pixels)
    header = struct.pack(">IIBBBBB", len(pixels[0]), len(pixels), 8, _PALETTE, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"PLTE", bytes(value for color in palette for value in color)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    target.write_bytes(_SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks))


def _nearest(color: Color, palette: Sequence[Color]) -> int:
    red, green, blue = color
    return min(
        range(len(palette)),
        key=lambda at: (palette[at][0] - red) ** 2 + (palette[at][1] - green) ** 2 + (palette[at][2] - blue) ** 2,
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _rows(png: bytes, height: int) -> list[bytearray]:
    """Return the first rows of a picture as red, green and blue of each pixel."""
    chunks = list(_chunks(png))
    width, rows, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if (depth, kind, interlaced) != (8, _RGB, 0):
        raise ValueError(f"a PNG of depth {depth}, colour type {kind}, interlacing {interlaced}")
    data = zlib.decompress(b"".join(content for name, content in chunks if name == b"IDAT"))
    length = width * _CHANNELS
    above = bytearray(length)
    result: list[bytearray] = []
    for start in range(0, min(rows, height) * (length + 1), length + 1):
        above = _unfiltered(data[start], bytearray(data[start + 1 : start + 1 + length]), above)
        result.append(above)
    return result


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def _unfiltered(kind: int, row: bytearray, above: bytearray) -> bytearray:
    """Undo the filter of a row, by section 9 of the PNG specification: none, left, above, their average, Paeth's."""
    for at in range(len(row) if kind else 0):
        left = row[at - _CHANNELS] if at >= _CHANNELS else 0
        corner = above[at - _CHANNELS] if at >= _CHANNELS else 0
        guess = (0, left, above[at], (left + above[at]) // 2, _paeth(left, above[at], corner))[kind]
        row[at] = (row[at] + guess) & 0xFF
    return row


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda one: abs(guess - one))
