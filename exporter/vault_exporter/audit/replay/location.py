"""Find and open logs that have a path or a URL, such as ``s3://bucket/vault/*.gz``.

URLs are read with fsspec, which is imported only for them. Credentials come from the environment of the process that
reads, as each store's own tools take them. No password of a URL, and no value of its query, is in a name or an error.
"""

import glob
import io
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import msgspec

__all__ = ["CLUSTER_EXTRA", "Location", "LocationError", "is_url", "located", "masked", "open_url"]

CLUSTER_EXTRA: Final = "pip install 'vault-exporter[cluster]'"

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?:://|::)")
_URL_IN_TEXT: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
_PORT_ONLY: Final = re.compile(r"[^:]*(?::\d*)?|\[[^]]*\](?::\d*)?")
_VALUE: Final = re.compile(r"(?<==)[^&#]*")
_LONGEST_REASON: Final = 200
_NOT_FOUND: Final = 404


class LocationError(Exception):
    """A URL cannot be used, or no file matches a pattern."""


class Location(msgspec.Struct, frozen=True):
    """Where a log is.

    Its representation has no secrets, since the workers of a cluster log the arguments of what fails.
    """

    name: str
    """How results and errors name it: the path, or the URL without secrets."""
    address: str = ""
    """What is opened, if it is not the name: a URL, or a path of the file system that a cluster shares."""
    size: int = 0
    """Size in bytes of what a URL names; 0 if unknown."""

    @property
    def is_url(self) -> bool:
        """Whether fsspec reads it."""
        return is_url(self.address)

    def __repr__(self) -> str:
        return f"Location({self.name!r})"


def is_url(name: str) -> bool:
    """Whether a name is a URL, which fsspec reads."""
    return _URL.match(name) is not None


def masked(url: str) -> str:
    """Return a URL without the password of its authority and the values of its query, such as signatures."""
    scheme, separator, rest = url.rpartition("://") if url.count("://") > 1 else url.partition("://")
    if not separator:
        return url
    rest, question, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    if "@" not in authority and "@" in path and not _PORT_ONLY.fullmatch(authority):
        # A password may hold a slash that is not quoted.
        authority, slash, path = f"{authority}/{path[: path.rindex('@')]}@", "", path[path.rindex("@") + 1 :]
    user, at, host = authority.rpartition("@")
    if at:
        name, colon, _ = user.partition(":")
        authority = f"{name}:***@{host}" if colon else f"***@{host}"
    if "=" in query and not query.startswith("versionId="):
        query = _VALUE.sub("***", query)
    return f"{scheme}{separator}{authority}{slash}{path}{question}{query}"


def located(names: Iterable[str]) -> list[Location]:
    """Return where logs are, in the given order; the files of a pattern are in the order of their names.

    Patterns are those of URLs (``*``, ``[abc]``, and ``?`` but not in ``http://``), and those of paths, unless a file
    has the name. Only patterns are looked up; a log that is not there is found out when it is read.

    Raises:
        LocationError: a URL cannot be used, or no file matches a pattern.
    """
    urls: dict[str, dict[str, int]] = {}
    found = []
    for name in names:
        for one in _of_url(name) if is_url(name) else _of_path(name):
            # URLs that differ only in what is masked get a number.
            alike = urls.setdefault(one.name, {})
            number = alike.setdefault(one.address, len(alike) + 1)
            found.append(msgspec.structs.replace(one, name=f"{one.name} ({number})") if number > 1 else one)
    return found


def open_url(url: str) -> tuple[io.BufferedReader, int]:
    """Open a URL for reading from its beginning, and return its size in bytes, too; 0 if it is unknown.

    Raises:
        OSError: with the reason as its ``strerror``, also while it is read.
    """
    try:
        filesystem, path = _filesystem(url)
        file = filesystem.open(path, "rb")
    except Exception as error:
        raise OSError(0, _reason(error)) from error
    return io.BufferedReader(_Remote(file), 1 << 20), getattr(file, "size", None) or 0


class _Remote(io.RawIOBase):
    """A file of fsspec, of which only ``read`` is used: streams of some servers have nothing else."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401 - fsspec has no common type
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - as that of io.RawIOBase
        try:
            data = self._file.read(len(buffer))
        except Exception as error:
            raise OSError(0, _reason(error)) from error
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _of_path(name: str) -> Iterator[Location]:
    if not glob.has_magic(name) or Path(name).exists():
        yield Location(name)
        return
    names = sorted(glob.glob(name))  # noqa: PTH207 - the names as they are given, relative or not
    if not names:
        raise LocationError(f"{name}: no file matches")
    yield from map(Location, names)


def _of_url(url: str) -> Iterator[Location]:
    shown = masked(url)
    try:
        filesystem, path = _filesystem(url)
        magic = re.search(r"[*[]" if "://" in path else r"[*?[]", path)
        if magic is None:
            yield Location(shown, url)
            return
        entries = filesystem.glob(path, detail=True)
    except ValueError as error:
        raise LocationError(f"{shown}: {_without_urls(str(error))}") from error
    except Exception as error:
        raise LocationError(f"{shown}: cannot be listed: {_reason(error)}") from error
    # fsspec leaves out the protocol and mostly the host, so they are taken from the pattern.
    fixed = path[: path.rfind("/", 0, magic.start()) + 1]
    start = url[: url.rindex(path)] + fixed if path in url else filesystem.unstrip_protocol(fixed)
    files = [(name, entry) for name, entry in sorted(entries.items()) if entry.get("type") != "directory"]
    if not files:
        raise LocationError(f"{shown}: no file matches")
    for name, entry in files:
        one = start + name.removeprefix(fixed)
        yield Location(masked(one), one, entry.get("size") or 0)


def _filesystem(url: str) -> tuple[Any, str]:
    try:
        core: Any = import_module("fsspec.core")
    except ImportError:
        raise ImportError(f"URLs need more packages: {CLUSTER_EXTRA}") from None
    filesystem, path = core.url_to_fs(url)
    return filesystem, path


def _reason(error: Exception) -> str:
    """Return why a file cannot be read, in one line without secrets."""
    if isinstance(error, ImportError):
        text = str(error)
        return f"{text}: {CLUSTER_EXTRA}" if "s3fs" in text else text
    status = _status(error)
    if isinstance(error, FileNotFoundError) and status in {None, _NOT_FOUND}:
        return "there is no such file"
    if isinstance(error, PermissionError) or "Credentials" in type(error).__name__:
        return "access denied: give the credentials in the environment of the process that reads"
    if status is not None:
        return f"HTTP status {status}"
    text = (error.strerror or "") if isinstance(error, OSError) else ""
    return _without_urls(text) or type(error).__name__


def _status(error: BaseException | None) -> int | None:
    """Return the HTTP status of an error, or of what it was made of."""
    while error is not None:
        status = getattr(error, "status", None)
        if isinstance(status, int):
            return status
        error = error.__cause__
    return None


def _without_urls(text: str) -> str:
    return _URL_IN_TEXT.sub(lambda found: masked(found[0]), " ".join(text.split()))[:_LONGEST_REASON]
