"""The checkpoint's file: what is in it, what may be wrong with it and with its disk."""

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.audit.device import Device
from tests.audit.entries import line
from tests.audit.reading import Prometheus, entries, scrape, value
from tests.lab.waiting import PATIENCE
from vault_exporter.audit.commits import CommittedPage
from vault_exporter.audit.service import AuditService
from vault_exporter.audit.tail.checkpoint import Checkpoint, CheckpointError, CheckpointFile, LogCheckpoint
from vault_exporter.config.schema.model import Audit
from vault_exporter.metrics import catalogue as c

MARK = (
    '{"logs":{"%s":{"looked":0,"files":[{"device":1,"inode":1,"position":4,"fingerprint_bytes":4,"fingerprint":"",'
    '"tail_bytes":4,"tail_fingerprint":""}]}},"version":1}'
)
DAMAGED = [
    MARK.replace(f'"{key}":4', f'"{key}":{value}').encode()
    for key, value in [
        ("position", -1),
        ("position", 2**64 - 1),
        ("fingerprint_bytes", 2**62),
        ("tail_bytes", 2**62),
        ("tail_bytes", -1),
    ]
]


async def test_the_checkpoint_holds_digests_only(device: Device, settings: Audit) -> None:
    device.write_bytes(line("request", auth={"client_token": "hvs.planted", "display_name": "planted"}))
    reader = AuditService(settings)
    entries(device, "planted-id")
    await scrape(reader, None)
    await scrape(reader, None)
    assert settings.checkpoint is not None
    content = settings.checkpoint.read_text()
    assert "planted" not in content
    assert '"position":' in content
    assert stat.S_IMODE(settings.checkpoint.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b'{"logs":{},"version":2}', b'{"logs":[]}', b"\xff\xfe", *DAMAGED])
async def test_a_damaged_checkpoint_is_put_aside(device: Device, settings: Audit, content: bytes) -> None:
    assert settings.checkpoint is not None
    settings.checkpoint.write_bytes(content)
    entries(device, "before")
    reader = AuditService(settings)
    entries(device, "after")
    await scrape(reader, None)
    assert value(reader, c.AUDIT_ENTRIES) == 2
    assert value(reader, c.AUDIT_CHECKPOINT_ERRORS) == 1
    assert CheckpointFile(settings.checkpoint).load() is not None
    # It may have been another file, named by mistake.
    assert settings.checkpoint.with_name(f"{settings.checkpoint.name}.damaged").read_bytes() == content


def test_what_is_wrong_with_a_checkpoint_is_said(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "missing" / "checkpoint.json")
    assert file.load() is None
    with pytest.raises(CheckpointError, match=f"cannot be written: {os.strerror(errno.ENOENT)}; make its directory"):
        file.prepare(Checkpoint({}))
    directory = CheckpointFile(tmp_path)
    with pytest.raises(CheckpointError, match=f"cannot be read: {os.strerror(errno.EISDIR)}"):
        directory.load()


def test_what_could_not_be_prepared_is_not_published(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "checkpoint.json")
    file.prepare(Checkpoint({}))
    file.publish(1.0)
    with pytest.raises(UnicodeEncodeError):
        file.prepare(Checkpoint({"\udcff": LogCheckpoint(0, ())}))
    file.publish(2.0)
    assert file.written == 1.0
    assert file.load() == Checkpoint({})


async def test_a_checkpoint_that_cannot_be_written_stops_nothing(device: Device, settings: Audit) -> None:
    """A directory is in the place of the file that is written first."""
    assert settings.checkpoint is not None
    temporary = settings.checkpoint.with_name(f".{settings.checkpoint.name}.new")
    temporary.mkdir()
    reader = AuditService(settings)
    for number in range(3):
        entries(device, f"{number}")
        await scrape(reader, None)
    assert value(reader, c.AUDIT_ENTRIES) == 6
    failed = value(reader, c.AUDIT_CHECKPOINT_ERRORS)
    assert failed >= 1
    assert not settings.checkpoint.exists()
    temporary.rmdir()
    await scrape(reader, None)
    assert settings.checkpoint.exists()
    assert value(reader, c.AUDIT_CHECKPOINT_ERRORS) == failed


def test_on_a_full_disk_no_half_a_file_is_left_and_the_last_one_stays(tmp_path: Path) -> None:
    full = False

    def sync(_: int) -> None:
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = CheckpointFile(tmp_path / "checkpoint.json", sync)
    file.prepare(Checkpoint({}))
    file.publish(1.0)
    full = True
    with pytest.raises(CheckpointError, match=f"{os.strerror(errno.ENOSPC)}; .*make room"):
        file.prepare(Checkpoint({"/a.log": LogCheckpoint(0, ())}))
    file.publish(2.0)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.json"]
    assert file.load() == Checkpoint({})


def test_a_link_in_the_place_of_the_new_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    file = CheckpointFile(tmp_path / "checkpoint.json")
    (tmp_path / ".checkpoint.json.new").symlink_to(victim)
    file.prepare(Checkpoint({}))
    file.publish(1.0)
    assert victim.read_text() == "precious"
    assert not file.path.is_symlink()
    assert file.load() == Checkpoint({})


async def test_what_the_disk_is_slow_to_note_is_not_shown_yet(device: Device, settings: Audit) -> None:
    answers, prometheus = threading.Event(), Prometheus()
    answers.set()

    def sync(_: int) -> None:
        answers.wait()

    reader = AuditService(settings, sync=sync)
    entries(device, "a")
    await scrape(reader, prometheus)
    await scrape(reader, prometheus)
    answers.clear()
    entries(device, "b")
    page = await counted(reader)
    prometheus.take(page.samples)
    reader.acknowledge(page)
    assert prometheus.increase[c.AUDIT_ENTRIES.name] == 2
    again = AuditService(settings)
    for _ in range(2):
        await scrape(again, prometheus)
    answers.set()
    assert prometheus.increase[c.AUDIT_ENTRIES.name] == 4


async def counted(reader: AuditService) -> CommittedPage:
    """Read all there is and return the page of one scrape, which may be the last one again."""
    for log in reader.logs:
        while log.step():
            pass
    return await reader.scrape()


HANGS = """
import asyncio, sys, threading
from pathlib import Path
from vault_exporter.audit.service import AuditService
from vault_exporter.config.schema.model import Audit

async def main(directory):
    settings = Audit(logs=(directory / "audit.log",), checkpoint=directory / "checkpoint.json")
    reader = AuditService(settings, sync=lambda _: threading.Event().wait())
    await reader.scrape()

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_disk_that_never_answers_does_not_hold_up_the_end(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", HANGS, tmp_path], check=True, timeout=PATIENCE)
    assert (tmp_path / ".checkpoint.json.new").exists()  # it did hang in writing
