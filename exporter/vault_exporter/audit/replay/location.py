"""Where logs are: files and URLs such as ``s3://bucket/vault/*.gz``, by name or pattern.

No password of a URL, and no value of its query, is in a name or an error.
"""

import glob
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from vault_exporter.audit.replay.store import filesystem, reason
from vault_exporter.audit.replay.urls import is_url, lowered, masked, without_secrets

__all__ = ["TIMEOUT_SECONDS", "Location", "LocationError", "Part", "located"]

TIMEOUT_SECONDS: Final = 60
"""How long to wait for more of an answer of a server."""

_ALMOST_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/(?!/)")


class LocationError(Exception):
    """A URL cannot be used, or no file matches a pattern."""


class Part(msgspec.Struct, frozen=True):
    """The lines of an uncompressed file that begin in a range of bytes."""

    begin: int
    end: int


class Location(msgspec.Struct, frozen=True):
    """Where a log is.

    Its representation has no secrets, since the workers of a cluster log the arguments of what fails.
    """

    name: str
    """How results and errors name it: the path, or the URL without secrets."""
    address: str = ""
    """What is opened, if it is not the name: a URL, or a path of the file system that a cluster shares."""
    size: int = 0
    """Size in bytes of what a URL names, or of the part; 0 if unknown."""
    part: Part | None = None
    """The part of the file that is meant; None for the whole."""
    timeout: int = TIMEOUT_SECONDS
    """Seconds to wait for more of an answer of a server."""

    @property
    def is_url(self) -> bool:
        """Whether fsspec reads it."""
        return is_url(self.address)

    def __repr__(self) -> str:
        return f"Location({self.name!r}, part={self.part!r})"


def located(names: Iterable[str], timeout: int = TIMEOUT_SECONDS) -> list[Location]:
    """Return where logs are, in the given order; the files of a pattern are in the order of their names.

    Patterns are those of URLs (``*``, ``[abc]``, and ``?`` but not in ``http://``), and those of paths, unless a file
    has the name. Only patterns are looked up; a log that is not there is found out when it is read.

    Args:
        names: paths, URLs and patterns of both.
        timeout: seconds to wait for more of an answer of a server, here and when the logs are read.

    Raises:
        LocationError: a URL cannot be used, or no file matches a pattern.
    """
    urls: dict[str, dict[str, int]] = {}
    found = []
    for name in names:
        for one in _of_url(lowered(name), timeout) if is_url(name) else _of_path(name):
            # URLs that differ only in what is masked get a number.
            alike = urls.setdefault(one.name, {})
            number = alike.setdefault(one.address, len(alike) + 1)
            found.append(msgspec.structs.replace(one, name=f"{one.name} ({number})") if number > 1 else one)
    return found


def _of_path(name: str) -> Iterator[Location]:
    if (almost := _ALMOST_URL.match(name)) and not Path(name).exists():
        # There may be a password in it.
        raise LocationError(f"{almost[1]}:...: not a URL; write it as {almost[1]}://HOST/PATH")
    if not glob.has_magic(name) or Path(name).exists():
        yield Location(name)
        return
    names = sorted(glob.glob(name))  # noqa: PTH207 - the names as they are given, relative or not
    if not names:
        raise LocationError(f"{name}: no file matches")
    yield from map(Location, names)


def _of_url(url: str, timeout: int) -> Iterator[Location]:
    shown = masked(url)
    try:
        store, path = filesystem(url, timeout)
        magic = re.search(r"[*[]" if "://" in path else r"[*?[]", path)
        if magic is None:
            yield Location(shown, url, timeout=timeout)
            return
        entries = store.glob(path, detail=True)
    except ValueError as error:
        raise LocationError(f"{shown}: {without_secrets(str(error))}") from error
    except Exception as error:
        raise LocationError(f"{shown}: cannot be listed: {reason(error)}") from error
    # fsspec leaves out the protocol and mostly the host, so they are taken from the pattern.
    fixed = path[: path.rfind("/", 0, magic.start()) + 1]
    start = url[: url.rindex(path)] + fixed if path in url else store.unstrip_protocol(fixed)
    files = [(name, entry) for name, entry in sorted(entries.items()) if entry.get("type") != "directory"]
    if not files:
        raise LocationError(f"{shown}: no file matches")
    for name, entry in files:
        one = start + name.removeprefix(fixed)
        yield Location(masked(one), one, entry.get("size") or 0, timeout=timeout)
