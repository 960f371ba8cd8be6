"""Asynchronous HTTP to one node of Vault or OpenBao.

The client only reads. It talks to the node it was given and to no other: redirects are not followed and the node is
asked not to forward (a standby would otherwise answer for the active node). Whatever goes wrong is a
:class:`VaultError` with a :class:`~vault_exporter.metrics.reasons.Reason`; neither holds a token, a header or a body.
"""

import asyncio
import errno
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import aiohttp
import msgspec
from aiohttp import http_exceptions

from vault_exporter import __version__
from vault_exporter.config.schema.model import Target
from vault_exporter.config.schema.secret import Secret
from vault_exporter.metrics.reasons import Reason
from vault_exporter.vault.answer import Answer, VaultError
from vault_exporter.vault.auth.methods import Shared
from vault_exporter.vault.auth.token_manager import Tokens
from vault_exporter.vault.peer_certificate import Peer
from vault_exporter.vault.resolve import Resolver
from vault_exporter.vault.tls import shared_context
from vault_exporter.vault.transport import Connector, WireError

__all__ = ["SMALL_ANSWER_BYTES", "Answer", "Client", "VaultError"]

SMALL_ANSWER_BYTES: Final = 1 << 20
"""Limit for an answer that describes one node; real ones are under 1 kB."""

_CHUNK_BYTES: Final = 64 << 10

_HEADERS: Final = {
    "Accept-Encoding": "identity",  # so that the size limit holds for what is in memory too
    "User-Agent": f"vault-exporter/{__version__}",
    "X-Vault-Request": "true",  # agents and proxies may require it
}

_ITSELF: Final = {"X-Vault-No-Request-Forwarding": "1"}
"""Has the node itself answer."""

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

