"""Read small files that other programs write: credentials, settings, certificates.

A pipe would block the event loop and a device never ends, so only regular files are read, up to a size. Errors are
``OSError``; :func:`why_unreadable` says which file it is, and why.
"""

import errno
import io
import os
import stat
from pathlib import Path

__all__ = [
    "Signature",
    "modified",
    "open_at_once",
    "open_regular",
    "read_small",
    "reading_failed",
    "require_regular",
    "signature",
    "signature_of",
    "why_unreadable",
]

Signature = tuple[int, int, int, int]
"""Device, inode, modification time in nanoseconds, and size of a file."""


def read_small(path: Path, most: int) -> bytes:
    """Read a whole file of at most ``most`` bytes.

    Raises:
        OSError: the file cannot be read, is not a regular file, or is larger.
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        bound = f"{most >> 20} MiB" if most >> 20 else f"{most >> 10} KiB"
        raise OSError(errno.EFBIG, f"larger than {bound}")
    return content


def why_unreadable(path: Path, error: OSError) -> str:
    """Say that a file cannot be read, and why."""
    return f"{path} {reading_failed(error)}"


def reading_failed(error: OSError) -> str:
    """Return what :func:`why_unreadable` says, without the path; with the user's number if it may not read."""
    user = f" by user {os.geteuid()}" if isinstance(error, PermissionError) else ""
    return f"cannot be read{user}: {error.strerror or type(error).__name__}"


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file for reading.

    Raises:
        OSError: the file cannot be opened, or is not a regular file.
    """
    descriptor = open_at_once(path)
    try:
        require_regular(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def open_at_once(path: Path) -> int:
    """Open any kind of file for reading, without waiting.

    Raises:
        OSError: the file cannot be opened.
    """
    # Without O_NONBLOCK, opening a pipe waits for a writer.
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)


def signature(path: Path) -> Signature | None:
    """Return the signature of a file, which is another one when the file was changed or replaced; None if unknown."""
    try:
        return signature_of(path.stat())
    except OSError:
        return None


def signature_of(status: os.stat_result) -> Signature:
    """Return the signature of a file with this status."""
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def modified(path: Path | str) -> int:
    """Return the modification time of a file in nanoseconds since the epoch; 0 if unknown."""
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - thousands of paths are not made for nothing
    except OSError:
        return 0


def require_regular(status: os.stat_result) -> None:
    """Raise unless the file is a regular one.

    Raises:
        OSError: the file is a directory, a pipe or a device.
    """
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "a pipe, a socket or a device, not a regular file")
