"""Thousands of histories of a log and its reader, against a model that knows what was written.

A history writes lines whole and in parts, rotates with or without delay, shifts rotated files, truncates, deletes and
makes anew, reads in chunks or not at all, scrapes, and crashes: then only what a scrape has shown counts, and the next
reader goes on from that scrape's marks. Files are on a file system in memory where there is one.
"""

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.audit.device import Clock, Device, open_files
from tests.audit.tail.model import MEMORY, run
from vault_exporter.audit.tail.checkpoint import FilePosition, LogCheckpoint
from vault_exporter.audit.tail.open_file import Bounds
from vault_exporter.audit.tail.registry import FileRegistry
from vault_exporter.audit.tail.resume import resume
from vault_exporter.audit.tail.tailer import LINGER_SECONDS, Tailer

SEQUENCES: Final = 2500

pytestmark = pytest.mark.timeout(1800)  # each test computes for minutes on a busy machine


class Histories(RuleBasedStateMachine):
    truncates = False
    """Whether histories lose what no reader could get: truncated files, and files deleted unread."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.path = self.directory / "audit.log"
        self.clock = Clock()
        self.time = 1_795_519_873_000_000_000
        self.number = 0
        self.written: list[bytes] = []
        self.partial = b""
        self.device = Device(self.path)
        self.shown: Counter[bytes] = Counter()
        """What the scrapes of earlier readers have seen."""
        self.scraped: Counter[bytes] = Counter()
        """What the last scrape of this reader has seen."""
        self.read: Counter[bytes] = Counter()
        self.lost = False

    @initialize(from_start=st.booleans())
    def start(self, *, from_start: bool) -> None:
        self.tailer = self.reader(None, from_start=from_start)
        self.place = self.noted()

    @rule(lines=st.integers(1, 3), size=st.sampled_from([1, 40, 300]))
    def write(self, lines: int, size: int) -> None:
        for _ in range(lines):
            self.put(self.partial + self.line(size) + b"\n")
            self.partial = b""

    @rule(size=st.sampled_from([1, 50, 200]))
    def write_part(self, size: int) -> None:
        part = self.line(size)
        self.device.write_bytes(part)
        self.partial += part
        self.touch()

    @rule(reopen=st.booleans(), create=st.booleans())
    def rotate(self, *, reopen: bool, create: bool) -> None:
        if not self.path.exists():
            return
        self.shift()
        self.device.rotate(create=create)
        if reopen:
            self.reopen()

    @rule()
    def reopen(self) -> None:
        self.finish_line()
        self.device.reopen()
        self.touch()

    @rule()
    def read_some(self) -> None:
        self.read.update(self.tailer.poll() or ())

    @rule()
    def read_all(self) -> None:
        while (lines := self.tailer.poll()) is not None:
            self.read.update(lines)

    @rule(seconds=st.sampled_from([1, LINGER_SECONDS]))
    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.read_some()

    @rule()
    def scrape(self) -> None:
        self.scraped = self.read.copy()
        self.place = self.noted()

    @rule()
    def crash(self) -> None:
        self.tailer.close()
        self.shown += self.scraped
        self.read, self.scraped = Counter(), Counter()
        self.tailer = self.reader(self.place, from_start=False)
        self.place = self.noted()

    @rule()
    def delete_what_is_read(self) -> None:
        self.finish_line()
        self.read_all()
        self.clock.now += LINGER_SECONDS
        self.read_all()
        self.scrape()
        self.path.unlink(missing_ok=True)
        self.device.reopen()
        self.touch()

    @precondition(lambda self: self.truncates)
    @rule(copy=st.booleans())
    def truncate(self, *, copy: bool) -> None:
        if not self.path.exists():
            return
        self.lost |= not copy
        self.finish_line()
        if copy:
            self.shift()
            target = self.directory / "audit.log.1"
            target.write_bytes(self.path.read_bytes())
            os.utime(target, ns=(self.time, self.time))
        os.truncate(self.path, 0)
        self.touch()

    @precondition(lambda self: self.truncates)
    @rule()
    def delete_unread(self) -> None:
        self.lost = True
        self.finish_line()
        self.path.unlink(missing_ok=True)
        self.device.reopen()
        self.touch()

    def teardown(self) -> None:
        try:
            if hasattr(self, "tailer"):
                self.finish_line()
                if not self.path.exists():
                    self.device.reopen()
                    self.touch()
                self.read_all()
                self.judge()
        finally:
            if hasattr(self, "tailer"):
                self.tailer.close()
            assert open_files(self.directory) == 1  # the device's
            self.device.__exit__()
            shutil.rmtree(self.directory)

    def judge(self) -> None:
        seen = self.shown + self.read
        written = Counter(self.written)
        twice = seen - written
        assert not twice, f"more than was written: {twice}"
        if not self.lost:
            assert not (written - seen), f"lost: {written - seen}"
            assert (self.tailer.lag_bytes, self.tailer.read_error) == (0, None)

    def shift(self) -> None:
        """Make room for ``audit.log.1``, as logrotate does."""
        for number in range(20, 0, -1):
            old = self.directory / f"audit.log.{number}"
            if old.exists():
                old.rename(self.directory / f"audit.log.{number + 1}")

    def noted(self) -> tuple[LogCheckpoint, tuple[FilePosition, ...]]:
        return self.tailer.checkpoint(), self.known.let_go

    def reader(self, place: tuple[LogCheckpoint, tuple[FilePosition, ...]] | None, *, from_start: bool) -> Tailer:
        mark, let_go = place or (None, ())
        bounds = Bounds(100_000, chunk_bytes=256)
        self.known = FileRegistry(bounds, let_go=let_go, clock=self.clock, now=lambda: self.time)
        if mark is None:
            return Tailer(self.path, self.known, from_start=from_start)
        return Tailer(self.path, self.known, files=resume(self.known, {self.path: mark})[self.path], looked=mark.looked)

    def finish_line(self) -> None:
        if self.partial:
            self.put(self.partial + b"\n")
            self.partial = b""

    def put(self, line: bytes) -> None:
        self.device.write_bytes(line.removeprefix(self.partial))
        self.written.append(line)
        self.touch()

    def line(self, size: int) -> bytes:
        self.number += 1
        return b"%06d" % self.number + b"." * size

    def touch(self) -> None:
        """Give the file a time of its own: in memory all that happens within a few milliseconds has the same."""
        self.time += 1_000_000_000
        self.device.touch(self.time)


class Truncating(Histories):
    truncates = True


def test_nothing_is_lost_and_nothing_counts_twice() -> None:
    run(Histories, SEQUENCES)


def test_with_truncation_never_more_than_was_written() -> None:
    run(Truncating, SEQUENCES // 5)
