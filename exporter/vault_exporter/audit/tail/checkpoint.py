"""The checkpoint file: the position in each log from which reading continues after a restart.

It covers what completed scrapes have shown. Counters begin at 0 with the process, so a line that a scrape has shown
must not be read again, and a line that none has shown must be. The file holds no content of a log, only digests.
"""

import contextlib
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from vault_exporter.util.fs import open_regular
from vault_exporter.util.json import UNREADABLE

__all__ = [
    "FINGERPRINT_BYTES",
    "TAIL_BYTES",
    "Checkpoint",
    "CheckpointError",
    "CheckpointFile",
    "FilePosition",
    "LogCheckpoint",
    "PatternCheckpoint",
    "UnfinishedLine",
    "digest",
    "key_of",
    "paths_of",
]

_VERSION: Final = 1
_LARGEST: Final = 16 << 20
_FARTHEST: Final = 1 << 62
"""The largest valid position; a checkpoint with a larger one is damaged."""

FINGERPRINT_BYTES: Final = 1024
"""Length of the fingerprint: the first bytes of a file."""
TAIL_BYTES: Final = 4096
"""Length of the tail: the bytes before the position, which are compared with the file on each read. Longer than most
lines, so that it includes their times."""

_Place = Annotated[int, msgspec.Meta(ge=0, le=_FARTHEST)]

Failure = Literal["corrupt", "unreadable", "unwritable"]


class UnfinishedLine(msgspec.Struct, frozen=True):
    """A line of a container that was read in part."""

    stream: str
    """The container's output: ``stdout`` or ``stderr``."""
    position: _Place
    """Offset of its first part in the file. All later parts of the stream, up to the file's position, belong to it."""
    skipping: bool = False
    """The line is too long."""


class FilePosition(msgspec.Struct, frozen=True):
    """A position in a file, and what identifies the file: its name changes, and its inode may be reused."""

    device: int
    inode: int
    position: _Place
    """Offset of the beginning of a line."""
    fingerprint_bytes: Annotated[int, msgspec.Meta(ge=0, le=FINGERPRINT_BYTES)]
    fingerprint: str
    """Digest of so many bytes at the beginning of the file."""
    tail_bytes: Annotated[int, msgspec.Meta(ge=0, le=TAIL_BYTES)]
    tail_fingerprint: str
    """Digest of so many bytes before the position."""
    skipping: bool = False
    """The position is within a line that is too long."""
    ended: bool = False
    """The file was read to its end, and Vault already wrote to a newer one."""
    unfinished: tuple[UnfinishedLine, ...] = ()
    """Lines of a container that were read in part; their parts are read again."""


class LogCheckpoint(msgspec.Struct, frozen=True):
    """The position in a log."""

    looked: _Place
    """Time of the last look for rotated files, in nanoseconds since the epoch. A file that was written to since and is
    not listed here is new."""
    files: tuple[FilePosition, ...]
    """The files of the log, the oldest first."""


class PatternCheckpoint(msgspec.Struct, frozen=True):
    """One configured path or pattern, and the logs that match it."""

    since: _Place
    """Time since which it is followed, in nanoseconds since the epoch."""
    paths: tuple[str, ...]
    """The logs that match, as :func:`key_of` their paths. A log that matches and is not listed here is new."""
    let_go: tuple[FilePosition, ...]
    """Files that are closed, and may be found again under another name."""


class Checkpoint(msgspec.Struct, frozen=True):
    """The positions in all logs at one moment, by :func:`key_of` the path."""

    logs: dict[str, LogCheckpoint]
    groups: dict[str, PatternCheckpoint] = {}
    """By :func:`key_of` the path or pattern that is configured."""
    events: dict[str, float] = {}
    """When each event last happened, in seconds since the epoch, by name."""
    version: int = _VERSION


class CheckpointError(Exception):
    """The checkpoint cannot be used; the exporter continues without it. The message says why, and what to do."""


_DECODER: Final = msgspec.json.Decoder(Checkpoint)


