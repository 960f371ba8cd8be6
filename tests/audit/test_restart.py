"""The whole reader over restarts: what scrapes have seen, summed as Prometheus does it, is what was written."""

import asyncio
import errno
import os
import stat
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.device import Device
from tests.audit.entries import line
from vault_exporter import catalogue as c
from vault_exporter.audit import AuditReader
from vault_exporter.audit.checkpoint import Checkpoint, CheckpointError, CheckpointFile, LogMark
from vault_exporter.config.model import Audit
from vault_exporter.metrics import Family, Sample

MARK = (
    '{"logs":{"%s":{"looked":0,"files":[{"device":1,"inode":1,"position":4,"head_bytes":4,"head":"",'
    '"marker_bytes":4,"marker":""}]}},"version":1}'
)
DAMAGED = [
    MARK.replace(f'"{key}":4', f'"{key}":{value}').encode()
    for key, value in [
        ("position", -1),
        ("position", 2**64 - 1),
        ("head_bytes", 2**62),
        ("marker_bytes", 2**62),
        ("marker_bytes", -1),
    ]
]


class Prometheus:
    """Sums increases: a counter that falls has restarted, and one that is new begins where it is first seen."""

    def __init__(self) -> None:
        self.last: dict[tuple[str, tuple[str, ...]], float] = {}
        self.increase: defaultdict[str, float] = defaultdict(float)

    def take(self, samples: tuple[Sample, ...]) -> None:
        for family, labels, value, _ in samples:
            before = self.last.get((family.name, labels), value)
            self.increase[family.name] += value if value < before else value - before
            self.last[family.name, labels] = value


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    with Device(tmp_path / "audit.log") as device:
        yield device


@pytest.fixture
def settings(device: Device) -> Audit:
    return Audit(logs=(device.path,), checkpoint=device.path.with_name("checkpoint.json"))


def entries(device: Device, *ids: str, operation: str = "read") -> None:
    for id_ in ids:
        for kind in ("request", "response"):
            device.write_bytes(line(kind, id_=id_, request={"operation": operation}))


async def scrape(reader: AuditReader, prometheus: Prometheus | None, *, completely: bool = True) -> None:
    for log in reader.logs:
        while log.step():
            pass
    page = await reader.scrape()
    if prometheus is not None and completely:
        prometheus.take(page.samples)
    reader.received(page, completely=completely)


def value(reader: AuditReader, family: Family) -> float:
    return sum(sample.value for sample in reader.samples() if sample.family is family)


async def test_no_line_is_lost_or_counted_twice_over_kills(device: Device, settings: Audit) -> None:
    prometheus, written = Prometheus(), 0
    for round_ in range(6):
        reader = AuditReader(settings)  # nobody closes the last one: it was killed
        await scrape(reader, prometheus)
        for step in range(3):
            entries(device, f"{round_}-{step}-a", f"{round_}-{step}-b")
            entries(device, f"{round_}-{step}-c", operation="update" if step else f"new{round_}")
            written += 6
            await scrape(reader, prometheus, completely=step != 1)
        entries(device, f"{round_}-unseen")
        written += 2
        for log in reader.logs:
            log.step()
        if round_ % 2:
            device.rotate(f"audit.log.{round_}")
            device.reopen()
    reader = AuditReader(settings)
    for _ in range(3):
        await scrape(reader, prometheus)
    assert prometheus.increase[c.AUDIT_ENTRIES.name] == written
    assert prometheus.increase[c.AUDIT_DURATION.name] == written / 2
    assert value(reader, c.AUDIT_GAPS) == 0


async def test_a_new_series_shows_0_first_and_then_its_count(device: Device, settings: Audit) -> None:
    reader, pages = AuditReader(settings), []
    for operation in ("read", "read", "list"):
        entries(device, "a", operation=operation)
        for log in reader.logs:
            while log.step():
                pass
        page = await reader.scrape()
        reader.received(page, completely=True)
        pages.append({s.labels[1]: s.value for s in page.samples if s.family is c.AUDIT_ENTRIES and s.labels[0] != "x"})
    # While the list is new, the page is the one before: everything on a page is of one moment.
    assert pages == [{"read": 0}, {"read": 2}, {"read": 2, "list": 0}]


