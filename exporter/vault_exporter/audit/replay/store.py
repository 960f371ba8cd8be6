"""Stores and servers that fsspec reads, and why they do not answer.

fsspec is imported only for URLs. Credentials come from the environment of the process that reads, as each store's own
tools take them.
"""

import os
import socket
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Final

from vault_exporter.audit.replay.urls import without_secrets

__all__ = ["CLUSTER_EXTRA", "filesystem", "reason"]

CLUSTER_EXTRA: Final = "pip install 'vault-exporter[cluster]'"

_NOT_FOUND: Final = 404
_TRIES: Final = 2
_TIMEOUTS: Final = frozenset({"ReadTimeoutError", "ConnectTimeoutError"})
"""Timeouts of botocore, which are not TimeoutError."""


def filesystem(url: str, timeout: int) -> tuple[Any, str]:
    """Return fsspec's file system for a URL, and the path within it.

    Args:
        url: with its scheme in lower case.
        timeout: seconds to wait for a connection, and for more of an answer, of HTTP and S3. Each is asked twice at
            most. fsspec's own configuration takes precedence.

    Raises:
        ImportError: a package is missing.
        ValueError: the URL is none, or its scheme is unknown.
    """
    try:
        core: Any = import_module("fsspec.core")
    except ImportError:
        raise ImportError(f"URLs need more packages: {CLUSTER_EXTRA}") from None
    configured: Any = import_module("fsspec.config").conf
    options = {
        scheme: {name: made(timeout) | configured.get(scheme, {}).get(name, {})}
        for scheme, (name, made) in _PATIENT.items()
        if f"{scheme}://" in url
    }
    found, path = core.url_to_fs(url, **options)
    if "s3" in options:
        found.retries = _TRIES
    return found, path


def _of_http(timeout: int) -> dict[str, Any]:
    aiohttp: Any = import_module("aiohttp")
    response_class = import_module("vault_exporter.audit.replay.http_response").BoundedResponse
    return {
        "timeout": aiohttp.ClientTimeout(total=None, connect=timeout, sock_read=timeout),
        "response_class": response_class,
    }


def _of_s3(timeout: int) -> dict[str, Any]:
    # s3fs itself tries again.
    once = {"total_max_attempts": 1}
    return {"connect_timeout": timeout, "read_timeout": timeout, "retries": once}


_PATIENT: Final[dict[str, tuple[str, Callable[[int], dict[str, Any]]]]] = {
    "http": ("client_kwargs", _of_http),
    "https": ("client_kwargs", _of_http),
    "s3": ("config_kwargs", _of_s3),
}
"""The options of fsspec's file systems that bound how long to wait, and how much to read; others have their own."""


def reason(error: Exception) -> str:
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
    return without_secrets(text) or type(error).__name__


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
        if isinstance(one, TimeoutError) or type(one).__name__ in _TIMEOUTS:
            return "no answer in time; --timeout SECONDS waits longer"
        if isinstance(one, ConnectionError) and one.errno:
            return f"no connection: {os.strerror(one.errno)}"
        if one is not error and isinstance(one, ValueError):
            return "not a URL: bad host or port"
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
