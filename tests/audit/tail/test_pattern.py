"""A pattern of logs, over restarts and renamings: each line counts once, whatever its file is called meanwhile."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from tests.audit.device import Clock, Device, open_files
from tests.audit.entries import line
from tests.audit.reading import Prometheus, entries, open_reader, scrape, value
from vault_exporter.audit.service import AuditService
from vault_exporter.audit.tail.checkpoint import Checkpoint, CheckpointFile, PatternCheckpoint, key_of, paths_of
from vault_exporter.audit.tail.matching import may_stand_for
from vault_exporter.audit.tail.registry import MOST_LET_GO
from vault_exporter.config.schema.model import Audit
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Family, Sample

LOOKS = (2.0, 10.0, 10.0, 60.0, 10.0, 10.0)
"""Seconds between two looks until a file that was renamed is let go of under one name and taken up under another."""


class Logs:
    """Logs of a directory, an exporter that is killed now and then, and the Prometheus that scrapes it."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self.clock = Clock()
        self.prometheus = Prometheus()
        self.settings = Audit(logs=(directory / "*.log",), checkpoint=directory / "checkpoint.json")
        self.written = 0
        self._stack = stack

    def device(self, name: str) -> Device:
        return self._stack.enter_context(Device(self.directory / name))

    def write(self, device: Device, *ids: str) -> None:
        entries(device, *ids)
        self.written += 2 * len(ids)

    async def start(self) -> AuditService:
        """Start it; the one before was killed."""
        self.reader = open_reader(self.settings, self.clock)
        await self.scrape()
        return self.reader

    async def scrape(self) -> None:
        for _ in range(2):  # the first one of a new series shows 0
            await scrape(self.reader, self.prometheus)

    async def settle(self) -> None:
        for seconds in LOOKS:
            self.clock.now += seconds
            await self.scrape()

    async def counted(self) -> float:
        await self.settle()
        return self.prometheus.increase[c.AUDIT_ENTRIES.name]

    def samples(self, family: Family) -> list[Sample]:
        return [sample for sample in self.reader.samples() if sample.family is family]

    def value(self, family: Family) -> float:
        return value(self.reader, family)


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    with ExitStack() as stack:
        yield Logs(tmp_path, stack)


async def test_what_is_there_at_the_first_start_does_not_count(logs: Logs) -> None:
    device = logs.device("a.log")
    entries(device, "before")
    await logs.start()
    logs.write(device, "after")
    assert await logs.counted() == logs.written


async def test_a_log_that_comes_while_the_exporter_is_down(logs: Logs) -> None:
    logs.write(first := logs.device("a.log"))
    await logs.start()
    logs.write(first, "a")
    await logs.scrape()
    logs.write(logs.device("b.log"), "b", "c")
    await logs.start()
    assert await logs.counted() == logs.written
    assert logs.value(c.AUDIT_GAPS) == 0


async def test_a_log_that_comes_while_the_exporter_is_down_and_there_was_none(logs: Logs) -> None:
    await logs.start()
    logs.write(logs.device("b.log"), "b", "c")
    await logs.start()
    assert await logs.counted() == logs.written


async def test_logs_that_come_and_are_rotated_while_the_exporter_is_down(logs: Logs) -> None:
    await logs.start()
    device = logs.device("b.log")
    for number in range(3):
        logs.write(device, f"{number}")
        device.rotate(f"b.log.{3 - number}")
        device.reopen()
    vanished = logs.device("c.log")
    logs.write(vanished, "c")
    vanished.rotate("c.log-20261124")
    await logs.start()
    assert await logs.counted() == logs.written


async def test_a_log_that_is_rotated_away_while_the_exporter_is_down(logs: Logs) -> None:
    device = logs.device("a.log")
    await logs.start()
    logs.write(device, "a")
    await logs.scrape()
    logs.write(device, "b")
    device.rotate("a.log.1")
    await logs.start()
    logs.write(device, "c")  # there is still no a.log
    await logs.scrape()
    device.reopen()
    logs.write(device, "d")
    assert await logs.counted() == logs.written
    assert logs.value(c.AUDIT_GAPS) == 0


async def test_a_log_that_is_deleted_leaves_its_history_unread(logs: Logs) -> None:
    """With a pattern that matches rotated names, too."""
    logs.settings = msgspec.structs.replace(logs.settings, logs=(logs.directory / "a.log*",))
    device = logs.device("a.log")
    history = logs.directory / "a.log.2"
    history.write_bytes(line("request", id_="history"))
    os.utime(history, (0, 0))
    await logs.start()
    logs.write(device, "a")
    await logs.scrape()
    device.rotate("a.log.1")
    await logs.settle()
    await logs.start()
    device.reopen()
    logs.write(device, "b")
    assert await logs.counted() == logs.written


