"""What stands in the place of a small file neither stops the exporter nor fills its memory."""

import os
from pathlib import Path

import pytest

from vault_exporter.util.fs import read_small

NOT_REGULAR = "a pipe, a socket or a device, not a regular file"


def refusal(path: Path) -> str | None:
    with pytest.raises(OSError, match=r".") as caught:
        read_small(path, 4096)
    return caught.value.strerror


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"a" * 4096)
    assert read_small(file, 4096) == b"a" * 4096
    file.write_bytes(b"a" * 4097)
    assert refusal(file) == "larger than 4 KiB"


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only how many
    assert refusal(tmp_path / "pipe") == NOT_REGULAR
    assert refusal(tmp_path / "zero") == NOT_REGULAR
    assert refusal(tmp_path) == "Is a directory"
    assert refusal(tmp_path / "loop") == "Too many levels of symbolic links"
    assert refusal(tmp_path / "none") == "No such file or directory"
    assert len(os.listdir("/proc/self/fd")) == descriptors  # noqa: PTH208