async def test_a_look_changes_nothing(device: Device, settings: Audit) -> None:
    reader = AuditReader(settings)
    entries(device, "a")
    for log in reader.logs:
        log.step()
    assert value(reader, c.AUDIT_ENTRIES) == 2
    assert settings.checkpoint is not None
    assert not settings.checkpoint.exists()


async def test_the_checkpoint_holds_digests_only(device: Device, settings: Audit) -> None:
    device.write_bytes(line("request", auth={"client_token": "hvs.planted", "display_name": "planted"}))
    reader = AuditReader(settings)
    entries(device, "planted-id")
    await scrape(reader, None)
    await scrape(reader, None)
    assert settings.checkpoint is not None
    content = settings.checkpoint.read_text()
    assert "planted" not in content
    assert '"position":' in content
    assert stat.S_IMODE(settings.checkpoint.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b'{"logs":{},"version":2}', b'{"logs":[]}', b"\xff\xfe", *DAMAGED])
async def test_a_damaged_checkpoint_is_reported_and_replaced(device: Device, settings: Audit, content: bytes) -> None:
    assert settings.checkpoint is not None
    settings.checkpoint.write_bytes(content)
    entries(device, "before")
    reader = AuditReader(settings)
    entries(device, "after")
    await scrape(reader, None)
    assert value(reader, c.AUDIT_ENTRIES) == 2
    assert value(reader, c.AUDIT_CHECKPOINT_ERRORS) == 1
    assert CheckpointFile(settings.checkpoint).load() is not None


async def test_a_checkpoint_that_cannot_be_written_stops_nothing(device: Device, settings: Audit) -> None:
    """The exporter's files are on a device that is full."""
    assert settings.checkpoint is not None
    settings.checkpoint.with_name(f".{settings.checkpoint.name}.new").symlink_to("/dev/full")
    reader = AuditReader(settings)
    for number in range(3):
        entries(device, f"{number}")
        await scrape(reader, None)
    assert value(reader, c.AUDIT_ENTRIES) == 6
    assert value(reader, c.AUDIT_CHECKPOINT_ERRORS) >= 1


def test_what_is_wrong_with_a_checkpoint_is_said(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "missing" / "checkpoint.json")
    assert file.load() is None
    with pytest.raises(CheckpointError, match=f"cannot be written: {os.strerror(errno.ENOENT)}; make its directory"):
        file.prepare(Checkpoint({}))
    directory = CheckpointFile(tmp_path)
    with pytest.raises(CheckpointError, match=f"cannot be read: {os.strerror(errno.EISDIR)}"):
        directory.load()


async def test_a_file_that_is_gone_after_a_restart_is_a_gap(device: Device, settings: Audit) -> None:
    reader = AuditReader(settings)
    entries(device, "a")
    await scrape(reader, None)
    await scrape(reader, None)
    device.path.unlink()
    device.reopen()
    entries(device, "b", "c")
    again = AuditReader(settings)
    await scrape(again, None)
    assert value(again, c.AUDIT_GAPS) == 1
    assert value(again, c.AUDIT_ENTRIES) == 4


