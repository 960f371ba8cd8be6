"""Find the files that match a configured path or pattern."""

import contextlib
import fnmatch
import os
import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from vault_exporter.audit.tail.directories import Directories, Listing
from vault_exporter.audit.tail.rotation import COMPRESSED, ROTATED, rotated_from

__all__ = ["is_pattern", "matching", "may_stand_for", "vanished"]

_SIGNS: Final = "*?["
_RECURSIVE: Final = "**"
_COMPRESSED: Final = re.compile(rf".+({'|'.join(map(re.escape, sorted(COMPRESSED)))})")


def is_pattern(path: Path) -> bool:
    """Return whether a path is a shell pattern."""
    return _has_sign(str(path))


def matching(path: Path, logs: Collection[str] = (), directories: Directories | None = None) -> list[str]:
    """Return the logs that match a path or a pattern.

    A rotated file is a part of its log, and no log by itself. A directory is none, whatever its name.

    Args:
        path: a path stands for itself, whether there is a file or not.
        logs: logs that are known already, and need not be there just now.
        directories: listings that are known.

    Raises:
        OSError: a directory cannot be listed.
    """
    if not is_pattern(path):
        return [str(path)]
    found: list[str] = []
    for directory, names, listing in _glob(path, directories or Directories()):
        rotated = listing.matching(ROTATED) if listing else names
        for name in names:
            log = rotated_from(name) if name in rotated else None
            if log is None or not (_is_there(directory, log, listing) or _join(directory, log) in logs):
                found.append(_join(directory, name))
    if not found:
        _require_listable(path)
    return found


def may_stand_for(path: Path, one: Path) -> bool:
    """Return whether a path or a pattern may match this path, by the name alone."""
    # Here * stands for slashes as well, so this says yes too often rather than too rarely.
    return one == path or (is_pattern(path) and fnmatch.fnmatchcase(str(one), str(path).replace("**/", "*")))


def vanished(path: Path, logs: Collection[str], directories: Directories) -> list[str]:
    """Return the logs of a pattern that came and went unseen: only files that were rotated from them are there.

    Raises:
        OSError: a directory cannot be listed.
    """
    if not is_pattern(path) or path.name == _RECURSIVE:
        return []
    found = set()
    for directory, names, _ in _glob(path.with_name(f"{path.name}[.-][0-9]*"), directories):
        own = _compiled(path.name)
        found |= {
            _join(directory, log)
            for name in names
            if not own.fullmatch(name) and (log := rotated_from(name)) is not None
        }
    return sorted(log for log in found if log not in logs and not os.path.exists(log))  # noqa: PTH110


def _has_sign(text: str) -> bool:
    return any(sign in text for sign in _SIGNS)


def _join(directory: str, name: str) -> str:
    return name if not directory else f"{directory}{name}" if directory.endswith("/") else f"{directory}/{name}"


def _glob(pattern: Path, directories: Directories) -> Iterator[tuple[str, Collection[str], Listing | None]]:
    """Yield each directory, the names in it that match, and its listing; what cannot be listed is taken for empty."""
    *parts, last = pattern.relative_to(pattern.anchor).parts if pattern.anchor else pattern.parts
    places = [pattern.anchor]
    for part in parts:
        places = list(dict.fromkeys(one for place in places for one in _directories(place, part, directories)))
    for place in places:
        if _has_sign(last):
            with contextlib.suppress(OSError):
                listing = directories.list(place)
                yield place, _logs(listing, last), listing
        elif os.path.exists(path := _join(place, last)) and not os.path.isdir(path):  # noqa: PTH110, PTH112
            yield place, (last,), None


def _logs(listing: Listing, part: str) -> Collection[str]:
    names = listing.matching(_compiled(part))
    left_out = (names.keys() & listing.directories) | (names.keys() & listing.matching(_COMPRESSED).keys())
    return [name for name in names if name not in left_out] if left_out else names


def _is_there(directory: str, name: str, listing: Listing | None) -> bool:
    return os.path.exists(_join(directory, name)) if listing is None else name in listing  # noqa: PTH110


def _directories(place: str, part: str, directories: Directories) -> Iterator[str]:
    """Yield the directories in a directory that match a part of a pattern."""
    if not _has_sign(part):
        yield _join(place, part)
        return
    if part == _RECURSIVE:
        yield place
    with contextlib.suppress(OSError):
        listing = directories.list(place)
        for name in sorted(listing.directories):
            if part != _RECURSIVE:
                if _compiled(part).fullmatch(name):
                    yield _join(place, name)
            elif name not in listing.links:
                yield from _directories(_join(place, name), part, directories)


@cache
def _compiled(part: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(part))


def _require_listable(pattern: Path) -> None:
    """Check that the directory before the first wildcard can be listed, since globbing treats it as empty if not."""
    directory = next(one for one in pattern.parents if not is_pattern(one))
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory):
        pass
