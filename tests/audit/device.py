"""What the tailer's tests share: a writer that does as Vault's file device does, and a clock."""

import os
from pathlib import Path
from typing import Self

from vault_exporter.audit.tail.tailer import Tailer


class Device:
    """Keeps its file open for appending until it is told to reopen, as Vault does until SIGHUP."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = self._open()

    def write(self, *lines: str) -> None:
        self.write_bytes("".join(f"{line}\n" for line in lines).encode())

    def write_bytes(self, data: bytes) -> None:
        os.write(self._descriptor, data)

    def reopen(self) -> None:
        os.close(self._descriptor)
        self._descriptor = self._open()

    def rotate(self, name: str = "audit.log.1", *, create: bool = False) -> Path:
        """Rename the file, and create an empty one as logrotate does; nothing tells the device."""
        target = self.path.rename(self.path.with_name(name))
        if create:
            self.path.touch()
        return target

    def copy_and_truncate(self) -> None:
        self.path.with_name("audit.log.1").write_bytes(self.path.read_bytes())
        os.truncate(self.path, 0)

    def touch(self, time: int) -> None:
        """State when it was last written to, in nanoseconds since the epoch."""
        os.utime(self._descriptor, ns=(time, time))

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def drain(tailer: Tailer) -> list[str]:
    """Poll until there is nothing new; the lines, without newlines."""
    found: list[str] = []
    while (lines := tailer.poll()) is not None:
        found += [line.decode().removesuffix("\n") for line in lines]
    return found


def open_files(directory: Path) -> int:
    """How many descriptors of this process are of files in the directory."""
    targets = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sum(target.is_relative_to(directory) for target in targets)
