"""What was compressed while the exporter was down: said and counted once where something may be lost, else not."""

import gzip
import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.audit.device import Clock, Device
from tests.audit.reading import Prometheus, entries, open_reader, scrape, value
from vault_exporter.config.schema.model import Audit
from vault_exporter.metrics import catalogue as c

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PATTERNS = ("audit.log", "*.log", "audit.log*")


class Exporter:
    """One that is killed, and started again with the same checkpoint."""

    def __init__(self, directory: Path, pattern: str) -> None:
        self._settings = Audit(logs=(directory / pattern,), checkpoint=directory / "checkpoint.json")
        self._prometheus = Prometheus()
        self.clock = Clock()

    async def start(self) -> None:
        self.reader = open_reader(self._settings, self.clock)
        await self.scrape()

    async def scrape(self) -> None:
        for _ in range(2):
            await scrape(self.reader, self._prometheus)

    @property
    def counted(self) -> float:
        return self._prometheus.increase[c.AUDIT_ENTRIES.name]

    @property
    def gaps(self) -> float:
        return value(self.reader, c.AUDIT_GAPS)


async def started(device: Device, pattern: str) -> Exporter:
    exporter = Exporter(device.path.parent, pattern)
    await exporter.start()
    entries(device, "a")
    await exporter.scrape()
    return exporter


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": zstd.compress,
    ".xz": lzma.compress,
}


def rotate(device: Device, name: str, *, suffix: str = ".gz") -> None:
    """Rotate and compress at once, as logrotate does without delaycompress."""
    file = device.rotate(name)
    device.reopen()
    compressed = file.with_name(file.name + suffix)
    compressed.write_bytes(COMPRESS[suffix](file.read_bytes()))
    file.unlink()


def warnings(capsys: pytest.CaptureFixture[str]) -> int:
    return "".join(capsys.readouterr()).count("what the audit log got after the last scrape may not be counted")


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("pattern", PATTERNS)
async def test_what_was_written_after_the_last_scrape(
    device: Device, pattern: str, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exporter = await started(device, pattern)
    entries(device, "lost")
    rotate(device, "audit.log.1", suffix=suffix)
    entries(device, "b")
    await exporter.start()
    assert (exporter.counted, exporter.gaps, warnings(capsys)) == (4, 1, 1)
    await exporter.start()
    assert (exporter.counted, exporter.gaps, warnings(capsys)) == (4, 0, 0)


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("pattern", PATTERNS)
async def test_nothing_was_written_after_the_last_scrape(
    device: Device, pattern: str, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exporter = await started(device, pattern)
    rotate(device, "audit.log.1", suffix=suffix)
    entries(device, "b")
    await exporter.start()
    assert (exporter.counted, exporter.gaps, warnings(capsys)) == (4, 0, 0)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("suffix", [".gz", ".bz2"])  # into which nobody looks
async def test_a_file_that_was_read_to_its_end_before_it_was_compressed(
    device: Device, pattern: str, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exporter = await started(device, pattern)
    rotated = device.rotate("audit.log.1")
    device.reopen()
    entries(device, "b")
    await exporter.scrape()
    rotated.rename(rotated.with_name(rotated.name + suffix))
    entries(device, "c")
    await exporter.start()
    assert (exporter.counted, exporter.gaps, warnings(capsys)) == (6, 0, 0)
    # Of the two files that it had, the second one lacks something.
    rotate(device, "audit.log.2")
    entries(device, "d")
    await exporter.scrape()
    entries(device, "lost")
    rotate(device, "audit.log.3")
    await exporter.start()
    assert (exporter.counted, exporter.gaps, warnings(capsys)) == (8, 1, 1)


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_a_file_that_came_and_was_compressed(device: Device, pattern: str) -> None:
    exporter = await started(device, pattern)
    rotate(device, "audit.log.2")
    entries(device, "lost")
    rotate(device, "audit.log.1")
    await exporter.start()
    assert (exporter.counted, exporter.gaps) == (2, 1)


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_a_log_of_which_nothing_was_there_to_be_read(device: Device, pattern: str) -> None:
    exporter = Exporter(device.path.parent, pattern)
    await exporter.start()
    entries(device, "lost")
    rotate(device, "audit.log.1")
    await exporter.start()
    assert (exporter.counted, exporter.gaps) == (0, 1)


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_a_file_of_which_nothing_was_read_and_whose_inode_is_another_now(device: Device, pattern: str) -> None:
    exporter = Exporter(device.path.parent, pattern)
    await exporter.start()
    inode = device.path.stat().st_ino
    compressed = device.path.with_name("audit.log.1.gz")
    entries(device, "lost")
    compressed.write_bytes(gzip.compress(device.path.read_bytes()))
    os.truncate(device.path, 0)  # as where it was deleted and its inode came to the next one
    assert device.path.stat().st_ino == inode
    await exporter.start()
    assert exporter.gaps == 1


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_files_that_were_empty_or_closed_when_they_were_compressed(device: Device, pattern: str) -> None:
    exporter = await started(device, pattern)
    closed = device.rotate("audit.log.3")
    device.reopen()
    entries(device, "b")
    for _ in range(2):
        exporter.clock.now += 10
        await exporter.scrape()
    closed.with_name("audit.log.3.gz").write_bytes(gzip.compress(closed.read_bytes()))
    closed.unlink()
    rotate(device, "audit.log.2")
    rotate(device, "audit.log.1")
    entries(device, "c")
    await exporter.start()
    assert (exporter.counted, exporter.gaps) == (6, 0)


XZ = lzma.compress(b"{}\n" * 9)
DAMAGED_XZ = (XZ[:-1], XZ[:20], XZ[-24:], XZ[:6], XZ + bytes(2), XZ[:-8] + b"\xff" * 4 + XZ[-4:])

DAMAGED_GZIP = gzip.compress(b"{}\n" * 9, mtime=0)[:-9]  # without the time: one name of the test in each run


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"no gzip at all", DAMAGED_GZIP, *DAMAGED_XZ])
async def test_a_damaged_compressed_file_proves_nothing(device: Device, content: bytes) -> None:
    exporter = await started(device, "audit.log")
    device.path.unlink()
    device.path.with_name("audit.log.1.gz").write_bytes(content)
    device.reopen()
    await exporter.start()
    assert exporter.gaps == 1


def xz(path: Path, *options: str) -> None:
    subprocess.run(["xz", *options, path], check=True)


@pytest.mark.parametrize("options", ["-0", "-T2 --block-size=40", "--check=none"])
async def test_the_xz_program_states_the_length(device: Device, options: str) -> None:
    exporter = await started(device, "audit.log")
    rotated = device.rotate("audit.log.1")
    xz(rotated, *options.split())
    device.reopen()
    entries(device, "b")
    await exporter.start()
    assert (exporter.counted, exporter.gaps) == (4, 0)
    assert rotated.with_name("audit.log.1.xz").exists()


async def test_two_xz_streams_in_one_file(device: Device) -> None:
    exporter = await started(device, "audit.log")
    rotated = device.rotate("audit.log.1")
    content = rotated.read_bytes()
    rotated.with_name("audit.log.1.xz").write_bytes(lzma.compress(content[:100]) + lzma.compress(content[100:]))
    rotated.unlink()
    device.reopen()
    await exporter.start()
    assert exporter.gaps == 0
