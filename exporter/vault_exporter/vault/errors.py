"""Errors of requests to a node, and the ``reason`` label of each."""

import asyncio
import errno
import ssl
from collections.abc import Iterator
from typing import Final

import aiohttp
from aiohttp import http_exceptions

from vault_exporter.metrics.reasons import Reason
from vault_exporter.vault.flood_guard import FloodError
from vault_exporter.vault.hostname import HostnameError

__all__ = ["NoTokenError", "VaultError", "failure_of"]

_OS_REASONS: Final = {
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ENOENT: Reason.REFUSED,  # the Unix socket does not exist
    errno.ECONNRESET: Reason.RESET,
    errno.ECONNABORTED: Reason.RESET,
    errno.EPIPE: Reason.RESET,
    errno.ENETUNREACH: Reason.UNREACHABLE,
    errno.EHOSTUNREACH: Reason.UNREACHABLE,
    errno.EADDRNOTAVAIL: Reason.UNREACHABLE,
    errno.ETIMEDOUT: Reason.TIMEOUT,
}
_TLS_ERRORS: Final = (ssl.SSLError, ssl.CertificateError, aiohttp.ClientSSLError, HostnameError)
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})
"""OpenSSL's reasons, which depend on its version, for a plain-text response to a TLS handshake."""

_KINDS: Final[tuple[tuple[tuple[type[BaseException], ...], Reason], ...]] = (
    ((aiohttp.ClientConnectorDNSError,), Reason.DNS),
    ((FloodError, http_exceptions.ContentEncodingError), Reason.BAD_REPLY),
    ((aiohttp.ClientHttpProxyError,), Reason.PROXY_ERROR),
    ((aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError), Reason.RESET),
    ((asyncio.TimeoutError,), Reason.TIMEOUT),
    ((aiohttp.ClientResponseError, http_exceptions.HttpProcessingError, ValueError), Reason.BAD_REPLY),
)
"""Exception types and their reason. The first match with an error or one of its causes applies."""


class VaultError(Exception):
    """The node gave no usable response. ``str()`` is safe to log."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class NoTokenError(VaultError):
    """The call was not sent because its login failed."""


def failure_of(path: str, error: Exception) -> VaultError:
    """Convert an exception of aiohttp, OpenSSL or the system."""
    reason = _reason(error)
    return VaultError(reason, f"{path}: {reason} ({_detail(error) or type(error).__name__})")


def _reason(error: BaseException) -> Reason:
    """Return the reason for an exception and its causes."""
    chain = tuple(_causes(error))
    for cause in chain:
        if isinstance(cause, _TLS_ERRORS):
            return Reason.TLS
        if isinstance(cause, OSError) and cause.errno in _OS_REASONS:
            return _OS_REASONS[cause.errno]
    for kinds, reason in _KINDS:
        if any(isinstance(cause, kinds) for cause in chain):
            return reason
    return Reason.OTHER


def _detail(error: BaseException) -> str:
    """Return details that contain nothing from the node, such as OpenSSL's message; empty if there are none."""
    for cause in _causes(error):
        if isinstance(cause, HostnameError):
            return f"{cause}; see tls.server_name"
        if isinstance(cause, aiohttp.ClientHttpProxyError):
            return f"the proxy answers HTTP {cause.status}"
        if isinstance(cause, aiohttp.ClientProxyConnectionError):
            return "the proxy cannot be reached"
        if isinstance(cause, aiohttp.ClientError):  # some are also an ssl.SSLError, but lack its attributes
            continue
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"{cause.verify_message.rstrip('.')}; see tls.ca_cert"
        if isinstance(cause, ssl.SSLError) and cause.reason:
            remedy = "; is it http:// in its address?" if cause.reason in _NO_TLS else ""
            return f"{cause.reason.lower().replace('_', ' ')}{remedy}"
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, aiohttp.ClientConnectorError):
            yield error.os_error
        error = error.__cause__ or error.__context__
