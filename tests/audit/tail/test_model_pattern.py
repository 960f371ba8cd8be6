"""Thousands of histories of a pattern of logs, against a model that knows what was written.

Two devices write. Their files are rotated to names beside the pattern and within it, renamed to one another's names,
moved away and brought back, and deleted once they are read, while the reader looks, reads, scrapes, and crashes. In the
end everything that was moved away is brought back: each line was then counted once.
"""

import itertools
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.audit.device import Clock, Device, open_files
from tests.audit.tail.model import MEMORY, run
from vault_exporter.audit.count.pipeline import Pipeline, PipelineSettings
from vault_exporter.audit.tail.checkpoint import FINGERPRINT_BYTES, Checkpoint
from vault_exporter.audit.tail.log import AuditLog, LogSettings
from vault_exporter.audit.tail.registry import LOOK_SECONDS
from vault_exporter.audit.tail.tailer import LINGER_SECONDS

SEQUENCES: Final = 1500

pytestmark = pytest.mark.timeout(1800)  # each test computes for minutes on a busy machine
DEVICES: Final = st.integers(0, 1)
SECONDS: Final = (LOOK_SECONDS, LINGER_SECONDS, 60.0)
LONGEST: Final = 400


class Lines(Pipeline):
    """Takes lines of any form, and keeps them."""

    def __init__(self) -> None:
        super().__init__(PipelineSettings())
        self.lines: Counter[bytes] = Counter()

    def feed(self, log: str, lines: Iterable[bytes]) -> None:  # noqa: ARG002 - there is one
        self.lines.update(lines)


