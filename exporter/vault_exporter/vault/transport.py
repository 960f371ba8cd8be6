"""The HTTP transport to one node of Vault or OpenBao. It returns complete responses of any status.

It connects only to the target's own node and follows no redirects. It raises
:class:`~vault_exporter.vault.errors.VaultError`, whose message holds no token, header or body.
"""

import re
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

import aiohttp
import msgspec
from aiohttp import http_exceptions

from vault_exporter import __version__
from vault_exporter.config.parse.addresses import UNIX, socket_path
from vault_exporter.config.schema.model import Target
from vault_exporter.config.schema.secret import Secret
from vault_exporter.metrics.reasons import Reason
from vault_exporter.vault.answer import Answer
from vault_exporter.vault.errors import VaultError, failure_of, forget_frames
from vault_exporter.vault.few_connections import FewConnections
from vault_exporter.vault.flood_guard import TCPConnector, UnixConnector
from vault_exporter.vault.peer_certificate import Peer
from vault_exporter.vault.rate_limit import RateLimiter
from vault_exporter.vault.resolve import Resolver
from vault_exporter.vault.tls import shared_context
from vault_exporter.vault.words import error_messages, quote, secrets_of

__all__ = ["SMALL_ANSWER_BYTES", "HttpTransport", "Request", "Transport"]

SMALL_ANSWER_BYTES: Final = 1 << 20
"""Limit in bytes of a response that describes one node; real ones are under 1 kB."""

_CONNECTIONS: Final = 16
_TLS_CONNECTIONS: Final = 3
"""Connections with TLS that a target has, unless its node takes long to answer."""
_FIRST_ERROR: Final = 400
"""The lowest HTTP status that is an error."""
_DOTS: Final = re.compile(r"(?:^|/)(?:\.|%2[eE]){1,2}(?:[/?#]|$)")
"""A ``.`` or ``..`` in a path. A client or server resolves them, and another endpoint is called."""
_HEADERS: Final = {
    "Accept-Encoding": "identity",  # so that the size limit also applies in memory
    "User-Agent": f"vault-exporter/{__version__}",
    "X-Vault-Request": "true",  # agents and proxies may require it
}


class Request(NamedTuple):
    """A request to a node."""

    method: str
    path: str
    """Path below ``/v1/``, with query."""
    headers: Mapping[str, str] = {}
    body: object = None
    """Body, sent as JSON."""
    max_bytes: int = SMALL_ANSWER_BYTES
    """Limit of the response body's size."""
    token: bool = False
    """Send the target's token, if a login is configured."""
    spare: bool = False
    """Do not send it if it was denied recently. Requests with a token always behave so."""


class Transport(Protocol):
    """Sends requests to one node."""

    @property
    def requests(self) -> int:
        """Number of requests sent so far."""

    @property
    def has_token(self) -> bool:
        """Whether requests with ``token=True`` carry a token."""

    async def send(self, request: Request) -> Answer:
        """Send a request.

        Raises:
            VaultError: no complete response, a redirect, a response that is too large, or a failed login.
        """

    async def certificate(self) -> bytes | None:
        """Return the node's last certificate (DER), or None if the target does not use TLS.

        Raises:
            VaultError: the node presents no certificate.
        """

    async def close(self) -> None:
        """Close the connections."""


class HttpTransport:
    """The HTTP session of one target. Needs a running event loop; close it after use."""

    has_token = False

    def __init__(self, target: Target, clock: Callable[[], float] = time.time) -> None:
        """Create the session without connecting.

        Args:
            target: the node.
            clock: Unix time, in seconds.
        """
        self.requests = 0
        self._clock = clock
        self._limiter = RateLimiter(target.rate_limit) if target.rate_limit else None
        self._proxy = target.proxy
        resolver = Resolver()
        self._peer = Peer(target, resolver, clock)
        secure = self._peer.is_tls
        self._server_hostname = self._peer.name if secure else None
        common: dict[str, Any] = {
            "max_bytes": target.max_response_bytes,
            "connected": self._peer.connected,
            "limit": _CONNECTIONS,
        }
        connector: aiohttp.BaseConnector
        if target.address.startswith(UNIX):
            self._base = "http://localhost"
            connector = UnixConnector(path=socket_path(target.address), **common)
        else:
            self._base = target.address
            context = shared_context(target.tls) if secure else _trusting_system(self._proxy)
            connector = TCPConnector(ssl=context, resolver=resolver, **common)
        self._few = FewConnections(_TLS_CONNECTIONS) if secure else None
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers=_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # the scrape sets the deadline
        )

    async def close(self) -> None:
        """Close the session and its connections."""
        await self._session.close()

    async def send(self, request: Request) -> Answer:
        """Send a request without adding a token; see :class:`Transport`."""
        if _DOTS.search(request.path):
            raise VaultError(Reason.OTHER, "not sent: a part of the path is . or .., which leads to another path")
        if self._limiter is not None:
            await self._limiter.wait()
        if self._few is None:
            return await self._send(request)
        async with self._few.turn():
            return await self._send(request)

    async def certificate(self) -> bytes | None:
        """Return the node's certificate; see :class:`Transport`."""
        try:
            return await self._peer.certificate()
        except OSError as error:  # includes ssl.SSLError
            raise self._failure("certificate", error) from None

    async def _send(self, request: Request) -> Answer:
        self.requests += 1
        sent, started = self._clock(), time.monotonic()
        try:
            async with self._session.request(
                request.method,
                f"{self._base}/v1/{request.path}",
                headers=request.headers,
                data=None if request.body is None else msgspec.json.encode(request.body),
                allow_redirects=False,
                server_hostname=self._server_hostname,
                proxy=self._proxy.reveal() if self._proxy else None,
            ) as response:
                content = await _read(response, request.path, request.max_bytes)
        except (aiohttp.ClientError, http_exceptions.HttpProcessingError, OSError, ValueError) as error:
            raise self._failure(request.path, error) from None
        answer = Answer(
            request.path,
            response.status,
            content,
            sent,
            time.monotonic() - started,
            _words(response.status, content, request),
        )
        if 300 <= response.status < 400:  # noqa: PLR2004 - HTTP's class of redirects
            raise answer.failure()
        return answer

    def _failure(self, path: str, error: Exception) -> VaultError:
        failure = failure_of(path, error)
        forget_frames(error)
        if failure.reason is Reason.TLS:
            self._peer.forget()
        return failure


def _trusting_system(proxy: Secret | None) -> ssl.SSLContext | bool:
    """Return the context for a proxy with TLS in front of a node without.

    It is what ``ssl=True`` means in aiohttp, whose own trusts nobody in the exporter; see :mod:`vault_exporter.cli`.
    """
    return ssl.create_default_context() if proxy is not None and proxy.reveal().startswith("https:") else True


def _words(status: int, body: bytes, request: Request) -> str:
    """Return Vault's error message, sanitised for display."""
    if status < _FIRST_ERROR:
        return ""
    return quote(error_messages(body) or (), secrets_of(request.headers, request.body))


def _too_large(path: str, max_bytes: int) -> VaultError:
    return VaultError(Reason.TOO_LARGE, f"{path}: the answer is larger than {max_bytes} bytes")


async def _read(response: aiohttp.ClientResponse, path: str, max_bytes: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise VaultError(Reason.BAD_REPLY, f"{path}: compressed although not asked for")
    if (response.content_length or 0) > max_bytes:
        raise _too_large(path, max_bytes)
    chunks, size = [], 0
    while chunk := await response.content.readany():
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(path, max_bytes)
        chunks.append(chunk)
    return b"".join(chunks)
