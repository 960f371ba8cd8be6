"""What there is at a path, for the checks of a configuration; whatever the path, this is no error."""

import os
import stat
from pathlib import Path

from vault_exporter.util.fs import open_regular

__all__ = ["is_directory", "unreadable"]


def is_directory(path: Path) -> bool:
    """Whether there is a directory; no, too, where this user may not look."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 - pathlib's own raises for some errors and not others
    except OSError:
        return False


def unreadable(path: Path) -> str:
    """Say why a file cannot be read; empty if it can be, and also if it is not there yet."""
    try:
        open_regular(path).close()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
