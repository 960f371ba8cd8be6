"""Logs that are given more than once: the same file under several names, and what may be a copy of another."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from vault_exporter.audit.replay.finished_log import STANDARD_INPUT
from vault_exporter.audit.replay.location import Location
from vault_exporter.audit.replay.one_log import FileRead

__all__ = ["alike", "without_repeats"]

_LOCAL: Final = ("file://", "local://")
_PORTS: Final = {"http": 80, "https": 443}


def without_repeats(logs: Iterable[Location]) -> tuple[list[Location], list[str]]:
    """Return the logs without those that were given before, perhaps under another name, and a note for each of these.

    Two paths are the same if their device and inode are, and two URLs if they differ in the writing of the host only.
    """
    first: dict[object, Location] = {}
    notes = []
    for one in logs:
        before = first.setdefault(_identity(one), one)
        if before is not one:
            also = f" as {before.name}" if before.name != one.name else ""
            notes.append(f"{one.name} is given twice{also}; it is counted once")
    return list(first.values()), notes


def alike(files: Sequence[FileRead]) -> tuple[tuple[str, ...], ...]:
    """Return the names of files whose text has the same size, beginning and end; of files in parts, if a part has."""
    names: dict[bytes, dict[str, None]] = {}
    for file in files:
        if file.fingerprint:
            names.setdefault(file.fingerprint, {})[file.name] = None
    return tuple(dict.fromkeys(tuple(found) for found in names.values() if len(found) > 1))


def _identity(one: Location) -> object:
    address = one.address or one.name
    if one.is_url and not address.startswith(_LOCAL):
        return _written_alike(address)
    if address == STANDARD_INPUT:
        return address
    path = Path(address.partition("://")[2] if one.is_url else address)
    try:
        status = path.stat()
    except OSError:  # it is missing, or on the machines of a cluster only
        return str(path.absolute())
    return status.st_dev, status.st_ino


def _written_alike(url: str) -> str:
    """Return a URL with the host of HTTP in lower case and without its usual port."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        return url
    user, at, host = parts.netloc.rpartition("@")
    host = host.lower().removesuffix(f":{_PORTS[parts.scheme]}")
    return parts._replace(netloc=f"{user}{at}{host}", path=parts.path or "/").geturl()
