"""Open the sockets of inputs, and check the addresses of clients."""

import contextlib
import enum
import errno
import ipaddress
import os
import resource
import socket
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from vault_exporter.config.schema.inputs import Address, Listening, Scheme
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample

__all__ = ["UNFINISHED_SECONDS", "Refusal", "allows", "most_files", "open_socket", "refusal_samples", "remove_socket"]

UNFINISHED_SECONDS: Final = 60.0
"""Seconds after which a connection with a partial line is closed."""

_DATAGRAM_BYTES: Final = 4 << 20
"""Requested receive buffer for datagrams in bytes; ``net.core.rmem_max`` is the kernel's limit."""
_STREAM_BYTES: Final = 128 << 10
"""Receive buffer of a connection in bytes; the kernel doubles it. By default it grows to megabytes, which a flood
leaves behind."""

_NO_IPV6: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})


class Refusal(enum.StrEnum):
    """Why a connection, datagram or request was refused: the value of the label ``reason``."""

    NOT_ALLOWED = "not_allowed"
    """The client's address is not in ``allow``."""
    TOO_MANY = "too_many"
    """``max_connections`` were open, so another connection was closed for this one."""
    UNFINISHED = "unfinished"
    """A line did not end within a minute."""
    UNAUTHORIZED = "unauthorized"
    """The token is missing or wrong."""


def open_socket(settings: Listening) -> socket.socket:
    """Open a listening socket, or one for datagrams.

    A stale Unix socket of a process that has ended is replaced; a socket in use is not.

    Raises:
        OSError: the address cannot be used.
    """
    address = settings.listen
    if address.path:
        return _open_unix(address, settings.mode)
    return _open_internet(address)


def most_files() -> int:
    """Return how many files an input may open: a quarter of the limit of the process, so that the rest is served."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(1, soft // 4)


def remove_socket(address: Address) -> None:
    """Remove the file of a Unix socket."""
    if address.path:
        with contextlib.suppress(OSError):
            Path(address.path).unlink()


def allows(settings: Listening, peer: object) -> bool:
    """Return whether a client with this socket address may use the input."""
    if not settings.allow:
        return True
    try:
        host = ipaddress.ip_address(peer[0].partition("%")[0]) if isinstance(peer, tuple) else None
    except ValueError:
        return False
    if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped:
        host = host.ipv4_mapped
    return host is not None and any(host in network for network in settings.allow)


def refusal_samples(label: str, refused: Mapping[Refusal, int]) -> Iterator[Sample]:
    """Yield the counters of refused connections, datagrams or requests by reason."""
    for reason, count in refused.items():
        yield c.AUDIT_REFUSED(count, label, reason.value)


def _open_unix(address: Address, mode: int) -> socket.socket:
    kind = socket.SOCK_DGRAM if address.scheme is Scheme.UNIXGRAM else socket.SOCK_STREAM
    made = socket.socket(socket.AF_UNIX, kind)
    try:
        _remove_left_over(address.path, kind)
        made.bind(address.path)
        Path(address.path).chmod(mode)
    except BaseException:
        made.close()
        raise
    made.setblocking(False)
    return made


def _remove_left_over(path: str, kind: socket.SocketKind) -> None:
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
    with socket.socket(socket.AF_UNIX, kind) as trial:
        try:
            trial.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()
        else:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _open_internet(address: Address) -> socket.socket:
    kind = socket.SOCK_DGRAM if address.scheme is Scheme.UDP else socket.SOCK_STREAM
    if address.host:
        found = socket.getaddrinfo(address.host, address.port, type=kind, flags=socket.AI_PASSIVE)
        family, _, _, _, where = found[0]
        return _bound(family, kind, where, both=False)
    try:
        return _bound(socket.AF_INET6, kind, ("::", address.port), both=True)
    except OSError as error:
        if error.errno not in _NO_IPV6:
            raise
    return _bound(socket.AF_INET, kind, ("", address.port), both=False)


def _bound(family: int, kind: socket.SocketKind, where: Any, *, both: bool) -> socket.socket:  # noqa: ANN401 - of a family
    made = socket.socket(family, kind)
    try:
        if kind is socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _STREAM_BYTES)  # inherited by accepted sockets
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _DATAGRAM_BYTES)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not both)
        made.bind(where)
    except BaseException:
        made.close()
        raise
    made.setblocking(False)
    return made
