"""Which files a pattern stands for: as pathlib's glob has it, but for rotated and compressed files and directories."""

import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.audit.entries import line
from tests.audit.reading import value
from vault_exporter.audit.service import AuditService
from vault_exporter.audit.tail.directories import Directories
from vault_exporter.audit.tail.matching import matching, vanished
from vault_exporter.audit.tail.survey import Survey
from vault_exporter.config.schema.model import Audit
from vault_exporter.metrics import catalogue as c
from vault_exporter.util.threads import in_thread

TREE = (
    "a/audit.log",
    "a/audit.log.1",
    "a/audit.log.2.gz",
    "a/.hidden.log",
    "a/other.log.1",
    "b/audit.log",
    "b/audit.log.zst",
    "b/x/audit.log",
    "b/x/y/audit-2.log",
    "b/x/y/audit.log/inner.log",
    "c-1/0.log",
    "c-1/0.log.20261128-150000",
    "c-1/[x].log",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in TREE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("b")
    (tmp_path / "a" / "link.log").symlink_to(tmp_path / "b" / "audit.log")
    return tmp_path


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "a/*.log",
            "a/*",
            "*/audit.log",
            "*/*.log",
            "**/*.log",
            "b/**/audit.log",
            "b/**/*",
            "?/audit.log",
            "c-*/*.log",
        ),
        *(
            "*/x/*.log",
            "[ab]/audit.log",
            "[!a]*/*",
            "c-1/[[]x].log",
            "none/*.log",
            "*.log",
            "*/audit.log/*",
            "a/../b/*",
        ),
        *("link/*.log", "*/x/y/audit.log/*.log", "a/audit.log*", "a/other.log*"),
    ],
)
def test_patterns_as_pathlib_takes_them(tree: Path, pattern: str) -> None:
    expected = {
        str(one)
        for one in tree.glob(pattern)
        if one.is_file()
        and one.suffix not in {".gz", ".zst"}
        and one.name not in {"audit.log.1", "0.log.20261128-150000"}  # their logs are there
    }
    assert set(matching(tree / pattern)) == expected


def test_a_relative_pattern(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree / "a")
    assert sorted(matching(Path("*.log"))) == [".hidden.log", "audit.log", "link.log"]
    assert sorted(matching(Path("../b/*.log"))) == ["../b/audit.log"]


def test_logs_of_which_only_rotated_files_are_there(tree: Path) -> None:
    assert vanished(tree / "a" / "*.log", (), Directories()) == [str(tree / "a" / "other.log")]
    known = {str(tree / "a" / "other.log")}
    assert vanished(tree / "a" / "*.log", known, Directories()) == []


def test_a_listing_is_read_again_when_its_directory_changed(tmp_path: Path) -> None:
    directories = Directories()
    (tmp_path / "a").touch()
    os.utime(tmp_path, (1, 1))
    first = directories.list(str(tmp_path))
    assert directories.list(str(tmp_path)) is first
    assert "a" in first
    (tmp_path / "b").touch()
    assert "b" in directories.list(str(tmp_path))
    # Changed just now: a further change may have the same time, so it is read again each time.
    assert directories.list(str(tmp_path)) is not directories.list(str(tmp_path))


def test_a_directory_that_another_took_the_place_of(tmp_path: Path) -> None:
    directories, path = Directories(), tmp_path / "logs"
    for name in ("a", "b"):
        path.mkdir()
        (path / name).touch()
        os.utime(path, (1, 1))
        assert directories.list(str(path)).names == [name]
        path.rename(tmp_path / f"old-{name}")


def test_a_survey_that_is_costly_is_made_more_rarely(tmp_path: Path) -> None:
    """One that takes 8 ms of CPU is repeated after 4 s, then after 8 s each, while it finds nothing new."""
    log, now, cpu = tmp_path / "a.log", 0.0, itertools.count(step=1 / 128)
    reader = AuditService(Audit(logs=(tmp_path / "*.log",)), clock=lambda: now, cpu_clock=lambda: next(cpu))
    surveys = []
    for now in range(1, 21):
        before = repr(cpu)
        reader.logs[0].step()
        if repr(cpu) != before:
            surveys.append(now)
    assert surveys == [4, 12, 20]
    log.write_bytes(line("request"))
    for now in (27, 28):
        while reader.logs[0].step():
            pass
        assert value(reader, c.AUDIT_ENTRIES) == (now == 28)


def test_reading_goes_on_while_a_survey_takes_long(tmp_path: Path) -> None:
    log, other = tmp_path / "a.log", tmp_path / "b.log"
    log.touch()
    free, now = threading.Event(), 0.0
    surveys: list[Future[Survey]] = []

    def work_in(work: Callable[[], Survey], name: str) -> Future[Survey]:
        def wait_and_work() -> Survey:
            assert free.wait(60)
            return work()

        surveys.append(in_thread(wait_and_work, name))
        return surveys[-1]

    reader = AuditService(Audit(logs=(tmp_path / "*.log",)), clock=lambda: now, work_in=work_in)
    other.write_bytes(line("request", id_="other"))
    for number in range(3):
        now += 10
        with log.open("ab") as file:
            file.write(line("request", id_=f"{number}"))
        while reader.logs[0].step():
            pass
    assert value(reader, c.AUDIT_ENTRIES) == 3
    assert len(surveys) == 1  # one at a time
    free.set()
    surveys[0].result(60)
    while reader.logs[0].step():
        pass
    assert value(reader, c.AUDIT_ENTRIES) == 4
