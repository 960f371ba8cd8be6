"""The lines of finished logs, whatever they are packed in and however they end."""

import bz2
import gzip
import lzma
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_exporter.audit.parse.decode import Reject
from vault_exporter.audit.replay import finished_log
from vault_exporter.audit.replay.finished_log import FinishedLog

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LINES = [b'{"n":%d}\n' % number for number in range(200_000)]
TEXT = b"".join(LINES)
PACKED = {
    "plain": TEXT,
    "gzip": gzip.compress(TEXT, 1),
    "gzip in two parts": gzip.compress(TEXT[:1000], 1) + gzip.compress(TEXT[1000:], 1),
    "zstd": zstd.compress(TEXT, options={zstd.CompressionParameter.checksum_flag: 1}),
    "zstd in two parts": zstd.compress(TEXT[:1000]) + zstd.compress(TEXT[1000:]),
    "xz": lzma.compress(TEXT, preset=0),
    "bzip2": bz2.compress(TEXT, 1),
    "bzip2 in two parts": bz2.compress(TEXT[:1000]) + bz2.compress(TEXT[1000:]),
    "xz in two parts": lzma.compress(TEXT[:1000]) + lzma.compress(TEXT[1000:], preset=0),
}


def read(log: FinishedLog) -> list[bytes]:
    return [line for block in log.blocks() for line in block]


@pytest.mark.parametrize("kind", PACKED)
def test_what_it_is_packed_in_makes_no_difference(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "audit.log.7"
    path.write_bytes(PACKED[kind])
    log = FinishedLog(str(path), 1 << 20)
    assert read(log) == LINES
    assert (log.problem, log.read_bytes, log.position) == ("", len(TEXT), path.stat().st_size)
    assert log.size == len(PACKED[kind])
    assert not log.rejected


@pytest.mark.parametrize("kind", ["gzip", "zstd", "xz", "bzip2"])
@pytest.mark.parametrize("damage", ["cut short", "changed"])
def test_a_damaged_file_counts_as_far_as_it_goes(tmp_path: Path, kind: str, damage: str) -> None:
    packed = bytearray(PACKED[kind])
    if damage == "cut short":
        del packed[-len(packed) // 3 :]
    else:
        packed[len(packed) // 2 : len(packed) // 2 + 64] = b"\xff" * 64
    path = tmp_path / "audit.log.7"
    path.write_bytes(packed)
    log = FinishedLog(str(path), 1 << 20)
    lines = read(log)
    assert log.problem == "damaged or cut short; it was counted as far as it could be read"
    assert 0 < len(lines) < len(LINES)
    assert lines[:100] == LINES[:100]


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_what_comes_before_the_damage_counts_also_in_a_small_file(tmp_path: Path, kind: str) -> None:
    small = b"".join(LINES[:1000])
    packed = {
        "gzip": gzip.compress(small),
        "zstd": zstd.compress(small, options={zstd.CompressionParameter.checksum_flag: 1}),
    }[kind]
    path = tmp_path / "audit.log.7"
    path.write_bytes(packed[:-4])
    log = FinishedLog(str(path), 1 << 20)
    assert read(log) == LINES[:1000]
    assert log.problem == "damaged or cut short; it was counted as far as it could be read"


def test_an_empty_file_of_bzip2(tmp_path: Path) -> None:
    path = tmp_path / "audit.log.7"
    path.write_bytes(bz2.compress(b""))
    log = FinishedLog(str(path), 1 << 20)
    assert read(log) == []
    assert (log.problem, log.read_bytes) == ("", 0)


def test_a_prefix_like_that_of_bzip2_is_none(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b'BZh9{"n":1}\n')
    assert read(FinishedLog(str(path), 1 << 20)) == [b'BZh9{"n":1}\n']


def test_what_cannot_be_read(tmp_path: Path) -> None:
    log = FinishedLog(str(tmp_path), 1 << 20)
    assert read(log) == []
    assert log.problem == "cannot be read: Is a directory"


@given(st.lists(st.binary(max_size=60), max_size=30), st.booleans())
def test_lines_that_are_too_long_are_left_out(lines: list[bytes], ended: bool) -> None:  # noqa: FBT001
    directory = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/tmp")  # noqa: S108 - one file, removed again
    path = directory / f"vault-exporter-test-{id(lines)}"
    given_lines = [
        line.replace(b"\n", b"?").replace(b"\x1f\x8b", b"").replace(b"\x28\xb5", b"").replace(b"\xfd7", b"")
        for line in lines
    ]
    try:
        data = b"\n".join(given_lines) + (b"\n" if ended else b"")
        path.write_bytes(data)
        log = FinishedLog(str(path), 40)
        found = [line.removesuffix(b"\n") for line in read(log)]
    finally:
        path.unlink()
    assert found == [line for line in data.removesuffix(b"\n").split(b"\n") if data and len(line) <= 40]
    assert log.rejected[Reject.TOO_LONG] == sum(len(line) > 40 for line in given_lines)


def test_a_line_longer_than_many_blocks_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(gzip.compress(b"x" * (64 << 20) + b"\ngood\n" + b"y" * (8 << 20), 1))
    log = FinishedLog(str(path), 1 << 20)
    assert read(log) == [b"good\n"]
    assert log.rejected == {Reject.TOO_LONG: 2}
    assert finished_log.STANDARD_INPUT == "-"