class Patterns(RuleBasedStateMachine):
    truncates = False
    """Whether histories lose what the reader does not find: a truncated file's, and a copy's that is no log's."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.away = self.directory / "away"
        self.away.mkdir()
        self.clock = Clock()
        self.time = 1_795_519_873_000_000_000
        self.numbers = itertools.count()
        self.written: list[bytes] = []
        self.devices = [Device(self.directory / f"{name}.log") for name in "ab"]
        self.partial = [b"", b""]
        self.shown: Counter[bytes] = Counter()
        """What the scrapes of earlier readers have seen."""
        self.scraped: Counter[bytes] = Counter()
        """What the last scrape of this reader has seen."""
        self.lost = False

    @initialize()
    def start(self) -> None:
        self.place: Checkpoint | None = None
        self.open()
        self.place = self.mark()

    @rule(which=DEVICES, size=st.sampled_from([1, 40, 300]))
    def write(self, which: int, size: int) -> None:
        self.put(which, self.line(size) + b"\n")

    @rule(which=DEVICES, size=st.sampled_from([1, 200]))
    def write_part(self, which: int, size: int) -> None:
        if len(self.partial[which]) < LONGEST:
            part = self.line(size)
            self.partial[which] += part
            self.devices[which].write_bytes(part)
            self.touch(which)

    @rule(which=DEVICES, reopen=st.booleans(), create=st.booleans(), within=st.booleans())
    def rotate(self, which: int, *, reopen: bool, create: bool, within: bool) -> None:
        path = self.devices[which].path
        if path.exists():
            path.rename(self.make_room(path, within=within))
            if create:
                path.touch()
        if reopen:
            self.reopen(which)

    @rule(which=DEVICES)
    def reopen(self, which: int) -> None:
        self.finish_line(which)
        self.devices[which].reopen()
        self.touch(which)

    @rule(which=DEVICES)
    def write_to_another(self, which: int) -> None:
        """A log whose name has the date."""
        self.finish_line(which)
        self.devices[which].path = self.directory / f"{'ab'[which]}-{next(self.numbers):06}.log"
        self.devices[which].reopen()
        self.touch(which)

    @rule(data=st.data())
    def rename(self, data: st.DataObject) -> None:
        """To another name of the pattern, also from beside it."""
        if there := [path for path in sorted(self.directory.iterdir()) if path.is_file()]:
            data.draw(st.sampled_from(there)).rename(self.directory / f"c-{next(self.numbers):06}.log")

    @rule()
    def swap(self) -> None:
        first, second = (device.path for device in self.devices)
        if first.exists() and second.exists():
            for which in (0, 1):
                self.finish_line(which)
            between = first.rename(self.away / "between")
            second.rename(first)
            between.rename(second)
            for which in (0, 1):
                self.reopen(which)

    @rule(data=st.data())
    def move_away(self, data: st.DataObject) -> None:
        if there := [path for path in sorted(self.directory.iterdir()) if path.is_file()]:
            path = data.draw(st.sampled_from(there))
            path.rename(self.away / f"{next(self.numbers):06}-{path.name}")

    @rule(data=st.data())
    def bring_back(self, data: st.DataObject) -> None:
        if there := sorted(self.away.iterdir()):
            path = data.draw(st.sampled_from(there))
            name = path.name.partition("-")[2]
            # What comes back beside the pattern is looked at when that log is rotated next.
            free = name.endswith(".log") and not (self.directory / name).exists() and data.draw(st.booleans())
            if free:
                self.log.step()  # else nobody could tell that another file was there meanwhile
            path.rename(self.directory / (name if free else f"d-{next(self.numbers):06}.log"))

    @rule(data=st.data())
    def delete_what_is_read(self, data: st.DataObject) -> None:
        for which in (0, 1):  # what came and was rotated away unseen is found when there is a log again
            self.reopen(which)
        self.look_and_read()
        self.scrape()
        if there := [path for path in sorted(self.directory.iterdir()) if path.is_file()]:
            data.draw(st.sampled_from(there)).unlink()
        for which in (0, 1):
            self.reopen(which)

    @precondition(lambda self: self.truncates)
    @rule(which=DEVICES, copied=st.sampled_from(["", "beside", "within"]))
    def truncate(self, which: int, copied: str) -> None:
        path = self.devices[which].path
        if not path.exists():
            return
        self.lost = True
        self.finish_line(which)
        if copied:
            self.copied(path, which, within=copied == "within")
        os.truncate(path, 0)
        self.touch(which)

    @precondition(lambda self: self.truncates)
    @rule(which=DEVICES, within=st.booleans())
    def copy(self, which: int, *, within: bool) -> None:
        path = self.devices[which].path
        if path.exists():
            self.lost = True
            self.copied(path, which, within=within)

    @rule()
    def read_some(self) -> None:
        self.log.step()

    @rule()
    def read_all(self) -> None:
        while self.log.step():
            pass

    @rule(seconds=st.sampled_from(SECONDS))
    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.log.step()

    @rule()
    def scrape(self) -> None:
        self.scraped = self.pipeline.lines.copy()
        self.place = self.mark()

    @rule()
    def crash(self) -> None:
        self.log.close()
        self.shown += self.scraped
        self.scraped = Counter()
        self.open()

    def teardown(self) -> None:
        try:
            if hasattr(self, "log"):
                for which in (0, 1):
                    self.reopen(which)
                for path in sorted(self.away.iterdir()):
                    path.rename(self.directory / f"e-{next(self.numbers):06}.log")
                self.look_and_read()
                self.judge()
        finally:
            if hasattr(self, "log"):
                self.log.close()
            assert open_files(self.directory) == len(self.devices)
            for device in self.devices:
                device.__exit__()
            shutil.rmtree(self.directory)

    def judge(self) -> None:
        seen = self.shown + self.pipeline.lines
        written = Counter(self.written)
        twice = seen - written
        assert not twice, f"more than was written: {twice}"
        if not self.lost:
            assert not (written - seen), f"lost: {written - seen}"

    def open(self) -> None:
        self.pipeline = Lines()
        self.log = AuditLog(
            self.directory / "*.log",
            self.pipeline,
            LogSettings(max_line_bytes=1000, max_files=100),
            from_start=True,
            earlier=self.place,
            clock=self.clock,
            now=lambda: self.time,
            cpu_clock=self.clock,
        )

    def mark(self) -> Checkpoint:
        group = self.log.pattern_checkpoint()
        return Checkpoint(dict(self.log.checkpoints()), dict([group] if group else []))

    def look_and_read(self) -> None:
        """Until nothing more comes: a file waits while another tailer lets go of it."""
        for seconds in (LOOK_SECONDS, LINGER_SECONDS, LINGER_SECONDS, 60.0, LINGER_SECONDS, LINGER_SECONDS):
            self.clock.now += seconds
            self.read_all()

    def make_room(self, path: Path, *, within: bool) -> Path:
        """Make room for the newest rotated file, as logrotate does."""

        def name(number: int) -> Path:
            return path.with_name(f"{path.stem}-{number}.log" if within else f"{path.name}.{number}")

        for number in range(20, 0, -1):
            if name(number).exists():
                name(number).rename(name(number + 1))
        return name(1)

    def copied(self, path: Path, which: int, *, within: bool) -> None:
        """Copy a log, as long as a real one has after a few entries: a shorter copy of a file may be any file's."""
        self.reopen(which)
        while path.stat().st_size < FINGERPRINT_BYTES:
            self.put(which, self.line(300) + b"\n")
        target = self.make_room(path, within=within)
        target.write_bytes(path.read_bytes())
        os.utime(target, ns=(self.time, self.time))

    def finish_line(self, which: int) -> None:
        if self.partial[which]:
            self.put(which, b"\n")

    def put(self, which: int, rest: bytes) -> None:
        self.devices[which].write_bytes(rest)
        self.written.append(self.partial[which] + rest)
        self.partial[which] = b""
        self.touch(which)

    def line(self, size: int) -> bytes:
        return b"%06d" % next(self.numbers) + b"." * size

    def touch(self, which: int) -> None:
        """Give the file a time of its own: in memory all that happens within a few milliseconds has the same."""
        self.time += 1_000_000_000
        self.devices[which].touch(self.time)


class TruncatingPatterns(Patterns):
    truncates = True


def test_nothing_of_a_pattern_is_lost_and_nothing_counts_twice() -> None:
    run(Patterns, SEQUENCES)


def test_of_a_pattern_with_truncation_never_more_than_was_written() -> None:
    run(TruncatingPatterns, SEQUENCES // 3)
