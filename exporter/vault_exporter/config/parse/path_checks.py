"""Checks of paths in a configuration. They return a result for every path and never raise."""

import os
import stat
from pathlib import Path

from vault_exporter.util.fs import open_regular, why_unreadable

__all__ = ["is_directory", "unreadable"]


def is_directory(path: Path) -> bool:
    """Tell whether the path is a directory; False if this user may not look."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 - pathlib's own raises for some errors and not others
    except OSError:
        return False


def unreadable(path: Path) -> str:
    """Return why a file cannot be read; empty if it can, or if it does not exist yet."""
    try:
        open_regular(path).close()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return why_unreadable(path, error)
    return ""
