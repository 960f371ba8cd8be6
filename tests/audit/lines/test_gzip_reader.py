"""Reading gzip: the same content and the same errors as zlib, whatever is wrong with the file."""

import gzip
import io
import json
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from vault_exporter.audit.lines.gzip_reader import GzipReader

_RANDOM = random.Random(1)  # noqa: S311 - reproducible, no secret
TEXT = b"".join(json.dumps({"n": number, "x": _RANDOM.random()}).encode() + b"\n" for number in range(60_000))
PACKED = gzip.compress(TEXT, 1, mtime=0)  # without the time, which would be in the names of tests
ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)
Opened = Callable[[io.BufferedReader], io.BufferedIOBase]


class Pipe(io.FileIO):
    """A file that cannot seek, as standard input."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation


def read(path: Path, opened: Opened, file: type[io.FileIO] = io.FileIO) -> tuple[int, int, str]:
    """Return the length and the checksum of what is read of a file, and the error that ends it."""
    length, checksum = 0, 0
    raw: io.BufferedReader = io.BufferedReader(file(str(path)))
    with raw:
        source = opened(raw)
        try:
            while block := source.read1(1 << 20):
                length, checksum = length + len(block), zlib.crc32(block, checksum)
        except ERRORS as error:
            return length, checksum, f"{type(error).__name__}: {error}"
    return length, checksum, ""


def by_zlib(raw: io.BufferedReader) -> io.BufferedIOBase:
    return gzip.GzipFile(fileobj=raw)


def flipped(at: int) -> bytes:
    return PACKED[:at] + bytes([PACKED[at] ^ 0x55]) + PACKED[at + 1 :]


@pytest.mark.parametrize(
    "content",
    [
        *(PACKED, PACKED + PACKED, PACKED + bytes(100)),
        *(PACKED[:cut] for cut in (0, 5, 11, 5_000, len(PACKED) // 2, len(PACKED) - 8, len(PACKED) - 1)),
        *(flipped(at) for at in (1, 20, 5_000, len(PACKED) // 2, len(PACKED) - 20, len(PACKED) - 6, len(PACKED) - 2)),
        *(PACKED + rest for rest in (b"garbage", PACKED[:100], PACKED[: len(PACKED) // 2])),
    ],
)
def test_it_gives_what_zlib_gives(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    path.write_bytes(content)
    expected = read(path, by_zlib)
    assert read(path, GzipReader) == expected
    assert read(path, GzipReader, Pipe) == expected


def test_it_reads_all_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    path.write_bytes(PACKED)
    with path.open("rb") as raw:
        assert GzipReader(raw).read() == TEXT
    with path.open("rb") as raw:
        assert GzipReader(raw).read(100) == TEXT[:100]
