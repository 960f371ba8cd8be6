"""The names that log rotation gives to files."""

import os
import re
from pathlib import Path
from typing import Final

__all__ = ["COMPRESSED", "compressed_paths", "rotated_from", "rotated_paths"]

COMPRESSED: Final = frozenset({".gz", ".zst", ".xz", ".bz2", ".lz4", ".zip"})
"""What compression adds to a name."""

_ADDED: Final = r"[.-][0-9][0-9TZ:._-]*"
"""What log rotation adds to a name: a number, a date, a time."""


def rotated_paths(path: Path) -> list[Path]:
    """The files named as log rotation does: ``audit.log.1``, ``audit.log-20261124``; no compressed ones, no notes."""
    return _named(path, _ADDED)


def compressed_paths(path: Path) -> list[Path]:
    """The files that a log, or what it was rotated to, was compressed to: ``audit.log.1.gz``."""
    return [one for one in _named(path, rf"({_ADDED})?\.[a-z0-9]+") if one.suffix in COMPRESSED]


def rotated_from(path: Path) -> Path | None:
    """Return the log whose name this is with what rotation adds to it; whether it is there is another question."""
    match = re.fullmatch(rf"(.+?){_ADDED}", path.name)
    return None if match is None else path.with_name(match[1])


def _named(path: Path, added: str) -> list[Path]:
    named = re.compile(re.escape(path.name) + added)
    try:
        with os.scandir(path.parent) as entries:
            return [path.parent / entry.name for entry in entries if named.fullmatch(entry.name) and entry.is_file()]
    except OSError:
        return []
