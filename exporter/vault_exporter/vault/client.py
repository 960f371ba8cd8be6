"""Asynchronous HTTP to one node of Vault or OpenBao.

The client only reads. It talks to the node it was given and to no other: redirects are not followed and the node is
asked not to forward (a standby would otherwise answer for the active node). Whatever goes wrong is a
:class:`VaultError` with a :class:`~vault_exporter.reasons.Reason`; neither holds a token, a header or a body.
"""

import asyncio
import errno
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeVar

import aiohttp
import msgspec
from aiohttp import http_exceptions

from vault_exporter import __version__
from vault_exporter.config.model import Target
from vault_exporter.reasons import Reason
from vault_exporter.vault.auth import TokenSource
from vault_exporter.vault.tls import tls_context

__all__ = ["SMALL_ANSWER_BYTES", "Answer", "Client", "VaultError"]

T = TypeVar("T")

SMALL_ANSWER_BYTES: Final = 1 << 20
"""Limit for an answer that describes one node; real ones are under 1 kB."""

_CHUNK_BYTES: Final = 64 << 10

_HEADERS: Final = {
    "Accept-Encoding": "identity",  # so that the size limit holds for what is in memory too
    "User-Agent": f"vault-exporter/{__version__}",
    "X-Vault-Request": "true",  # agents and proxies may require it
    "X-Vault-No-Request-Forwarding": "1",
}

_OS_REASONS: Final = {
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ECONNRESET: Reason.RESET,
    errno.ECONNABORTED: Reason.RESET,
    errno.EPIPE: Reason.RESET,
    errno.ENETUNREACH: Reason.UNREACHABLE,
    errno.EHOSTUNREACH: Reason.UNREACHABLE,
    errno.EADDRNOTAVAIL: Reason.UNREACHABLE,
    errno.ETIMEDOUT: Reason.TIMEOUT,
}

_TLS_ERRORS: Final = (ssl.SSLError, ssl.CertificateError, aiohttp.ClientSSLError)

_KINDS: Final[tuple[tuple[tuple[type[BaseException], ...], Reason], ...]] = (
    ((aiohttp.ClientConnectorDNSError,), Reason.DNS),
    ((http_exceptions.ContentEncodingError,), Reason.BAD_REPLY),
    ((aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError), Reason.RESET),
    ((asyncio.TimeoutError,), Reason.TIMEOUT),
    ((aiohttp.ClientResponseError, http_exceptions.HttpProcessingError, ValueError), Reason.BAD_REPLY),
)
"""In this order: the first that an error or its causes fit is the reason."""

_STATUS_REASONS: Final = {
    401: Reason.PERMISSION_DENIED,
    403: Reason.PERMISSION_DENIED,
    404: Reason.NOT_FOUND,
    429: Reason.RATE_LIMITED,
}


class VaultError(Exception):
    """The node gave no usable answer. ``str()`` is safe to log."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class _Errors(msgspec.Struct, frozen=True):
    errors: tuple[str, ...] = ()


class Answer(NamedTuple):
    """A complete HTTP answer of any status."""

    path: str
    status: int
    body: bytes
    sent: float
    """Unix time, in seconds, at which the request was sent."""
    seconds: float
    """How long the answer took."""

    def json(self, kind: type[T]) -> T:
        """Decode the body.

        Raises:
            VaultError: ``bad_reply``; the body is not JSON of that shape.
        """
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise VaultError(Reason.BAD_REPLY, f"{self.path}: HTTP {self.status} with an unexpected body") from error

    def says(self, text: str) -> bool:
        """Return whether one of Vault's error messages (``{"errors": [...]}``) contains the text."""
        try:
            return any(text in message for message in self.json(_Errors).errors)
        except VaultError:
            return False

    def failure(self) -> VaultError:
        """Return the error that this answer's status stands for (a 2xx that is not understood is ``bad_reply``)."""
        reason = _STATUS_REASONS.get(self.status) or (
            Reason.HTTP_5XX
            if self.status >= 500  # noqa: PLR2004 - HTTP's classes
            else Reason.HTTP_4XX
            if self.status >= 400  # noqa: PLR2004
            else Reason.REDIRECT
            if self.status >= 300  # noqa: PLR2004
            else Reason.BAD_REPLY
        )
        return VaultError(reason, f"{self.path}: HTTP {self.status}")


class Client:
    """One HTTP session to one target. Make it inside a running event loop, and close it."""

    def __init__(self, target: Target, *, clock: Callable[[], float] = time.time) -> None:
        self.target = target
        self.requests = 0
        """Requests sent so far."""
        self._clock = clock
        self._tokens = TokenSource(target.auth)
        self._server_hostname = target.tls.server_name if target.address.startswith("https:") else None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls_context(target.tls), limit=16),
            headers=_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # the scrape has the deadline
        )

    async def close(self) -> None:
        """Close the session and its connections."""
        await self._session.close()

    @property
    def has_token(self) -> bool:
        """Whether a call that asks for the token would carry one at the moment."""
        return self._tokens.current() is not None

    async def get(self, path: str, *, token: bool = False, max_bytes: int = SMALL_ANSWER_BYTES) -> Answer:
        """Read ``/v1/<path>`` of the node, whatever the status.

        Args:
            path: below ``/v1/``, with query.
            token: send the configured token, if there is one, and the namespace with it. Without it the call carries
                neither, since the endpoints that need no token exist in the root namespace only.
            max_bytes: the largest body to accept.

        Raises:
            VaultError: no complete HTTP answer, a redirect, or an answer larger than ``max_bytes``.
        """
        self.requests += 1
        sent, started = self._clock(), time.monotonic()
        try:
            async with self._session.get(
                f"{self.target.address}/v1/{path}",
                headers=self._credentials() if token else {},
                allow_redirects=False,
                server_hostname=self._server_hostname,
            ) as response:
                body = await _read(response, path, max_bytes)
        except (aiohttp.ClientError, http_exceptions.HttpProcessingError, OSError, ValueError) as error:
            reason = _reason(error)
            raise VaultError(reason, f"{path}: {reason} ({type(error).__name__})") from error
        answer = Answer(path, response.status, body, sent, time.monotonic() - started)
        if 300 <= response.status < 400:  # noqa: PLR2004 - HTTP's class of redirects
            raise answer.failure()
        return answer

    def _credentials(self) -> dict[str, str]:
        headers = {}
        if (token := self._tokens.current()) is not None:
            headers["X-Vault-Token"] = token.reveal()
            if self.target.namespace:
                headers["X-Vault-Namespace"] = self.target.namespace
        return headers


async def _read(response: aiohttp.ClientResponse, path: str, max_bytes: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise VaultError(Reason.BAD_REPLY, f"{path}: compressed although not asked for")
    too_large = VaultError(Reason.TOO_LARGE, f"{path}: the answer is larger than {max_bytes} bytes")
    if (response.content_length or 0) > max_bytes:
        raise too_large
    chunks, size = [], 0
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        size += len(chunk)
        if size > max_bytes:
            raise too_large
        chunks.append(chunk)
    return b"".join(chunks)


def _reason(error: BaseException) -> Reason:
    """Tell the reason from an exception of aiohttp or the system, and from what caused it."""
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


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, aiohttp.ClientConnectorError):
            yield error.os_error
        error = error.__cause__ or error.__context__
