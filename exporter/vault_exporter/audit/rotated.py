"""The names that log rotation gives to files."""

import os
import re
from pathlib import Path
from typing import Final

__all__ = ["rotated_from", "rotated_paths"]

_ADDED: Final = r"[.-][0-9][0-9TZ:._-]*"
"""What log rotation adds to a name: a number, a date, a time."""


def rotated_paths(path: Path) -> list[Path]:
    """The files named as log rotation does: ``audit.log.1``, ``audit.log-20261124``; no compressed ones, no notes."""
    named = re.compile(re.escape(path.name) + _ADDED)
    try:
        with os.scandir(path.parent) as entries:
            return [path.parent / entry.name for entry in entries if named.fullmatch(entry.name) and entry.is_file()]
    except OSError:
        return []


def rotated_from(path: Path) -> Path | None:
    """Return the log whose name this is with what rotation adds to it; whether it is there is another question."""
    match = re.fullmatch(rf"(.+?){_ADDED}", path.name)
    return None if match is None else path.with_name(match[1])
