"""Which pages move the checkpoint: those that were received in full, the newest of them, whatever the others do."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.audit.device import Clock, Device
from tests.audit.reading import Prometheus, entries, scrape, value
from tests.lab.waiting import eventually
from vault_exporter.audit.commits import CommittedPage
from vault_exporter.audit.service import AuditService
from vault_exporter.config.schema.model import Audit
from vault_exporter.metrics import catalogue as c


@pytest.fixture
async def reader(device: Device, settings: Audit) -> AsyncIterator[AuditService]:
    """One whose series are all known to Prometheus, and all of it committed."""
    reader = AuditService(settings)
    entries(device, "a")
    for _ in range(3):
        await scrape(reader, None)
    await uncommitted(reader, 0)
    yield reader
    for log in reader.logs:
        log.close()


async def read(reader: AuditService, device: Device, *ids: str) -> CommittedPage:
    """Write entries, and make a page that shows them."""
    entries(device, *ids)
    for log in reader.logs:
        while log.step():
            pass
    return await reader.scrape()


async def uncommitted(reader: AuditService, expected: int) -> None:
    """Wait until so many bytes are not committed; writing the checkpoint takes a moment."""
    await eventually(lambda: value(reader, c.AUDIT_UNCOMMITTED) == expected, what=f"{expected} uncommitted bytes")


async def again(settings: Audit) -> float:
    """How many entries a new process counts, after this one was killed."""
    reader = AuditService(settings)
    for log in reader.logs:
        while log.step():
            pass
        log.close()
    return value(reader, c.AUDIT_ENTRIES)


async def test_bytes_that_no_completed_scrape_has_shown(device: Device, settings: Audit, reader: AuditService) -> None:
    size = device.path.stat().st_size
    page = await read(reader, device, "b")
    assert value(reader, c.AUDIT_UNCOMMITTED) == device.path.stat().st_size - size > 0
    assert await again(settings) == 2
    reader.acknowledge(page)
    await uncommitted(reader, 0)
    assert await again(settings) == 0


async def test_a_page_that_is_never_read_holds_nothing_up(
    device: Device, settings: Audit, reader: AuditService
) -> None:
    for number in range(5):
        await read(reader, device, f"unread-{number}")
    reader.acknowledge(await read(reader, device, "b"))
    await uncommitted(reader, 0)
    assert await again(settings) == 0


async def test_a_page_that_others_overtook_is_committed_when_it_is_received(
    device: Device, settings: Audit, reader: AuditService
) -> None:
    """However often other clients ask meanwhile, and never read."""
    page = await read(reader, device, "b")
    size = device.path.stat().st_size
    await read(reader, device, "c", "d")
    reader.acknowledge(page)
    await uncommitted(reader, device.path.stat().st_size - size)
    assert await again(settings) == 4


async def test_an_older_page_that_is_received_later_changes_nothing(
    device: Device, settings: Audit, reader: AuditService
) -> None:
    prometheus = Prometheus()
    older = await read(reader, device, "b")
    entries(device, "c", operation="list")  # a new series, which shows 0 first
    newer = await read(reader, device)
    reader.acknowledge(newer)
    reader.acknowledge(older)
    for _ in range(2):
        await scrape(reader, prometheus)
    await uncommitted(reader, 0)
    assert await again(settings) == 0
    assert all(sample.value for sample in reader.samples() if sample.family is c.AUDIT_ENTRIES)


async def test_a_page_received_while_another_is_written(device: Device, settings: Audit) -> None:
    free, writing = threading.Event(), threading.Event()
    free.set()

    def sync(_: int) -> None:
        writing.set()
        assert free.wait(60)

    reader = AuditService(settings, sync=sync)
    entries(device, "a")
    for _ in range(3):
        await scrape(reader, None)
    page = await read(reader, device, "b")
    size = device.path.stat().st_size
    free.clear()
    writing.clear()
    other = asyncio.create_task(read(reader, device, "c"))
    await asyncio.to_thread(writing.wait, 60)
    reader.acknowledge(page)
    free.set()
    await other
    await uncommitted(reader, device.path.stat().st_size - size)
    assert await again(settings) == 2


async def test_a_checkpoint_that_stands_still_is_logged_once(
    device: Device, settings: Audit, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    reader = AuditService(settings, clock=clock)
    for _ in range(3):
        await scrape(reader, None)
        clock.now += 1000  # there is nothing to commit
    for _ in range(20):
        await read(reader, device, "a")
        clock.now += 60
    assert "".join(capsys.readouterr()).count("the audit checkpoint stands still") == 1
    for _ in range(2):
        await scrape(reader, None)
    assert "".join(capsys.readouterr()).count("the audit checkpoint is committed again") == 1
    assert isinstance(settings.checkpoint, Path)
    await uncommitted(reader, 0)