_REFUSALS: Final = frozenset({401, 403})
_BAD_REQUEST: Final = 400
_NOT_KNOWN_HERE: Final = "cannot forward local-only request"
"""What a standby of OpenBao says, in place of a refusal, of a token that is not in its own copy of the storage.

So it is for some hundredths of a second after a login, which the active node does, and for good if it is revoked.
"""
_PAUSES: Final = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds between questions with such a token, as long as it is new."""

_TLS_ERRORS: Final = (ssl.SSLError, ssl.CertificateError, aiohttp.ClientSSLError)

_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})
"""What OpenSSL says, by its version, where the other side answers without TLS."""

_KINDS: Final[tuple[tuple[tuple[type[BaseException], ...], Reason], ...]] = (
    ((aiohttp.ClientConnectorDNSError,), Reason.DNS),
    ((WireError, http_exceptions.ContentEncodingError), Reason.BAD_REPLY),
    ((aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError), Reason.RESET),
    ((asyncio.TimeoutError,), Reason.TIMEOUT),
    ((aiohttp.ClientResponseError, http_exceptions.HttpProcessingError, ValueError), Reason.BAD_REPLY),
)
"""In this order: the first that an error or its causes fit is the reason."""


class Client:
    """One HTTP session to one target. Make it inside a running event loop, and close it."""

    def __init__(self, target: Target, *, shared: Shared | None = None, clock: Callable[[], float] = time.time) -> None:
        """Connect to nothing yet.

        Args:
            target: the node, and how to log in to it.
            shared: what the logins of all targets share.
            clock: Unix time, in seconds.
        """
        self.target = target
        self.requests = 0
        """Requests sent so far."""
        self._clock = clock
        self.tokens = Tokens(self._exchange, target, shared or Shared(), clock=clock)
        secure = target.address.startswith("https:")
        self._server_hostname = target.tls.server_name if secure else None
        self._peer = Peer(target, clock)
        self._session = aiohttp.ClientSession(
            connector=Connector(
                max_bytes=target.max_response_bytes,
                connected=self._peer.connected,
                ssl=shared_context(target.tls) if secure else True,  # without TLS it is not used
                limit=16,
                resolver=Resolver(),
            ),
            headers=_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # the scrape has the deadline
        )

    async def close(self) -> None:
        """End the login, and close the session and its connections."""
        await self.tokens.close()
        await self._session.close()

    @property
    def has_token(self) -> bool:
        """Whether there is a login, so that a call that asks for the token would carry one."""
        return self.tokens.configured

    async def get(
        self, path: str, *, token: bool = False, max_bytes: int = SMALL_ANSWER_BYTES, forward: bool = False
    ) -> Answer:
        """Read ``/v1/<path>`` of the node, whatever the status.

        Args:
            path: below ``/v1/``, with query.
            token: send the target's token, if it has a login, and the namespace with it. Without it the call carries
                neither, since the endpoints that need no token exist in the root namespace only. A call that is
                refused is made once more where that gave another token; one that was denied to the token lately is
                not made, and gets the same answer.
            max_bytes: the largest body to accept.
            forward: let a standby pass the call on to the active node.

        Raises:
            VaultError: no complete HTTP answer, a redirect, an answer larger than ``max_bytes``, or a failed login.
        """
        return await self.send("GET", path, token=token, max_bytes=max_bytes, forward=forward)

    async def get_openly(self, path: str, *, max_bytes: int) -> Answer:
        """Read a path without a token while there is none; what was refused lately is not asked, as in :meth:`get`.

        Raises:
            VaultError: as :meth:`get`.
        """
        call = f"GET {path}"
        if (denial := self.tokens.denial(call)) is not None:
            return denial
        answer = await self.get(path, max_bytes=max_bytes)
        if 400 <= answer.status < 500:  # noqa: PLR2004 - HTTP's class of refusals
            await self.tokens.refused(None, call, answer)
        return answer

    async def send(
        self,
        method: str,
        path: str,
        *,
        token: bool = False,
        body: object = None,
        max_bytes: int = SMALL_ANSWER_BYTES,
        forward: bool = False,
    ) -> Answer:
        """Send any request; as :meth:`get`, with a ``body`` that becomes JSON."""
        headers = {} if forward else _ITSELF
        if not token:
            return await self._send(method, path, headers, body, max_bytes)
        answer, again = await self._send_with_token(method, path, headers, body, max_bytes)
        if again:
            answer, _ = await self._send_with_token(method, path, headers, body, max_bytes)
        return answer

    async def _send_with_token(
        self, method: str, path: str, headers: Mapping[str, str], body: object, max_bytes: int
    ) -> tuple[Answer, bool]:
        """Send it with the token of the moment; return the answer, and whether another token may get a better one."""
        secret, call = await self.tokens.current(), f"{method} {path}"
        if (denial := self.tokens.denial(call)) is not None:
            return denial, False
        headers = {**headers, **self._credentials(secret)}
        answer = await self._send(method, path, headers, body, max_bytes)
        for pause in _PAUSES:
            if not (_is_not_known_here(answer) and self.tokens.new):
                break
            await asyncio.sleep(pause)
            answer = await self._send(method, path, headers, body, max_bytes)
        if answer.status in _REFUSALS or _is_not_known_here(answer):
            return answer, await self.tokens.refused(secret, call, answer)
        self.tokens.allowed(call)
        return answer, False

    async def _exchange(self, method: str, path: str, headers: Mapping[str, str], body: object = None) -> Answer:
        """Send a request of a login, which only the active node can answer, in the time of a scrape."""
        try:
            async with asyncio.timeout(self.target.timeout):
                return await self._send(method, path, headers, body, SMALL_ANSWER_BYTES)
        except TimeoutError:
            raise VaultError(Reason.TIMEOUT, f"{path}: no answer within {self.target.timeout:g}s") from None

    async def _send(self, method: str, path: str, headers: Mapping[str, str], body: object, max_bytes: int) -> Answer:
        self.requests += 1
        sent, started = self._clock(), time.monotonic()
        try:
            async with self._session.request(
                method,
                f"{self.target.address}/v1/{path}",
                headers=headers,
                data=None if body is None else msgspec.json.encode(body),
                allow_redirects=False,
                server_hostname=self._server_hostname,
            ) as response:
                content = await _read(response, path, max_bytes)
        except (aiohttp.ClientError, http_exceptions.HttpProcessingError, OSError, ValueError) as error:
            raise self._failure(path, error) from error
        answer = Answer(path, response.status, content, sent, time.monotonic() - started)
        if 300 <= response.status < 400:  # noqa: PLR2004 - HTTP's class of redirects
            raise answer.failure()
        return answer

    async def certificate(self) -> bytes | None:
        """Return the certificate that the node showed last (DER), or None where the target does not use TLS.

        Raises:
            VaultError: the node shows none.
        """
        try:
            return await self._peer.certificate()
        except OSError as error:  # ssl.SSLError is one
            raise self._failure("certificate", error) from error

    def _failure(self, path: str, error: Exception) -> VaultError:
        reason = _reason(error)
        if reason is Reason.TLS:
            self._peer.forget()
        return VaultError(reason, f"{path}: {reason} ({_tls_problem(error) or type(error).__name__})")

    def _credentials(self, secret: Secret | None) -> dict[str, str]:
        if secret is None:
            return {}
        namespace = {"X-Vault-Namespace": self.target.namespace} if self.target.namespace else {}
        return {"X-Vault-Token": secret.reveal(), **namespace}


def _is_not_known_here(answer: Answer) -> bool:
    return answer.status == _BAD_REQUEST and answer.says(_NOT_KNOWN_HERE)


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


def _tls_problem(error: BaseException) -> str:
    """Say in OpenSSL's words, which have nothing of the node's in them, why there is no TLS; empty where it did not."""
    for cause in _causes(error):
        if isinstance(cause, aiohttp.ClientError):  # some are an ssl.SSLError, too, without what that says
            continue
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"{cause.verify_message.rstrip('.')}; see tls.ca_cert and tls.server_name"
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
