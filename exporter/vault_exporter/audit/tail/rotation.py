"""The names that log rotation gives to files."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vault_exporter.audit.tail.directories import Directories

__all__ = ["COMPRESSED", "ROTATED", "compressed_paths", "rotated_from", "rotated_paths"]

COMPRESSED: Final = frozenset({".gz", ".zst", ".xz", ".bz2", ".lz4", ".zip"})
"""What compression adds to a name."""

_ADDED: Final = r"[.-][0-9][0-9TZ:._-]*"
"""What log rotation adds to a name: a number, a date, a time."""
ROTATED: Final = re.compile(rf"(.+?){_ADDED}")
"""A name that log rotation gives to a file, with the name that it had before."""


def rotated_paths(path: Path, directories: Directories) -> list[Path]:
    """Return the files named as log rotation does: ``audit.log.1``, ``audit.log-20261124``; no compressed ones."""
    return _named(path, _ADDED, directories)


def compressed_paths(path: Path, directories: Directories) -> list[Path]:
    """Return the files that a log, or what it was rotated to, was compressed to: ``audit.log.1.gz``."""
    found = _named(path, rf"({_ADDED})?\.[a-z0-9]+", directories)
    return [one for one in found if one.suffix in COMPRESSED]


def rotated_from(name: str) -> str | None:
    """Return the name of the log that a file of this name was rotated from; None if the name is not of that kind."""
    match = ROTATED.fullmatch(name)
    return None if match is None else match[1]


def _named(path: Path, added: str, directories: Directories) -> list[Path]:
    return [found for place in _places(path) for found in _named_in(place, added, directories)]


def _places(path: Path) -> Iterator[Path]:
    """Yield where the files of a log may be: beside a link, and where it leads, as in ``/var/log/containers``."""
    yield path
    if path.is_symlink():
        yield Path(os.path.realpath(path))


def _named_in(path: Path, added: str, directories: Directories) -> Iterator[Path]:
    named = re.compile(re.escape(path.name) + added)
    try:
        listing = directories.list(str(path.parent))
    except OSError:
        return
    for name in listing.beginning_with(path.name):
        if name not in listing.irregular and named.fullmatch(name):
            yield path.parent / name