async def test_a_pattern_is_one_log(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(line("request"))
    (tmp_path / "b.log").write_bytes(line("request"))
    (tmp_path / "b.log.1").write_bytes(line("request"))
    (tmp_path / "c.log.gz").write_bytes(line("request"))
    now = 0.0
    reader = AuditReader(Audit(logs=(tmp_path / "*.log*",), from_start=True), clock=lambda: now)
    await scrape(reader, None)
    assert value(reader, c.AUDIT_ENTRIES) == 2
    (tmp_path / "d.log").write_bytes(line("request"))
    (tmp_path / "a.log").unlink()
    now = 100.0
    await scrape(reader, None)
    now = 200.0
    await scrape(reader, None)
    assert value(reader, c.AUDIT_ENTRIES) == 3
    assert value(reader, c.AUDIT_READ_BYTES) == 3 * len(line("request"))
    assert [sample.labels for sample in reader.samples() if sample.family is c.AUDIT_READABLE] == [
        (str(tmp_path / "*.log*"),)
    ]


async def test_a_file_name_that_is_not_utf_8_is_noted_like_another(tmp_path: Path) -> None:
    settings = Audit(logs=(tmp_path / "*.log",), checkpoint=tmp_path / "checkpoint.json")
    with Device(Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xff.log"))) as device:
        prometheus = Prometheus()
        for id_ in "abc":
            reader = AuditReader(settings)
            await scrape(reader, prometheus)
            entries(device, id_)
            await scrape(reader, prometheus)
            await scrape(reader, prometheus)
            entries(device, f"{id_}-unseen")
        reader = AuditReader(settings)
        await scrape(reader, prometheus)
        await scrape(reader, prometheus)
    assert prometheus.increase[c.AUDIT_ENTRIES.name] == 12
    assert value(reader, c.AUDIT_CHECKPOINT_ERRORS) == 0


def test_what_could_not_be_prepared_is_not_published(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "checkpoint.json")
    file.prepare(Checkpoint({}))
    file.publish(1.0)
    with pytest.raises(UnicodeEncodeError):
        file.prepare(Checkpoint({"\udcff": LogMark(0, ())}))
    file.publish(2.0)
    assert file.written == 1.0
    assert file.load() == Checkpoint({})


async def test_a_directory_that_is_closed_for_a_while_ends_nothing(tmp_path: Path) -> None:
    """A path whose name is too long stands for it: the error is as unexpected as that of a missing permission."""
    directory, now = tmp_path / "logs", 0.0
    directory.mkdir()
    (directory / "a.log").touch()
    other = tmp_path / "other.log"
    other.touch()
    reader = AuditReader(Audit(logs=(directory / "*.log", other)), clock=lambda: now)
    await scrape(reader, None)
    closed = directory.rename(tmp_path / "closed")
    directory.symlink_to("n" * 300)
    other.write_bytes(line("request"))
    now = 100.0
    await scrape(reader, None)
    up = {sample.labels[0]: sample.value for sample in reader.samples() if sample.family is c.AUDIT_READABLE}
    assert up == {str(directory / "*.log"): 0, str(other): 1}
    directory.unlink()
    closed.rename(directory)
    (directory / "a.log").write_bytes(line("request"))
    now = 200.0
    await scrape(reader, None)
    assert value(reader, c.AUDIT_ENTRIES) == 2
    assert value(reader, c.AUDIT_READABLE) == 2


async def test_run_reads_what_comes(device: Device, settings: Audit) -> None:
    turns = 0

    async def wait(_: float) -> None:
        nonlocal turns
        turns += 1
        if turns == 5:
            entries(device, "a")
        if turns == 50:
            raise asyncio.CancelledError

    reader = AuditReader(settings, wait=wait)
    with pytest.raises(asyncio.CancelledError):
        await reader.run()
    assert value(reader, c.AUDIT_ENTRIES) == 2


async def test_what_the_disk_is_slow_to_note_is_not_shown_yet(device: Device, settings: Audit) -> None:
    """A pipe nobody reads from is a disk that does not answer."""
    reader, prometheus = AuditReader(settings), Prometheus()
    entries(device, "a")
    await scrape(reader, prometheus)
    await scrape(reader, prometheus)
    assert settings.checkpoint is not None
    fresh = settings.checkpoint.with_name(f".{settings.checkpoint.name}.new")
    os.mkfifo(fresh)
    entries(device, "b")
    await scrape(reader, prometheus)
    assert prometheus.increase[c.AUDIT_ENTRIES.name] == 2
    os.close(os.open(fresh, os.O_RDONLY | os.O_NONBLOCK))  # the disk answers, with an error
    fresh.unlink(missing_ok=True)
    again = AuditReader(settings)
    for _ in range(2):
        await scrape(again, prometheus)
    assert prometheus.increase[c.AUDIT_ENTRIES.name] == 4
