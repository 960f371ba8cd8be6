"""Which files a configured path or pattern stands for."""

import contextlib
import fnmatch
import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

from vault_exporter.audit.tail.rotation import COMPRESSED, rotated_from

__all__ = ["is_pattern", "matching", "may_stand_for", "vanished"]

_SIGNS: Final = "*?["


def is_pattern(path: Path) -> bool:
    """Whether a path is a pattern for many."""
    return any(sign in str(path) for sign in _SIGNS)


def matching(path: Path, logs: Collection[Path]) -> list[Path]:
    """Return the logs that a path or a pattern stands for, by name.

    What one of them was rotated to is a part of that log, and none by itself. A directory is none, whatever its name.

    Args:
        path: a path is itself, whether there is a file or not.
        logs: those that are known already, and need not be there just now.

    Raises:
        OSError: a directory cannot be listed.
    """
    if not is_pattern(path):
        return [path]
    found = _glob(path)
    if not found:
        _require_listable(path)
    return sorted(one for one in found if not _is_rotated(one, logs) and not _is_directory(one))


def may_stand_for(path: Path, one: Path) -> bool:
    """Whether a path or a pattern may stand for this one, by its name alone."""
    # Here * stands for slashes as well, so this says yes too often rather than too rarely.
    return one == path or (is_pattern(path) and fnmatch.fnmatchcase(str(one), str(path).replace("**/", "*")))


def vanished(path: Path, logs: Collection[Path]) -> list[Path]:
    """Return the logs of a pattern, by name, that came and went unseen: only what they were rotated to is there.

    Raises:
        OSError: a directory cannot be listed.
    """
    if not is_pattern(path) or path.name == "**":
        return []
    rotated = _glob(path.with_name(f"{path.name}[.-][0-9]*")) - _glob(path)
    found = {log for one in rotated if (log := rotated_from(one)) and log not in logs}
    return sorted(log for log in found if not log.exists())


def _glob(path: Path) -> set[Path]:
    root = Path(path.anchor or ".")
    pattern = str(path.relative_to(root) if path.anchor else path)
    return {one for one in root.glob(pattern) if one.suffix not in COMPRESSED}


def _require_listable(pattern: Path) -> None:
    """See whether what comes before the first sign can be listed: globbing takes what cannot for what is empty."""
    directory = next(one for one in pattern.parents if not is_pattern(one))
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory):
        pass


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False  # its follower says what is wrong


def _is_rotated(path: Path, logs: Collection[Path]) -> bool:
    log = rotated_from(path)
    return log is not None and (log in logs or log.exists())