@pytest.mark.parametrize("down", [False, True])
async def test_a_log_that_gets_another_name_of_the_pattern(logs: Logs, *, down: bool) -> None:
    """As with the option ``extension`` of logrotate."""
    device = logs.device("audit.log")
    await logs.start()
    for number in range(5):
        logs.write(device, f"{number}")
        if number % 2 == 0:
            await logs.scrape()
        for old in range(number, 0, -1):
            (logs.directory / f"audit-{old}.log").rename(logs.directory / f"audit-{old + 1}.log")
        device.rotate("audit-1.log")
        logs.write(device, f"{number}-late")
        device.reopen()
        logs.write(device, f"{number}-next")
        if down:
            await logs.start()
        else:
            await logs.settle()
    assert await logs.counted() == logs.written
    assert logs.value(c.AUDIT_GAPS) == 0


@pytest.mark.parametrize("down", [False, True])
async def test_two_logs_that_change_names(logs: Logs, *, down: bool) -> None:
    first, second = logs.device("a.log"), logs.device("b.log")
    await logs.start()
    logs.write(first, "a")
    logs.write(second, "b", "c")
    await logs.scrape()
    logs.write(first, "d")
    first.path.rename(logs.directory / "between")
    second.path.rename(first.path)
    (logs.directory / "between").rename(second.path)
    if down:
        await logs.start()
    logs.write(first, "e")
    logs.write(second, "f")
    assert await logs.counted() == logs.written


async def test_a_log_that_was_there_under_another_name_is_no_trouble(logs: Logs) -> None:
    device = logs.device("a.log")
    await logs.start()
    for names in (("a.log", "b.log"), ("b.log", "a.log")):
        (logs.directory / names[0]).rename(logs.directory / names[1])
        logs.write(device, names[0])
        logs.clock.now += 2
        await logs.scrape()
        assert logs.value(c.AUDIT_READABLE) == 1
    assert await logs.counted() == logs.written


@pytest.mark.parametrize("down", ["", "away", "back", "away and back"])
async def test_a_log_that_is_moved_away_and_back(logs: Logs, down: str) -> None:
    logs.write(device := logs.device("a.log"))
    other = logs.device("b.log")
    await logs.start()
    logs.write(device, "a")
    logs.write(other, "b")
    await logs.scrape()
    device.path.rename(logs.directory / "away")
    logs.write(device, "c")
    if "away" in down:
        await logs.start()
    await logs.settle()
    (logs.directory / "away").rename(logs.directory / "c.log")
    if "back" in down:
        await logs.start()
    logs.write(device, "d")
    assert await logs.counted() == logs.written
    assert logs.value(c.AUDIT_LAG) == 0


async def test_a_log_that_is_gone_is_kept_while_its_last_line_has_no_end(logs: Logs) -> None:
    """After an hour it is taken for torn, and its file is closed."""
    device = logs.device("a.log")
    await logs.start()
    logs.write(device, "a")
    whole = line("request", id_="b")
    device.write_bytes(whole[:20])
    await logs.scrape()
    device.path.unlink()
    await logs.settle()
    await logs.settle()
    device.write_bytes(whole[20:] + whole[:20])
    logs.written += 1
    assert await logs.counted() == logs.written
    assert open_files(logs.directory) == 2
    logs.clock.now += 3600
    await logs.scrape()
    assert open_files(logs.directory) == 1
    rejected = {sample.labels[1]: sample.value for sample in logs.samples(c.AUDIT_REJECTED) if sample.value}
    assert rejected == {"incomplete": 1}


async def test_a_copy_is_no_log_however_slowly_it_is_made(logs: Logs) -> None:
    device = logs.device("a.log")
    await logs.start()
    logs.write(device, *map(str, range(50)))
    await logs.scrape()
    content = device.path.read_bytes()
    copy = logs.directory / "a-copy.log"
    for size in (1000, 3000, len(content)):
        copy.write_bytes(content[:size])
        logs.clock.now += 2
        await logs.scrape()
    logs.write(device, "a")
    await logs.settle()
    await logs.start()
    logs.write(device, "b")
    device.path.unlink()
    await logs.settle()
    assert await logs.counted() == logs.written


