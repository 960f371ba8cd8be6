"""Small files that are read while the exporter runs: credentials, settings, certificates.

Another program writes them, and may put anything in their place. A pipe would stop the event loop until someone writes
to it, a device gives bytes without end: only regular files are read, and so many bytes of them. What is wrong is an
``OSError`` whose ``strerror`` completes the sentence "cannot be read: ...".
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

__all__ = ["modified", "open_at_once", "open_regular", "read_small", "require_regular"]


def read_small(path: Path, most: int) -> bytes:
    """Read a whole file of at most so many bytes.

    Raises:
        OSError: it cannot be opened or read, is no regular file, or is larger.
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        bound = f"{most >> 20} MiB" if most >> 20 else f"{most >> 10} KiB"
        raise OSError(errno.EFBIG, f"larger than {bound}")
    return content


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    descriptor = open_at_once(path)
    try:
        require_regular(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def open_at_once(path: Path) -> int:
    """Open for reading whatever it is, without waiting.

    Raises:
        OSError: it cannot be opened.
    """
    # Without O_NONBLOCK the opening of a pipe waits until someone writes to it.
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)


def modified(path: Path) -> int:
    """When a file was last written to, in nanoseconds since the epoch; 0 if nobody can tell."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def require_regular(status: os.stat_result) -> None:
    """Refuse what is no regular file.

    Raises:
        OSError: it is a directory, a pipe, a device.
    """
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "a pipe, a socket or a device, not a regular file")
