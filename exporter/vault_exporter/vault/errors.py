"""Errors of requests to a node, and the ``reason`` label of each."""

import asyncio
import errno
import os
import ssl
from collections.abc import Iterator
from typing import Final

import aiohttp
from aiohttp import http_exceptions

from vault_exporter.metrics.reasons import Reason
from vault_exporter.vault.flood_guard import FloodError
from vault_exporter.vault.hostname import HostnameError

__all__ = ["NoTokenError", "VaultError", "failure_of", "forget_frames"]

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
_TLS_REMEDIES: Final = (
    (  # a plain-text response; OpenSSL's reason depends on its version
        frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}),
        "; is it http:// in its address?",
    ),
    (  # the answer of Vault's cluster port to a client that is no node
        frozenset({"TLSV1_ALERT_INTERNAL_ERROR"}),
        "; is it the cluster port (8201) in its address, not the port of the API (8200)?",
    ),
)
"""What to do about OpenSSL's reasons."""

_KINDS: Final[tuple[tuple[tuple[type[BaseException], ...], Reason], ...]] = (
    ((aiohttp.ClientConnectorDNSError,), Reason.DNS),
    ((FloodError, http_exceptions.ContentEncodingError), Reason.BAD_REPLY),
    ((aiohttp.ClientHttpProxyError,), Reason.PROXY_ERROR),
    # asyncio gives no errno where the connection is closed during the TLS handshake
    ((aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, ConnectionResetError), Reason.RESET),
    ((asyncio.TimeoutError,), Reason.TIMEOUT),
    ((aiohttp.ClientResponseError, http_exceptions.HttpProcessingError, ValueError), Reason.BAD_REPLY),
)
"""Exception types and their reason. The first match with an error or one of its causes applies."""

_SAID: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (aiohttp.ClientConnectorDNSError, "the host name does not resolve"),
    (FloodError, "the answer is not HTTP"),
    (http_exceptions.ContentEncodingError, "compressed although not asked for"),
    (aiohttp.ServerDisconnectedError, "the connection was closed before the answer"),
    (aiohttp.ClientPayloadError, "the connection was closed within the answer"),
    (ConnectionResetError, "the connection was closed before the answer"),
    (aiohttp.ClientResponseError, "the answer is not HTTP"),
    (http_exceptions.HttpProcessingError, "the answer is not HTTP"),
)
"""What is said of exception types without details of their own."""


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
    detail = _detail(error)
    return VaultError(reason, f"{path}: {reason} ({detail})" if detail else f"{path}: {reason}")


def forget_frames(error: BaseException) -> None:
    """Drop the tracebacks of an exception that was handled, and of its causes.

    Some frames of aiohttp keep the exception that they raised. The garbage collector would have to find both, hundreds
    of objects for each scrape of a node that is down. A kept exception would keep all that its frames hold.
    """
    for cause in _causes(error):
        cause.__traceback__ = None


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
    causes = tuple(_causes(error))
    own = next(filter(None, map(_own_detail, causes)), "")
    return own or next((said for cause in causes for kind, said in _SAID if isinstance(cause, kind)), "")


def _own_detail(cause: BaseException) -> str:
    said = ""
    match cause:
        case HostnameError():
            said = f"{cause}; see tls.server_name"
        case aiohttp.ClientHttpProxyError():
            said = f"the proxy answers HTTP {cause.status}"
        case aiohttp.ClientProxyConnectionError():
            said = "the proxy cannot be reached"
        case aiohttp.ClientError():
            pass  # some are also an ssl.SSLError, but lack its attributes
        case ssl.SSLCertVerificationError():
            said = f"{cause.verify_message.rstrip('.')}; see tls.ca_cert"
        case ssl.SSLError() if cause.reason:
            remedy = next((remedy for reasons, remedy in _TLS_REMEDIES if cause.reason in reasons), "")
            said = f"{cause.reason.lower().replace('_', ' ')}{remedy}"
        case OSError() if cause.errno in _OS_REASONS:
            said = os.strerror(cause.errno).lower()
    return said


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, aiohttp.ClientConnectorError):
            yield error.os_error
        error = error.__cause__ or error.__context__