@pytest.mark.parametrize("whole", [False, True])
async def test_a_log_and_its_copies_that_came_while_the_exporter_was_down(logs: Logs, *, whole: bool) -> None:
    """What it gets later is read of one of them."""
    await logs.start()
    logs.write(device := logs.device("b.log"), *map(str, range(20)))
    content = device.path.read_bytes()
    early, late = (logs.directory / name for name in ("a.log", "c.log"))
    early.write_bytes(content if whole else content[:3000])
    await logs.start()
    early.write_bytes(content)
    logs.write(device, "20")
    late.write_bytes(device.path.read_bytes())
    assert await logs.counted() == logs.written


async def test_a_log_that_came_and_went_before_a_known_one_got_its_name(logs: Logs) -> None:
    device, other = logs.device("a.log"), logs.device("b.log")
    await logs.start()
    logs.write(other, "0")
    device.path.rename(logs.directory / "a-old.log")
    device.reopen()
    logs.write(device, "1")
    device.rotate("a.log.1")
    other.path.rename(device.path)
    other.reopen()
    assert await logs.counted() == logs.written


async def test_a_log_of_which_a_part_was_read_in_a_copy(logs: Logs) -> None:
    await logs.start()
    copy = logs.directory / "b-copy.log"
    logs.write(device := logs.device("b.log"), *map(str, range(20)))
    copy.write_bytes(device.path.read_bytes())
    device.path.rename(logs.directory / "away")
    await logs.settle()
    (logs.directory / "away").rename(device.path)
    logs.write(device, "20")
    await logs.settle()
    device.rotate("away")
    await logs.settle()
    (logs.directory / "away").rename(logs.directory / "c.log")
    assert await logs.counted() == logs.written


@pytest.mark.parametrize("read", [False, True])
@pytest.mark.parametrize("down", [False, True])
async def test_a_copy_within_the_pattern_and_then_truncated(logs: Logs, *, read: bool, down: bool) -> None:
    """What was not read yet is taken from the copy."""
    device = logs.device("audit.log")
    await logs.start()
    logs.write(device, *map(str, range(50)))
    await logs.scrape()
    logs.write(device, *map(str, range(50, 99)))
    if read:
        await logs.scrape()
    shutil.copy(device.path, logs.directory / "audit-1.log")
    os.truncate(device.path, 0)
    if down:
        await logs.start()
    logs.write(device, "a")
    assert await logs.counted() == logs.written
    assert logs.value(c.AUDIT_LOST_BYTES) == 0


async def test_the_pattern_of_an_older_checkpoint_begins_at_the_end(logs: Logs) -> None:
    device, other = logs.device("a.log"), logs.device("b.log")
    await logs.start()
    logs.write(device, "a")
    await logs.scrape()
    file = CheckpointFile(logs.settings.checkpoint or logs.directory)
    noted = file.load()
    assert noted is not None
    file.prepare(Checkpoint({key_of(device.path): noted.logs[key_of(device.path)]}))
    file.publish(0.0)
    logs.write(device, "b")
    entries(other, "not this")
    await logs.start()
    logs.write(other, "c")
    assert await logs.counted() == logs.written


async def test_paths_of_a_checkpoint_that_are_none_are_left_out(logs: Logs) -> None:
    file = CheckpointFile(logs.settings.checkpoint or logs.directory)
    nonsense = ("", "\0zz", "\0", "/a\0b", "\0" + "612f", f"{logs.directory}/gone.log")
    file.prepare(Checkpoint({}, {key_of(logs.settings.logs[0]): PatternCheckpoint(0, nonsense, ())}))
    file.publish(0.0)
    logs.write(logs.device("a.log"), "a")
    await logs.start()
    assert await logs.counted() == logs.written
    assert [str(path) for path in paths_of(nonsense)] == ["a", f"{logs.directory}/gone.log"]


async def test_paths_of_a_checkpoint_that_the_pattern_does_not_stand_for_are_left_alone(logs: Logs) -> None:
    secret = logs.directory / "secret.txt"
    secret.write_text("none of our business\n")
    file = CheckpointFile(logs.settings.checkpoint or logs.directory)
    file.prepare(
        Checkpoint({}, {key_of(logs.settings.logs[0]): PatternCheckpoint(0, (str(secret), "/proc/self/mem"), ())})
    )
    file.publish(0.0)
    logs.write(logs.device("a.log"), "a")
    await logs.start()
    assert await logs.counted() == logs.written
    assert logs.value(c.AUDIT_REJECTED) == 0
    assert logs.value(c.AUDIT_READABLE) == 1


