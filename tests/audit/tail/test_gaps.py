"""What was compressed while the exporter was down: said and counted once where something may be lost, else not."""

import gzip
import os
from pathlib import Path

import pytest

from tests.audit.device import Clock, Device
from tests.audit.reading import Prometheus, entries, scrape, value
from vault_exporter.audit import AuditService
from vault_exporter.config.schema.model import Audit
from vault_exporter.metrics import catalogue as c

PATTERNS = ("audit.log", "*.log", "audit.log*")


class Exporter:
    """One that is killed, and started again with the same checkpoint."""

    def __init__(self, directory: Path, pattern: str) -> None:
        self._settings = Audit(logs=(directory / pattern,), checkpoint=directory / "checkpoint.json")
        self._prometheus = Prometheus()
        self.clock = Clock()

    async def start(self) -> None:
        self.reader = AuditService(self._settings, clock=self.clock)
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


def rotate(device: Device, name: str, *, suffix: str = ".gz") -> None:
    """Rotate and compress at once, as logrotate does without delaycompress."""
    file = device.rotate(name)
    device.reopen()
    compressed = file.with_name(file.name + suffix)
    compressed.write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()


def warnings(capsys: pytest.CaptureFixture[str]) -> int:
    return "".join(capsys.readouterr()).count("what the audit log got after the last scrape may not be counted")


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_what_was_written_after_the_last_scrape(
    device: Device, pattern: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exporter = await started(device, pattern)
    entries(device, "lost")
    rotate(device, "audit.log.1")
    entries(device, "b")
    await exporter.start()
    assert (exporter.counted, exporter.gaps, warnings(capsys)) == (4, 1, 1)
    await exporter.start()
    assert (exporter.counted, exporter.gaps, warnings(capsys)) == (4, 0, 0)


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_nothing_was_written_after_the_last_scrape(
    device: Device, pattern: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exporter = await started(device, pattern)
    rotate(device, "audit.log.1")
    entries(device, "b")
    await exporter.start()
    assert (exporter.counted, exporter.gaps, warnings(capsys)) == (4, 0, 0)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("suffix", [".gz", ".xz"])  # into which nobody looks
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


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"no gzip at all", gzip.compress(b"{}\n" * 9)[:-9]])
async def test_what_is_no_gzip_file_proves_nothing(device: Device, content: bytes) -> None:
    exporter = await started(device, "audit.log")
    device.path.unlink()
    device.path.with_name("audit.log.1.gz").write_bytes(content)
    device.reopen()
    await exporter.start()
    assert exporter.gaps == 1
