"""Find and open logs that have a path or a URL, such as ``s3://bucket/vault/*.gz``.

URLs are read with fsspec, which is imported only for them. Credentials come from the environment of the process that
reads, as each store's own tools take them. No password of a URL, and no value of its query, is in a name or an error.
"""

import contextlib
import glob
import io
import os
import re
import socket
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import msgspec

from vault_exporter.audit.lines.compression import compression_of

__all__ = [
    "CLUSTER_EXTRA",
    "Location",
    "LocationError",
    "Part",
    "Reader",
    "is_url",
    "located",
    "masked",
    "open_location",
    "split",
]

CLUSTER_EXTRA: Final = "pip install 'vault-exporter[cluster]'"

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?:://|::)")
_OVER_HTTP: Final = re.compile(r"https?://")
_ALMOST_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/(?!/)")
_URL_IN_TEXT: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
_PORT_ONLY: Final = re.compile(r"[^:]*(?::\d*)?|\[[^]]*\](?::\d*)?")
_CHAINED: Final = re.compile(r"::(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_AFTER_AUTHORITY: Final = re.compile(r"[/?#]")
_VALUE: Final = re.compile(r"(?<![^&;])(?!versionId=)([^&;=]+=)[^&;]*")
_NO_VALUE: Final = re.compile(r"(?<![^&;])[^&;=]+(?![^&;])")
_BLOCK_BYTES: Final = 1 << 20
_REQUEST_BYTES: Final = 8 << 20
"""Bytes to ask a store for at a time. Some would send 50 MB where a part of a file is smaller."""
_LONGEST_REASON: Final = 200
_NOT_FOUND: Final = 404
_MOST_PARTS: Final = 1_000_000


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

    @property
    def is_url(self) -> bool:
        """Whether fsspec reads it."""
        return is_url(self.address)

    def __repr__(self) -> str:
        return f"Location({self.name!r}, part={self.part!r})"


def is_url(name: str) -> bool:
    """Whether a name is a URL, which fsspec reads."""
    return _URL.match(name) is not None


def masked(url: str) -> str:
    """Return a URL without the password of its authority and the values of its query, such as signatures.

    Each URL of a chain, as ``zip://a.log::https://...``, is treated so.
    """
    return "::".join(map(_masked, _CHAINED.split(url)))


def _masked(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    authority = _AFTER_AUTHORITY.split(rest, maxsplit=1)[0]
    if "@" not in authority and "@" in rest and not _PORT_ONLY.fullmatch(authority):
        # A password may hold a slash or a question mark that is not quoted.
        user, _, behind = rest.rpartition("@")
        authority = f"{user}@{_AFTER_AUTHORITY.split(behind, maxsplit=1)[0]}"
    path, question, query = rest[len(authority) :].partition("?")
    user, at, host = authority.rpartition("@")
    if at:
        name, colon, _ = user.partition(":")
        authority = f"{name}:***@{host}" if colon else f"***@{host}"
    if scheme.lower().endswith(("http", "https")):
        path, mark, _ = path.partition("#")
        path = f"{path}{mark}***" if mark else path
        # What has no name may be a secret as a whole, and elsewhere a question mark is a pattern.
        query = _NO_VALUE.sub("***", query)
    query = _VALUE.sub(r"\1***", query)
    return f"{scheme}{separator}{authority}{path}{question}{query}"


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
        for one in _of_url(_lowered(name)) if is_url(name) else _of_path(name):
            # URLs that differ only in what is masked get a number.
            alike = urls.setdefault(one.name, {})
            number = alike.setdefault(one.address, len(alike) + 1)
            found.append(msgspec.structs.replace(one, name=f"{one.name} ({number})") if number > 1 else one)
    return found


def split(locations: Iterable[Location], most: int) -> Iterator[Location]:
    """Yield parts of uncompressed files that are larger than so many bytes, and the other files as they are.

    Each part has the lines that begin in it, so that several processes or machines can read one file.

    Raises:
        LocationError: there are too many parts. A server can claim any size.
    """
    parts = 0
    for one in locations:
        size = 0
        # What cannot be read is reported when it is read.
        with contextlib.suppress(OSError), open_location(one) as raw:
            if raw.seekable() and compression_of(raw) is None:
                size = raw.size
        if size <= most:
            yield one
            continue
        parts += size // most
        if parts > _MOST_PARTS:
            raise LocationError(f"{one.name}: more than {_MOST_PARTS:,} parts; give a larger size")
        for begin in range(0, size, most):
            end = min(begin + most, size)
            yield msgspec.structs.replace(one, size=end - begin, part=Part(begin, end))


class Reader(io.BufferedReader):
    """A file that is open for reading.

    Attributes:
        size: its size in bytes, or that of the part; 0 if unknown.
    """

    def __init__(self, raw: io.RawIOBase, size: int) -> None:
        super().__init__(raw, _BLOCK_BYTES)
        self.size = size


def open_location(location: Location) -> Reader:
    """Open a file for reading from its beginning, or from that of the part.

    Raises:
        OSError: with the reason as its ``strerror``, also while it is read.
    """
    address = location.address or location.name
    raw: io.FileIO | _Remote
    if is_url(address):
        try:
            filesystem, path = _filesystem(address)
            raw = _Remote(filesystem.open(path, "rb", block_size=_REQUEST_BYTES))
        except Exception as error:
            raise OSError(0, _reason(error)) from error
        size = raw.size
    else:
        raw = io.FileIO(address)
        size = os.fstat(raw.fileno()).st_size
    if location.part is None:
        return Reader(raw, size)
    return Reader(_PartOf(raw, location.part), location.part.end - location.part.begin)


class _Remote(io.RawIOBase):
    """A file of fsspec. Streams of some servers can only be read, and not searched."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401 - fsspec has no common type
        self._file = file
        self._position = 0
        self.size: int = getattr(file, "size", None) or 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self.size) and bool(self._file.seekable())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("seek from elsewhere than the beginning")
        try:
            self._file.seek(offset)
        except Exception as error:
            raise OSError(0, _reason(error)) from error
        self._position = offset
        return offset

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


class _PartOf(io.RawIOBase):
    """The lines of a file that begin in a range of bytes: the last one may end after the range."""

    def __init__(self, raw: io.RawIOBase, part: Part) -> None:
        self._file = io.BufferedReader(raw, _BLOCK_BYTES)
        self._end = part.end
        self._begin = self._place = part.begin
        self._at_start = True
        if part.begin:
            self._file.seek(part.begin - 1)
            while (text := self._file.readline(_BLOCK_BYTES)) and not text.endswith(b"\n"):
                pass
            self._begin = self._place = self._file.tell()

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place - self._begin

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - as that of io.RawIOBase
        if self._place < self._end:
            data = self._file.read(min(len(buffer), self._end - self._place))
        elif self._at_start:
            return 0
        else:
            data = self._file.readline(len(buffer))
        buffer[: len(data)] = data
        self._place += len(data)
        self._at_start = data.endswith(b"\n")
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _lowered(url: str) -> str:
    """Return a URL with its scheme in lower case, in which fsspec knows it."""
    scheme, separator, rest = url.partition(":")
    return f"{scheme.lower()}{separator}{rest}"


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
    if _OVER_HTTP.search(url):
        import_module("vault_exporter.audit.replay.http_answers").bound()
    filesystem, path = core.url_to_fs(url)
    return filesystem, path


def _reason(error: Exception) -> str:
    """Return why a file cannot be read, in one line without secrets."""
    if isinstance(error, ImportError):
        text = str(error)
        return f"{text}: {CLUSTER_EXTRA}" if "s3fs" in text else text
    status = _status(error)
    if status is None and (why := _unconnected(error)):
        return why
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


def _unconnected(error: BaseException) -> str:
    """Return why there is no connection to a server; empty if there is one. fsspec only says that no file is there."""
    for one in _causes(error):
        if isinstance(one, socket.gaierror) or type(one).__name__ == "ClientConnectorDNSError":
            return "the host name does not resolve"
        if isinstance(one, ConnectionError) and one.errno:
            return f"no connection: {os.strerror(one.errno)}"
        if one is not error and isinstance(one, ValueError):
            return "not a URL: bad host or port"
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _without_urls(text: str) -> str:
    return _URL_IN_TEXT.sub(lambda found: masked(found[0]), " ".join(text.split()))[:_LONGEST_REASON]