class CheckpointFile:
    """The file. It is written in two steps: the slow one before a scrape is answered, the quick one after it.

    Attributes:
        path: the file.
        failures: how often it could not be used, by reason.
        written: time of the last write, in seconds since the epoch, or None.
    """

    def __init__(self, path: Path, sync: Callable[[int], None] = os.fsync) -> None:
        """Read and write nothing yet.

        Args:
            path: the file.
            sync: brings what was written to a descriptor down to the disk.
        """
        self.path = path
        self._sync = sync
        self.failures: Counter[Failure] = Counter()
        self.written: float | None = None
        self._fresh = path.with_name(f".{path.name}.new")
        self._prepared = False

    def load(self) -> Checkpoint | None:
        """Read the last checkpoint; None if there is no file.

        Raises:
            CheckpointError: it cannot be read.
        """
        try:
            with open_regular(self.path) as file:
                content = file.read(_LARGEST + 1)
                self.written = os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return None
        except OSError as error:
            self.failures["unreadable"] += 1
            raise CheckpointError(f"cannot be read: {error.strerror}; make it readable for the exporter") from None
        try:
            found = _DECODER.decode(content)
        except UNREADABLE:
            found = None
        if found is None or found.version != _VERSION or len(content) > _LARGEST:
            self.failures["corrupt"] += 1
            self.written = None
            raise CheckpointError(
                f"is damaged, of another version, or no checkpoint; {self._put_aside()}; logs are read as without one"
            )
        return found

    def prepare(self, checkpoint: Checkpoint) -> None:
        """Write the new file beside the old one, down to the disk.

        Raises:
            CheckpointError: it cannot be written.
        """
        self._prepared = False
        content = msgspec.json.encode(checkpoint)  # before anything is touched
        try:
            # What another put there, such as a link to a file of ours, is removed and never written to.
            self._fresh.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._fresh, flags, 0o600)
            try:
                left = memoryview(content)
                while left:
                    left = left[os.write(descriptor, left) :]
                self._sync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            self._fail(error)
        self._prepared = True

    def publish(self, now: float) -> None:
        """Rename the new file over the old one; do nothing if there is no complete new file.

        Args:
            now: seconds since the epoch.

        Raises:
            CheckpointError: it cannot be renamed.
        """
        if not self._prepared:
            return
        self._prepared = False
        try:
            self._fresh.rename(self.path)
        except OSError as error:
            self._fail(error)
        self.written = now

    def _put_aside(self) -> str:
        """Rename an invalid file at the checkpoint's path, since it may be a file that was named by mistake."""
        aside = self.path.with_name(f"{self.path.name}.damaged")
        try:
            self.path.rename(aside)
        except OSError as error:
            return f"it cannot be renamed to {aside.name} ({error.strerror})"
        return f"it is now {aside.name}"

    def _fail(self, error: OSError) -> None:
        self.failures["unwritable"] += 1
        with contextlib.suppress(OSError):
            self._fresh.unlink()  # half a file on a full disk
        raise CheckpointError(
            f"cannot be written: {error.strerror}; make its directory writable for the exporter, or make room; "
            "a restart would count again what was counted since"
        ) from None


def key_of(path: Path) -> str:
    """Return the key of a path: the path, or a NUL and its bytes in hexadecimal if they are not UTF-8."""
    name = str(path)
    try:
        name.encode()
    except UnicodeEncodeError:
        return f"\0{os.fsencode(path).hex()}"
    return name


def paths_of(keys: Iterable[str]) -> list[Path]:
    """Return the paths of keys that :func:`key_of` made; other keys are ignored."""
    paths = []
    for key in keys:
        with contextlib.suppress(ValueError):
            name = os.fsdecode(bytes.fromhex(key[1:])) if key.startswith("\0") else key
            if name and "\0" not in name:
                paths.append(Path(name))
    return paths


def digest(data: bytes) -> str:
    """Return the digest by which a log's content is recognised."""
    return hashlib.sha256(data).hexdigest()
