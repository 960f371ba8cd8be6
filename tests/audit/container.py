"""A container runtime that stores what a container writes, and rotates its files as the kubelet does."""

import contextlib
import gzip
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final, Literal

__all__ = ["PART_BYTES", "Kind", "Runtime", "cri", "docker"]

Kind = Literal["cri", "docker"]

PART_BYTES: Final = 16 << 10


def cri(text: bytes, *, stream: str = "stdout", ends: bool = True, time: int = 0) -> bytes:
    """One line as containerd and CRI-O write it."""
    return b"%s %s %s %s\n" % (stamp(time), stream.encode(), b"F" if ends else b"P", text)


def docker(text: bytes, *, stream: str = "stdout", ends: bool = True, time: int = 0) -> bytes:
    """One line as Docker's json-file driver writes it."""
    log = text.decode() + "\n" * ends
    line = {"log": log, "stream": stream, "time": stamp(time).decode()}
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def stamp(time: int) -> bytes:
    return b"2026-11-28T15:%02d:%02d.%09dZ" % (time // 60 % 60, time % 60, time)


class Runtime:
    """Appends to ``0.log`` in a pod's folder. Its clock goes on by a second a part."""

    def __init__(self, directory: Path, kind: Kind = "cri", part_bytes: int = PART_BYTES) -> None:
        self.path = directory / "0.log"
        self.kind = kind
        self.part_bytes = part_bytes
        self.time = 0
        self.path.touch()

    def write(self, text: bytes, stream: str = "stdout") -> None:
        """Store a line, in parts where it is long."""
        for part in self.parts(text, stream):
            self.append(part)

    def parts(self, text: bytes, stream: str = "stdout") -> list[bytes]:
        text = text.removesuffix(b"\n")
        starts = range(0, max(1, len(text)), self.part_bytes)
        return [
            self.part(text[start : start + self.part_bytes], stream, ends=start + self.part_bytes >= len(text))
            for start in starts
        ]

    def part(self, text: bytes, stream: str = "stdout", *, ends: bool = True) -> bytes:
        return (cri if self.kind == "cri" else docker)(text, stream=stream, ends=ends)

    def append(self, data: bytes) -> None:
        """Store a part; the runtime states when."""
        self.time += 1
        with self.path.open("ab") as file:
            file.write(data.replace(stamp(0), stamp(self.time), 1))

    @property
    def rotated(self) -> list[Path]:
        """The files that were renamed, the oldest first."""
        return sorted(self.path.parent.glob("0.log.2*"))

    def rotate(self) -> Path:
        """Rename the file and compress those that were renamed before."""
        for before in self.path.parent.glob("0.log.2*[0-9]"):
            compressed = before.with_name(f"{before.name}.gz")
            compressed.write_bytes(gzip.compress(before.read_bytes()))
            status = before.stat()
            os.utime(compressed, ns=(status.st_atime_ns, status.st_mtime_ns))
            before.unlink()
        self.time += 1
        renamed = self.path.rename(self.path.with_name(f"0.log.20261128-{self.time:06}"))
        self.path.touch()
        return renamed

    @contextlib.contextmanager
    def run(
        self, command: Sequence[str | Path], directory: Path, rotate_bytes: int, **environment: str
    ) -> Iterator[None]:
        """Run a container's program, store what it writes, and stop it."""
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=directory,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        lock = threading.Lock()

        def copy(output: IO[bytes], stream: str) -> None:
            while piece := output.readline(self.part_bytes):
                with lock:
                    ends = piece.endswith(b"\n")
                    self.append(self.part(piece.removesuffix(b"\n"), stream, ends=ends))
                    if self.path.stat().st_size > rotate_bytes:
                        self.rotate()

        assert process.stdout is not None
        assert process.stderr is not None
        outputs = {"stdout": process.stdout, "stderr": process.stderr}
        threads = [threading.Thread(target=copy, args=(output, stream)) for stream, output in outputs.items()]
        try:
            for thread in threads:
                thread.start()
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)
            for thread in threads:
                thread.join()
            for output in outputs.values():
                output.close()