@pytest.mark.parametrize(
    ("pattern", "path", "may"),
    [
        ("/a/b.log", "/a/b.log", True),
        ("/a/b.log", "/a/c.log", False),
        ("/a/*.log", "/a/b.log", True),
        ("/a/*.log", "/b/b.log", False),
        ("/a/**/*.log", "/a/b.log", True),
        ("/a/**/*.log", "/a/b/c/d.log", True),
        ("/a/[0-9].log", "/a/x.log", False),
        ("/a/../*.log", "/a/../b.log", True),
    ],
)
def test_what_a_pattern_may_stand_for(pattern: str, path: str, *, may: bool) -> None:
    assert may_stand_for(Path(pattern), Path(path)) == may


async def test_what_is_kept_of_files_that_are_gone_is_bounded(logs: Logs) -> None:
    await logs.start()
    for number in range(MOST_LET_GO + 20):
        device = Device(logs.directory / f"{number}.log")
        logs.write(device, f"{number}")
        logs.clock.now += 2
        await scrape(logs.reader, logs.prometheus)
        device.path.unlink()
        device.__exit__()
    assert await logs.counted() == logs.written
    noted = CheckpointFile(logs.settings.checkpoint or logs.directory).load()
    assert noted is not None
    (group,) = noted.groups.values()
    assert len(group.let_go) == len(group.paths) == len(noted.logs) == MOST_LET_GO


async def test_a_pattern_is_one_log(tmp_path: Path) -> None:
    for name in ("a.log", "b.log", "b.log.1", "c.log.gz"):
        (tmp_path / name).write_bytes(line("request", id_=name))
    now = 0.0
    reader = AuditService(Audit(logs=(tmp_path / "*.log*",), from_start=True), clock=lambda: now)
    await scrape(reader, None)
    assert value(reader, c.AUDIT_ENTRIES) == 2
    (tmp_path / "d.log").write_bytes(line("request", id_="d.log"))
    (tmp_path / "a.log").unlink()
    now = 100.0
    await scrape(reader, None)
    now = 200.0
    await scrape(reader, None)
    assert value(reader, c.AUDIT_ENTRIES) == 3
    assert value(reader, c.AUDIT_READ_BYTES) == 3 * len(line("request", id_="a.log"))
    assert [sample.labels for sample in reader.samples() if sample.family is c.AUDIT_READABLE] == [
        (str(tmp_path / "*.log*"),)
    ]


async def test_of_too_many_the_newest_are_followed(logs: Logs, capsys: pytest.CaptureFixture[str]) -> None:
    logs.settings = msgspec.structs.replace(logs.settings, max_files=2)
    devices = {name: logs.device(f"{name}.log") for name in "dcba"}
    hour = 0

    async def write(name: str) -> None:
        nonlocal hour
        hour += 1
        logs.write(devices[name], f"{name}-{hour}")
        devices[name].touch(hour * 3600 * 10**9)
        assert await logs.counted() == logs.written

    for name in "abcd":  # the last one by time is not the last one by name
        hour += 1
        entries(devices[name], f"before-{name}")
        devices[name].touch(hour * 3600 * 10**9)
    await logs.start()
    assert "more files match than are followed" in "".join(capsys.readouterr())
    await write("d")
    await write("c")
    devices["e"] = logs.device("e.log")
    await write("e")  # d, which was quiet longest, has to go for it
    await write("d")  # only what is new in it counts
    await write("a")  # neither does what there was no room for at the start
    assert open_files(logs.directory) == len(devices) + 2
    await logs.start()
    await write("a")
    await write("b")


async def test_a_directory_that_matches_is_no_log(logs: Logs) -> None:
    (logs.directory / "old.log").mkdir()
    await logs.start()
    logs.write(logs.device("a.log"), "a")
    assert await logs.counted() == logs.written
    assert logs.value(c.AUDIT_READABLE) == 1


async def test_a_directory_that_cannot_be_listed_is_said_to_be_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A link to itself stands for it, since root may list every directory; globbing takes both for empty."""
    (tmp_path / "logs").symlink_to("logs")
    AuditService(Audit(logs=(tmp_path / "logs" / "*.log",)))
    (tmp_path / "logs").unlink()
    AuditService(Audit(logs=(tmp_path / "logs" / "*.log",)))
    said = "".join(capsys.readouterr())
    assert said.count("Too many levels of symbolic links") == said.count("No such file or directory") == 1
