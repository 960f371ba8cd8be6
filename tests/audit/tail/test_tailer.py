"""Following a log that is rotated, truncated, replaced and torn, without missing a line or reading one twice."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.device import Clock, Device, drain, open_files
from vault_exporter.audit.parse.decode import Reject
from vault_exporter.audit.tail.open_file import CHUNK_BYTES, CHUNK_LINES, Bounds
from vault_exporter.audit.tail.registry import FileRegistry
from vault_exporter.audit.tail.tailer import LINGER_SECONDS, Tailer

MAX_LINE = 4 * CHUNK_BYTES


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


@pytest.fixture
def device(log: Path) -> Iterator[Device]:
    with Device(log) as device:
        yield device


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tailer(device: Device, clock: Clock) -> Iterator[Tailer]:
    tailer = Tailer(device.path, FileRegistry(Bounds(MAX_LINE), clock=clock), from_start=False)
    yield tailer
    tailer.close()


def test_lines_are_handed_out_once_and_in_order(device: Device, tailer: Tailer) -> None:
    assert drain(tailer) == []
    device.write("1", "2")
    assert drain(tailer) == ["1", "2"]
    assert drain(tailer) == []
    device.write("3")
    assert drain(tailer) == ["3"]
    assert (tailer.counts.read_bytes, tailer.lag_bytes, tailer.read_error) == (6, 0, None)


def test_a_step_hands_out_so_many_lines_however_short_they_are(device: Device, tailer: Tailer) -> None:
    device.write(*map(str, range(CHUNK_LINES + 2)))
    first = tailer.poll()
    assert first is not None
    assert len(first) == CHUNK_LINES
    assert tailer.lag_bytes == len("1024\n1025\n")
    assert drain(tailer) == [str(CHUNK_LINES), str(CHUNK_LINES + 1)]
    device.write(*"0" * (2 * CHUNK_LINES))
    assert len(tailer.poll() or ()) == CHUNK_LINES
    os.truncate(device.path, 0)
    assert drain(tailer) == []
    assert (tailer.counts.truncations, tailer.counts.lost_bytes) == (1, 2 * CHUNK_LINES)


def test_starts_at_the_end_of_what_is_there(device: Device) -> None:
    device.write("before")
    tailer = Tailer(device.path, FileRegistry(Bounds(MAX_LINE)), from_start=False)
    device.write("after")
    assert drain(tailer) == ["after"]
    assert tailer.counts.read_bytes == len("after\n")
    tailer.close()


def test_starts_at_the_beginning_if_told_to(device: Device) -> None:
    device.write("before")
    tailer = Tailer(device.path, FileRegistry(Bounds(MAX_LINE)), from_start=True)
    device.write("after")
    assert drain(tailer) == ["before", "after"]
    tailer.close()


def test_a_line_that_is_half_written_at_the_start_counts_when_it_is_complete(device: Device) -> None:
    device.write("before" * 2000)
    device.write_bytes(b"half" * 3000)
    tailer = Tailer(device.path, FileRegistry(Bounds(MAX_LINE)), from_start=False)
    assert drain(tailer) == []
    device.write("whole", "next")
    assert drain(tailer) == ["half" * 3000 + "whole", "next"]
    tailer.close()


def test_a_half_written_line_at_the_start_that_is_too_long_is_skipped(device: Device) -> None:
    device.write_bytes(b"half" * 3000)
    tailer = Tailer(device.path, FileRegistry(Bounds(1000)), from_start=False)
    device.write("whole", "next")
    assert drain(tailer) == ["next"]
    tailer.close()


def test_rotated_files_that_were_there_before_are_history(device: Device) -> None:
    device.path.with_name("audit.log.1").write_text("old\n")
    tailer = Tailer(device.path, FileRegistry(Bounds(MAX_LINE)), from_start=True)
    device.write("1")
    device.rotate("audit.log.2")
    device.reopen()
    device.write("2")
    assert drain(tailer) == ["1", "2"]
    tailer.close()


def test_a_part_of_a_line_waits_for_the_rest(device: Device, tailer: Tailer) -> None:
    device.write_bytes(b"one\ntw")
    assert drain(tailer) == ["one"]
    assert (tailer.counts.read_bytes, tailer.lag_bytes) == (4, 2)
    device.write_bytes(b"o")
    assert drain(tailer) == []
    device.write_bytes(b"\nthree\n")
    assert drain(tailer) == ["two", "three"]
    assert (tailer.counts.read_bytes, tailer.lag_bytes) == (14, 0)


def test_lines_longer_than_a_chunk(device: Device, tailer: Tailer) -> None:
    lines = ["a" * (3 * CHUNK_BYTES), "b", "c" * (CHUNK_BYTES - 1), "d" * CHUNK_BYTES, "e"]
    device.write(*lines)
    assert drain(tailer) == lines
    assert not tailer.counts.rejected


def test_a_poll_reads_one_chunk(device: Device, tailer: Tailer) -> None:
    device.write(*["x" * 799] * 10_000)
    lines = tailer.poll()
    assert lines is not None
    assert 0 < sum(map(len, lines)) <= CHUNK_BYTES
    assert tailer.lag_bytes == 10_000 * 800 - CHUNK_BYTES + CHUNK_BYTES % 800
    assert len(drain(tailer)) == 10_000 - len(lines)


@pytest.mark.parametrize("end", ["", "\n"])
def test_rename_and_reopen(device: Device, tailer: Tailer, end: str) -> None:
    device.write("1")
    assert drain(tailer) == ["1"]
    device.write("2")
    device.rotate()
    device.reopen()
    device.write("3")
    device.write_bytes(f"4{end}".encode())
    assert drain(tailer) == (["2", "3", "4"] if end else ["2", "3"])
    assert (tailer.counts.rotations, tailer.counts.truncations, tailer.counts.rejected.total()) == (1, 0, 0)


def test_the_renamed_file_is_read_for_as_long_as_it_is_written_to(device: Device, tailer: Tailer, clock: Clock) -> None:
    device.write("1")
    assert drain(tailer) == ["1"]
    device.rotate(create=True)
    for number in range(5):
        clock.now += 100 * LINGER_SECONDS  # SIGHUP is long in coming
        device.write(f"still {number}")
        assert drain(tailer) == [f"still {number}"]
    device.write("last")
    device.reopen()
    device.write("first")
    assert drain(tailer) == ["last", "first"]
    assert open_files(device.path.parent) == 3  # the device's, and both of the tailer
    clock.now += LINGER_SECONDS - 1
    assert drain(tailer) == []
    assert open_files(device.path.parent) == 3
    clock.now += 1
    assert drain(tailer) == []
    assert open_files(device.path.parent) == 2
    device.write("second")
    assert drain(tailer) == ["second"]
    assert tailer.counts.rotations == 1


def test_without_a_new_file_the_renamed_one_is_read_on(device: Device, tailer: Tailer) -> None:
    device.write("1")
    device.rotate()
    assert drain(tailer) == ["1"]
    device.write("2")
    assert drain(tailer) == ["2"]
    assert (tailer.read_error, tailer.counts.rotations) == (None, 0)


def test_rotated_twice_while_the_reader_lags(device: Device, tailer: Tailer) -> None:
    backlog = [f"a{number:06}" for number in range(100_000)]
    device.write(*backlog)
    seen = list(tailer.poll() or ())
    for name, line in (("audit.log.2", "b"), ("audit.log.1", "c")):
        device.rotate(name)
        device.reopen()
        device.write(line)
        seen += tailer.poll() or ()
    assert tailer.counts.rotations == 2
    assert len(seen) < len(backlog)  # it does lag
    assert [line.decode().strip() for line in seen] + drain(tailer) == [*backlog, "b", "c"]


def test_rotated_twice_between_two_looks(device: Device, tailer: Tailer) -> None:
    device.write("1")
    assert drain(tailer) == ["1"]
    device.write("2")
    device.rotate("audit.log.2")
    device.reopen()
    device.write("3")
    device.rotate("audit.log.1")
    device.reopen()
    device.write("4")
    assert drain(tailer) == ["2", "3", "4"]
    assert tailer.counts.rotations == 2


def test_rotated_three_times_with_dates_between_two_looks(device: Device, tailer: Tailer) -> None:
    for number, name in enumerate(("audit.log-20261124", "audit.log-20261124-1", "audit.log.2026-11-24T12:00:00Z")):
        device.write(f"{number}")
        device.rotate(name)
        device.reopen()
    device.write("3")
    assert sorted(drain(tailer)) == ["0", "1", "2", "3"]
    assert tailer.counts.rotations == 3


def test_copies_excerpts_and_compressed_files_beside_the_log_are_not_read(device: Device, tailer: Tailer) -> None:
    device.write("1", "2", "3")
    assert drain(tailer) == ["1", "2", "3"]
    beside = device.path.with_name
    beside("audit.log.9").write_text("1\n2\n")  # a copy of the log as it was a while ago
    beside("audit.log.bak").write_text("2\n")
    beside("audit.log.2-errors").write_text("2\n")
    beside("audit.log.2.gz").write_bytes(b"\x1f\x8b2\n")
    beside("audit.log.20261124").mkdir()
    device.rotate()
    device.reopen()
    device.write("4")
    assert drain(tailer) == ["4"]
    assert tailer.counts.rotations == 1


def test_truncated_in_place(device: Device, tailer: Tailer) -> None:
    device.write("1", "2", "3")
    assert drain(tailer) == ["1", "2", "3"]
    device.copy_and_truncate()
    assert drain(tailer) == []
    device.write("4")
    assert drain(tailer) == ["4"]
    assert (tailer.counts.truncations, tailer.counts.rotations, tailer.lag_bytes) == (1, 0, 0)
    # The copy is not a rotated file that was missed.
    device.rotate("audit.log.2")
    device.reopen()
    device.write("5")
    assert drain(tailer) == ["5"]


@pytest.mark.parametrize("more", [0, 1, 50_000])
def test_truncated_in_place_and_grown_back(device: Device, tailer: Tailer, more: int) -> None:
    device.write(*(f"old {number}" for number in range(1000)))
    assert len(drain(tailer)) == 1000
    device.copy_and_truncate()
    lines = [f"new {number}" for number in range(1000 + more)]
    device.write(*lines)
    assert drain(tailer) == lines
    assert tailer.counts.truncations == 1


@pytest.mark.parametrize("read_before", [False, True])
def test_copied_and_truncated_several_times_between_two_looks(
    device: Device, tailer: Tailer, *, read_before: bool
) -> None:
    if read_before:
        device.write("0")
        assert drain(tailer) == ["0"]
    for number in range(1, 4):
        if (last := device.path.with_name("audit.log.1")).exists():
            last.rename(device.path.with_name(f"audit.log.{9 - number}"))
        device.write(f"{number}")
        device.copy_and_truncate()
        device.touch(number * 1_000_000_000)  # all this is faster than the clock of files
    device.write("4")
    assert sorted(drain(tailer)) == ["1", "2", "3", "4"]
    assert (tailer.counts.lost_bytes, tailer.lag_bytes) == (0, 0)


def test_copied_and_truncated_while_another_is_still_read(device: Device, tailer: Tailer) -> None:
    backlog = [f"a{number:06}" for number in range(100_000)]
    device.write(*backlog)
    assert tailer.poll() is not None
    device.rotate("audit.log.2")
    device.reopen()
    device.write("b")
    seen = [*(tailer.poll() or ()), *(tailer.poll() or ())]
    device.copy_and_truncate()
    device.write("c")
    rest = drain(tailer)
    assert len(seen) + len(rest) < len(backlog)
    assert rest[-2:] == ["b", "c"]
    assert (tailer.counts.truncations, tailer.counts.lost_bytes) == (1, 0)


def test_an_empty_log_that_is_touched_was_not_truncated(device: Device, tailer: Tailer) -> None:
    device.touch(1_000_000_000)
    assert drain(tailer) == []
    device.write("1")
    device.touch(2_000_000_000)
    assert drain(tailer) == ["1"]
    assert (tailer.counts.truncations, tailer.counts.rotations) == (0, 0)


def test_truncated_while_lagging(device: Device, tailer: Tailer) -> None:
    device.write(*["x" * 799] * 10_000)
    assert tailer.poll() is not None
    os.truncate(device.path, 0)
    device.write("1")
    assert drain(tailer) == ["1"]
    assert (tailer.counts.truncations, dict(tailer.counts.rejected)) == (1, {Reject.INCOMPLETE: 1})


def test_a_part_of_a_line_in_a_truncated_file_is_rejected(device: Device, tailer: Tailer) -> None:
    device.write_bytes(b"one\ntwo")
    assert drain(tailer) == ["one"]
    os.truncate(device.path, 0)
    device.write("three")
    assert drain(tailer) == ["three"]
    assert dict(tailer.counts.rejected) == {Reject.INCOMPLETE: 1}
    assert tailer.counts.read_bytes == len("one\ntwothree\n")


def test_a_part_of_a_line_in_a_rotated_file_is_rejected_when_it_is_closed(
    device: Device, tailer: Tailer, clock: Clock
) -> None:
    device.write_bytes(b"one\ntwo")
    device.rotate()
    device.reopen()
    device.write("three")
    assert drain(tailer) == ["one", "three"]
    assert not tailer.counts.rejected
    assert drain(tailer) == []
    clock.now += LINGER_SECONDS
    assert drain(tailer) == []
    assert dict(tailer.counts.rejected) == {Reject.INCOMPLETE: 1}
    assert (tailer.counts.read_bytes, tailer.lag_bytes) == (len("one\ntwothree\n"), 0)


def test_deleted_and_made_again(device: Device, tailer: Tailer, clock: Clock) -> None:
    for number in range(20):
        device.write(f"{number}")
        assert drain(tailer) == [f"{number}"]
        device.path.unlink()
        device.write(f"{number} gone")
        device.reopen()
        device.write(f"{number} again")
        assert drain(tailer) == [f"{number} gone", f"{number} again"]
        clock.now += LINGER_SECONDS
        assert drain(tailer) == []
    assert (tailer.counts.rotations, tailer.counts.truncations) == (20, 0)


def test_the_inode_of_a_closed_file_used_again(device: Device, tailer: Tailer, clock: Clock) -> None:
    """The open file holds its inode; one that was let go may come back and is then a new file."""
    inodes = set()
    seen = []
    for number in range(20):
        inodes.add(device.path.stat().st_ino)
        device.write(f"{number}")
        device.path.unlink()
        device.reopen()
        seen += drain(tailer)
        clock.now += LINGER_SECONDS
        seen += drain(tailer)
        clock.now += LINGER_SECONDS
    device.write("end")
    seen += drain(tailer)
    assert seen == [*map(str, range(20)), "end"]
    assert len(inodes) <= 20


def test_the_inode_of_a_rotated_file_used_again(device: Device, clock: Clock) -> None:
    """The file is emptied in place of being deleted, so that the next log surely has its inode."""
    device.write("history")
    history = device.rotate()
    device.reopen()
    inode = history.stat().st_ino
    device.write("1")
    tailer = Tailer(device.path, FileRegistry(Bounds(MAX_LINE), clock=clock), from_start=True)
    assert drain(tailer) == ["1"]
    device.write("2")
    device.rotate("audit.log.2")
    history.rename(device.path)
    os.truncate(device.path, 0)
    device.reopen()
    device.write("3")
    assert device.rotate().stat().st_ino == inode
    device.reopen()
    device.write("4")
    assert drain(tailer) == ["2", "3", "4"]
    assert tailer.counts.rotations == 2
    tailer.close()


def test_a_log_that_appears_later_is_read_from_its_beginning(log: Path) -> None:
    tailer = Tailer(log, FileRegistry(Bounds(MAX_LINE)), from_start=False)
    assert drain(tailer) == []
    assert isinstance(tailer.read_error, FileNotFoundError)
    with Device(log) as device:
        device.write("1")
        device.rotate()
        device.reopen()
        device.write("2")
        assert drain(tailer) == ["1", "2"]
    assert tailer.read_error is None
    tailer.close()


def test_a_log_in_a_directory_that_appears_later(tmp_path: Path) -> None:
    log = tmp_path / "later" / "audit.log"
    tailer = Tailer(log, FileRegistry(Bounds(MAX_LINE)), from_start=False)
    assert drain(tailer) == []
    log.parent.mkdir()
    log.write_text("1\n")
    assert drain(tailer) == ["1"]
    tailer.close()


class Denied:
    """Opens files, but for those it denies: permissions that hold for root, too."""

    def __init__(self) -> None:
        self.inodes: set[int] = set()

    def __call__(self, path: Path) -> int:
        if path.stat().st_ino in self.inodes:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return os.open(path, os.O_RDONLY)


def test_unreadable_for_a_while_at_the_start(device: Device) -> None:
    denied = Denied()
    denied.inodes.add(device.path.stat().st_ino)
    device.write("before")
    tailer = Tailer(device.path, FileRegistry(Bounds(MAX_LINE), opener=denied), from_start=False)
    device.write("meanwhile")
    assert drain(tailer) == []
    assert isinstance(tailer.read_error, PermissionError)
    denied.inodes.clear()
    device.write("after")
    assert drain(tailer) == ["meanwhile", "after"]
    assert tailer.read_error is None
    tailer.close()


def test_unreadable_and_rotated_at_the_start(device: Device) -> None:
    denied = Denied()
    denied.inodes.add(device.path.stat().st_ino)
    device.write("before")
    tailer = Tailer(device.path, FileRegistry(Bounds(MAX_LINE), opener=denied), from_start=False)
    device.write("meanwhile")
    assert drain(tailer) == []
    device.rotate()
    device.reopen()
    denied.inodes.clear()
    device.write("after")
    assert drain(tailer) == ["meanwhile", "after"]
    tailer.close()


def test_unreadable_after_a_rotation(device: Device, clock: Clock) -> None:
    denied = Denied()
    tailer = Tailer(device.path, FileRegistry(Bounds(MAX_LINE), clock=clock, opener=denied), from_start=False)
    device.write("1")
    device.rotate()
    device.reopen()
    denied.inodes.add(device.path.stat().st_ino)
    device.write("2")
    assert drain(tailer) == ["1"]
    assert isinstance(tailer.read_error, PermissionError)
    clock.now += 100 * LINGER_SECONDS
    assert drain(tailer) == []
    denied.inodes.clear()
    assert drain(tailer) == ["2"]
    now: OSError | None = tailer.read_error
    assert (now, tailer.counts.rotations) == (None, 1)
    tailer.close()


def test_a_directory_in_the_place_of_the_log(log: Path) -> None:
    log.mkdir()
    tailer = Tailer(log, FileRegistry(Bounds(MAX_LINE)), from_start=False)
    assert drain(tailer) == []
    assert isinstance(tailer.read_error, IsADirectoryError)
    log.rmdir()
    log.write_text("1\n")
    assert drain(tailer) == ["1"]
    assert tailer.read_error is None
    tailer.close()


def test_a_pipe_in_the_place_of_the_log_does_not_block(log: Path) -> None:
    os.mkfifo(log)
    tailer = Tailer(log, FileRegistry(Bounds(MAX_LINE)), from_start=False)
    assert drain(tailer) == []
    assert tailer.read_error is not None
    assert tailer.read_error.errno == errno.EINVAL


def test_a_path_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    tailer = Tailer(tmp_path / "file" / "audit.log", FileRegistry(Bounds(MAX_LINE)), from_start=False)
    assert drain(tailer) == []
    assert isinstance(tailer.read_error, NotADirectoryError)


def test_a_symlink_that_is_pointed_elsewhere(tmp_path: Path) -> None:
    link = tmp_path / "audit.log"
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("before\n")
    link.symlink_to(first)
    tailer = Tailer(link, FileRegistry(Bounds(MAX_LINE)), from_start=False)
    first.write_text("before\n1\n")
    second.write_text("2\n")
    link.unlink()
    link.symlink_to(second)
    assert drain(tailer) == ["1", "2"]
    assert tailer.counts.rotations == 1
    tailer.close()


def test_a_line_that_is_too_long_is_skipped(device: Device, tailer: Tailer) -> None:
    device.write("1", "x" * (MAX_LINE + 1), "2", "y" * MAX_LINE, "3")
    assert drain(tailer) == ["1", "2", "y" * MAX_LINE, "3"]
    assert dict(tailer.counts.rejected) == {Reject.TOO_LONG: 1}
    assert tailer.counts.read_bytes == 2 * MAX_LINE + 9


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_the_limit_of_a_line_is_exact(log: Path, limit: int) -> None:
    log.write_text("".join(f"{'x' * length}\n" for length in (0, 1, limit, limit + 1, limit - 1, 5 * limit + 2, 1)))
    tailer = Tailer(log, FileRegistry(Bounds(limit)), from_start=True)
    assert [len(line) for line in drain(tailer)] == [0, 1, limit, limit - 1, 1]
    assert dict(tailer.counts.rejected) == {Reject.TOO_LONG: 2}
    assert (tailer.counts.read_bytes, tailer.lag_bytes) == (log.stat().st_size, 0)
    tailer.close()


def test_a_line_without_an_end_is_bounded_in_memory(device: Device) -> None:
    import tracemalloc  # noqa: PLC0415 - slows everything else down once it is on

    tailer = Tailer(device.path, FileRegistry(Bounds(1 << 20)), from_start=False)
    tracemalloc.start()
    try:
        for _ in range(200):
            device.write_bytes(b"x" * (1 << 20))
            assert drain(tailer) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 << 20
    device.write("", "next")
    assert drain(tailer) == ["next"]
    assert dict(tailer.counts.rejected) == {Reject.TOO_LONG: 1}
    assert tailer.counts.read_bytes == (200 << 20) + 6
    tailer.close()


def test_a_failing_read_is_trouble_and_is_tried_again(device: Device, tailer: Tailer, tmp_path: Path) -> None:
    """A directory opened as the log fails to read as a broken disk does."""
    broken = True

    def opener(path: Path) -> int:
        return os.open(tmp_path if broken else path, os.O_RDONLY)

    other = Tailer(device.path, FileRegistry(Bounds(MAX_LINE), opener=opener), from_start=True)
    device.write("1")
    assert drain(other) == []
    assert isinstance(other.read_error, IsADirectoryError)
    broken = False
    assert drain(other) == ["1"]
    other.close()
    assert drain(tailer) == ["1"]
