"""The whole reader over restarts: what scrapes have seen, summed as Prometheus does it, is what was written."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.audit.device import Clock, Device, open_files
from tests.audit.entries import line
from tests.audit.reading import Prometheus, entries, scrape, value
from vault_exporter.audit.service import AuditService
from vault_exporter.audit.tail.open_file import Bounds
from vault_exporter.audit.tail.registry import FileRegistry
from vault_exporter.audit.tail.resume import resume
from vault_exporter.audit.tail.tailer import Tailer
from vault_exporter.config.schema.model import Audit
from vault_exporter.metrics import catalogue as c
from vault_exporter.util.fs import open_at_once


async def test_no_line_is_lost_or_counted_twice_over_kills(device: Device, settings: Audit) -> None:
    prometheus, written = Prometheus(), 0
    for round_ in range(6):
        reader = AuditService(settings)  # nobody closes the last one: it was killed
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
    reader = AuditService(settings)
    for _ in range(3):
        await scrape(reader, prometheus)
    assert prometheus.increase[c.AUDIT_ENTRIES.name] == written
    assert prometheus.increase[c.AUDIT_DURATION.name] == written / 2
    assert value(reader, c.AUDIT_GAPS) == 0


async def test_a_new_series_shows_0_first_and_then_its_count(device: Device, settings: Audit) -> None:
    reader, pages = AuditService(settings), []
    for operation in ("read", "read", "list"):
        entries(device, "a", operation=operation)
        for log in reader.logs:
            while log.step():
                pass
        page = await reader.scrape()
        reader.acknowledge(page)
        pages.append({s.labels[1]: s.value for s in page.samples if s.family is c.AUDIT_ENTRIES and s.labels[0] != "x"})
    # While the list is new, the page is the one before: everything on a page is of one moment.
    assert pages == [{"read": 0}, {"read": 2}, {"read": 2, "list": 0}]


async def test_a_look_changes_nothing(device: Device, settings: Audit) -> None:
    reader = AuditService(settings)
    entries(device, "a")
    for log in reader.logs:
        log.step()
    assert value(reader, c.AUDIT_ENTRIES) == 2
    assert settings.checkpoint is not None
    assert not settings.checkpoint.exists()


async def test_a_file_that_is_gone_after_a_restart_is_a_gap(device: Device, settings: Audit) -> None:
    reader = AuditService(settings)
    entries(device, "a")
    await scrape(reader, None)
    await scrape(reader, None)
    device.path.unlink()
    device.reopen()
    entries(device, "b", "c")
    again = AuditService(settings)
    await scrape(again, None)
    assert value(again, c.AUDIT_GAPS) == 1
    assert value(again, c.AUDIT_ENTRIES) == 4


async def test_a_truncation_that_was_not_noticed_before_the_kill(device: Device, settings: Audit) -> None:
    """What the scrape noted is of what was read, and not of what the file holds by then: so the copy is known."""
    reader, prometheus = AuditService(settings), Prometheus()
    entries(device, "a", "b")
    for log in reader.logs:
        log.step()
    device.copy_and_truncate()
    for _ in range(2):
        page = await reader.scrape()
        prometheus.take(page.samples)
        reader.acknowledge(page)
    entries(device, "c")
    again = AuditService(settings)
    for _ in range(2):
        await scrape(again, prometheus)
    assert prometheus.increase[c.AUDIT_ENTRIES.name] == 6
    assert value(again, c.AUDIT_GAPS) == 0


async def test_a_rotated_file_that_is_put_back_counts_once(device: Device, settings: Audit) -> None:
    clock, prometheus = Clock(), Prometheus()
    reader = AuditService(settings, clock=clock)
    entries(device, "a")
    rotated = device.rotate()
    device.reopen()
    entries(device, "b")
    for _ in range(3):  # by then it is closed
        clock.now += 10
        await scrape(reader, prometheus)
    device.rotate("audit.log.2")
    rotated.rename(device.path)
    device.reopen()
    entries(device, "c")
    await scrape(reader, prometheus)
    again = AuditService(settings)
    entries(device, "d")
    for _ in range(2):
        await scrape(again, prometheus)
    assert prometheus.increase[c.AUDIT_ENTRIES.name] == 8


async def test_a_file_name_that_is_not_utf_8_is_noted_like_another(tmp_path: Path) -> None:
    settings = Audit(logs=(tmp_path / "*.log",), checkpoint=tmp_path / "checkpoint.json")
    with Device(Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xff.log"))) as device:
        prometheus = Prometheus()
        for id_ in "abc":
            reader = AuditService(settings)
            await scrape(reader, prometheus)
            entries(device, id_)
            await scrape(reader, prometheus)
            await scrape(reader, prometheus)
            entries(device, f"{id_}-unseen")
        reader = AuditService(settings)
        await scrape(reader, prometheus)
        await scrape(reader, prometheus)
    assert prometheus.increase[c.AUDIT_ENTRIES.name] == 12
    assert value(reader, c.AUDIT_CHECKPOINT_ERRORS) == 0


async def test_a_directory_that_is_closed_for_a_while_ends_nothing(tmp_path: Path) -> None:
    """A path whose name is too long stands for it: the error is as unexpected as that of a missing permission."""
    directory, now = tmp_path / "logs", 0.0
    directory.mkdir()
    (directory / "a.log").touch()
    other = tmp_path / "other.log"
    other.touch()
    reader = AuditService(Audit(logs=(directory / "*.log", other)), clock=lambda: now)
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

    reader = AuditService(settings, wait=wait)
    with pytest.raises(asyncio.CancelledError):
        await reader.run()
    assert value(reader, c.AUDIT_ENTRIES) == 2


def test_the_history_of_a_log_is_not_held_open(device: Device) -> None:
    """A rotated file that cannot be opened is passed over, so the limit of open files must not be reached by these."""
    directory, most = device.path.parent, 0

    def open_and_count(path: Path) -> int:
        nonlocal most
        descriptor = open_at_once(path)
        most = max(most, open_files(directory))
        return descriptor

    for number in range(50):
        entries(device, f"old-{number}")
        device.touch(number)
        device.rotate(f"audit.log.{number + 2}")
        device.reopen()
    entries(device, "a")
    tailer = Tailer(device.path, FileRegistry(Bounds(1 << 20)))
    while tailer.poll() is not None:
        pass
    mark = tailer.checkpoint()
    tailer.close()
    device.touch(50)
    entries(device, "b")
    device.rotate("audit.log.1")
    device.reopen()
    entries(device, "c")
    files = resume(FileRegistry(Bounds(1 << 20), opener=open_and_count), {device.path: mark})[device.path]
    assert [len(file.read() or ()) for file in files] == [2, 2]
    assert most <= 1 + 3  # the device's, the two, and the one that is looked at
    for file in files:
        file.close()
