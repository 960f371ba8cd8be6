"""Addresses of nodes: what is accepted, the one form that each is kept in, and the name that a target gets from it."""

import ipaddress
import re
import socket
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

__all__ = ["UNIX", "base_url", "default_name", "proxy_url", "socket_path"]

UNIX: Final = "unix://"
_EXAMPLE: Final = "https://vault.example.com:8200"
_NUMERIC: Final = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)(?:\.(?:0[xX][0-9a-fA-F]*|[0-9]+))*\.?")
"""A host that C libraries read as an IPv4 address in one of its short forms; no host name ends in a number."""
_LONGEST_HOST: Final = 253
_LONGEST_LABEL: Final = 63
_LONGEST_SOCKET_PATH: Final = 107
"""Bytes that Linux keeps of a socket's path."""


def base_url(address: str) -> str:
    """Return the base URL of a node's API in the form in which it is kept: the host canonical, no slash at the end.

    Raises:
        ValueError: what is wrong with it, without repeating it, since there may be a password in it.
    """
    if not address.isascii() or " " in address:
        raise ValueError(f"not a URL; write it like {_EXAMPLE}")
    if address.startswith(UNIX):
        return _socket_url(address)
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError(f"not a URL: bad host or port; write it like {_EXAMPLE}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ValueError(f"not an http:// or https:// URL; write it like {_EXAMPLE}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("has a user name or password in it; remove them, and use auth")
    if parts.query or parts.fragment or "?" in address or "#" in address:
        raise ValueError(f"has a query or fragment in it; give only the address, like {_EXAMPLE}")
    if parts.path.rstrip("/").endswith("/v1"):
        raise ValueError("ends in /v1; leave that out")
    host = _ipv6(unquote(parts.hostname)) if "[" in parts.netloc else _canonical(parts.hostname)
    return (address if host == parts.hostname else _with_host(parts, host)).rstrip("/")


def default_name(address: str) -> str:
    """Return the name of a target that has none: host and port, or the name of the socket's file.

    Args:
        address: as :func:`base_url` returns it.
    """
    if address.startswith(UNIX):
        return PurePosixPath(socket_path(address)).name
    parts = urlsplit(address)
    host, zone, _ = (parts.hostname or "").partition("%")
    return urlsplit(_with_host(parts, host)).netloc if zone else parts.netloc


def proxy_url(address: str) -> str:
    """Return the URL of an HTTP proxy, which may have a user name and password in it; ``host:port`` is one, too.

    Raises:
        ValueError: what is wrong with it, without repeating it.
    """
    example = "http://proxy.example.com:3128"
    address = address if "://" in address else f"http://{address}"
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError(f"not a URL: bad host or port; write it like {example}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or not address.isascii():
        raise ValueError(f"not an http:// or https:// URL; other proxies are not supported; write it like {example}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"has more in it than host and port; write it like {example}")
    return address.rstrip("/")


def socket_path(address: str) -> str:
    """Return the path of an address with ``unix://``."""
    return address.removeprefix(UNIX)


def _socket_url(address: str) -> str:
    path = socket_path(address)
    if not path.startswith("/") or path.endswith("/"):
        raise ValueError("not the path of a socket; write it like unix:///run/vault.sock")
    if len(path) > _LONGEST_SOCKET_PATH:
        raise ValueError(f"the path of a socket has at most {_LONGEST_SOCKET_PATH} characters")
    return address


def _canonical(host: str) -> str:
    """Return the host as a client must send it; raises ValueError where there can be no such host."""
    if _NUMERIC.fullmatch(host):
        try:
            return socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))
        except OSError:
            raise ValueError("the host is a number, but no IPv4 address; write it like 127.0.0.1") from None
    labels = host.removesuffix(".").split(".")
    if len(host) > _LONGEST_HOST or any(not 0 < len(label) <= _LONGEST_LABEL for label in labels):
        raise ValueError(
            f"the host is no host name: it has at most {_LONGEST_HOST} characters, from 1 to {_LONGEST_LABEL} between "
            "two dots"
        )
    return host


def _ipv6(host: str) -> str:
    """Return an IPv6 address; its zone means something only on a link, and C libraries refuse it elsewhere."""
    try:
        found = ipaddress.IPv6Address(host)
    except ValueError:
        raise ValueError("the host in brackets is no IPv6 address; write it like [2001:db8::1]") from None
    zone = f"%{found.scope_id}" if found.scope_id and (found.is_link_local or found.is_multicast) else ""
    return str(ipaddress.IPv6Address(int(found))) + zone


def _with_host(parts: SplitResult, host: str) -> str:
    port = "" if parts.port is None else f":{parts.port}"
    return parts._replace(netloc=f"[{host}]{port}" if ":" in host else f"{host}{port}").geturl()
