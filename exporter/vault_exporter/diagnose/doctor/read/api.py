"""Requests to a server of the chain."""

import asyncio
import email.utils
import os
import ssl
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import msgspec

from vault_exporter.diagnose.doctor.read.http_config import HttpConfig

__all__ = ["AnswerTooLargeError", "Api", "ApiError", "ServerUrlError", "checked_url"]

T = TypeVar("T")

_OK: Final = 200
_DENIED: Final = frozenset({401, 403})
_ABSENT: Final = frozenset({404, 405, 501})
_REDIRECTS: Final = range(300, 400)
_CONNECTIONS: Final = 6
_OF_PROMETHEUS: Final = ("http://127.0.0.1:9090", "https://mimir.example.com/prometheus")
_EXAMPLES: Final = {
    "--rules": ("http://127.0.0.1:8880", _OF_PROMETHEUS[1]),
    "--alertmanager": ("http://127.0.0.1:9093", "https://example.com/alertmanager"),
    "--grafana": ("http://127.0.0.1:3000", "https://example.com/grafana"),
}
"""URLs by option, the second one with a prefix; other options are for Prometheus."""
_LARGEST: Final = 64 * 1024 * 1024
"""Bytes of an answer; the targets of a large Prometheus take some ten megabytes."""


class ServerUrlError(ValueError):
    """The URL of a server is wrong."""


class ApiError(Exception):
    """A request failed."""

    def __init__(self, message: str, remedy: str, status: int = 0, *, gone: bool = False) -> None:
        super().__init__(message)
        self.remedy: Final = remedy
        self.status: Final = status
        self.gone: Final = gone
        """Whether no such server answers there, so that another question would fail, too."""

    @property
    def said(self) -> str:
        """The message with the remedy."""
        return f"{self}: {self.remedy}" if self.remedy else str(self)

    @property
    def absent(self) -> bool:
        """Whether the server does not have the endpoint."""
        return self.status in _ABSENT

    @property
    def denied(self) -> bool:
        """Whether the server wants other credentials."""
        return self.status in _DENIED


class AnswerTooLargeError(ApiError):
    """The answer has more bytes than are read."""


def checked_url(url: str, option: str) -> str:
    """Return the URL without a trailing slash.

    Raises:
        ServerUrlError: it is no URL of HTTP, or has a password or a query.
    """
    no_url = ServerUrlError(f"{option}: not a URL such as {' or '.join(_EXAMPLES.get(option, _OF_PROMETHEUS))}")
    if not url.isprintable() or " " in url:  # urlsplit would leave some of these out
        raise no_url
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")  # as the resolver encodes it
        _ = parts.port
    except ValueError:
        raise no_url from None
    if parts.scheme not in {"http", "https"} or not host:
        raise no_url
    if parts.username is not None or parts.password is not None:
        # Other users see the arguments of a process.
        raise ServerUrlError(f"{option}: with a user; put user and password into the file of {option}-http-config")
    if parts.query or parts.fragment:
        raise ServerUrlError(f"{option}: with a query; give the address that the paths of the API follow")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


class Api:
    """One server. Use it as an asynchronous context manager."""

    def __init__(self, name: str, option: str, url: str, http: HttpConfig, timeout: float) -> None:
        """Prepare it; nothing is connected yet.

        Args:
            name: what messages call it.
            option: the option that gives its address, which those for its credentials begin with.
            url: what the paths follow.
            http: credentials and TLS.
            timeout: seconds for each request.
        """
        self.name: Final = name
        self._option: Final = option
        self.url: Final = url
        self.product = name
        """The name, or that of another product that answers as it."""
        self.skew: float | None = None
        """Its clock minus this machine's, in seconds; to within a second."""
        self._http: Final = http
        self._timeout: Final = aiohttp.ClientTimeout(total=timeout)
        self._seconds: Final = timeout
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=self._http.tls or True)
        self._session = aiohttp.ClientSession(
            connector=connector, headers=self._http.headers, timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(
        self, path: str, kind: type[T], parameters: Mapping[str, str] | None = None, *, largest: int = _LARGEST
    ) -> T:
        """Read an answer in JSON.

        Args:
            path: below the server's address.
            kind: the type of the answer.
            parameters: of the query string.
            largest: bytes of the answer that are read at most.

        Raises:
            ApiError: the server does not answer, refuses, or answers something else.
            AnswerTooLargeError: the answer is larger.
        """
        body = await self._body(path, parameters or {}, largest)
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ApiError(
                f"{self.name}: {path}: HTTP 200 with an unexpected body",
                f"give the address of {self.name}'s API, not that of a login page or of another server",
                gone=True,
            ) from None

    async def text(self, path: str) -> str:
        """Read an answer in plain text.

        Raises:
            ApiError: the server does not answer, or refuses.
        """
        return (await self._body(path, {}, _LARGEST)).decode(errors="replace")

    async def _body(self, path: str, parameters: Mapping[str, str], largest: int) -> bytearray:
        name = {"server_hostname": self._http.server_name} if self._http.server_name else {}
        options: dict[str, Any] = {"params": parameters, "allow_redirects": False, **name}
        began = time.time()
        try:
            async with self._session.get(f"{self.url}{path}", **options) as response:
                self._note(response, began, time.time())
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > largest:
                        raise AnswerTooLargeError(f"{self.name}: {path}: the answer is larger than {largest} bytes", "")
                status = response.status
        except TimeoutError:
            raise ApiError(
                f"{self.name}: {path}: no answer within {self._seconds:g} s", "look at its load, or raise --timeout"
            ) from None
        except (aiohttp.ClientError, OSError, ssl.SSLError, asyncio.IncompleteReadError) as error:
            raise self._unreached(error) from None
        if status != _OK:
            raise self._refused(path, status, body)
        return body

    def _note(self, response: aiohttp.ClientResponse, began: float, ended: float) -> None:
        if "X-Server-Hostname" in response.headers and self.name == "Prometheus":
            self.product = "VictoriaMetrics"
        try:
            there = email.utils.parsedate_to_datetime(response.headers["Date"]).timestamp()
        except (KeyError, OverflowError, ValueError):
            return
        # The header has whole seconds. A proxy may have answered from its cache, but not for these paths.
        skew = there + 0.5 - (began + ended) / 2
        if self.skew is None or abs(skew) < abs(self.skew):
            self.skew = skew

    def _unreached(self, error: Exception) -> ApiError:
        gone = partial(ApiError, gone=True)
        match error:
            case aiohttp.ClientConnectorCertificateError():
                said = error.certificate_error
                text = getattr(said, "verify_message", "") or "not valid"
                return gone(
                    f"{self.name}: its certificate is refused: {text}",
                    f"name its CA in tls_config.ca_file of {self._option}-http-config",
                )
            case ssl.SSLError() | aiohttp.ClientConnectorSSLError():
                return gone(
                    f"{self.name}: the TLS handshake failed", "give the scheme, http or https, that it listens with"
                )
            case aiohttp.ClientConnectorDNSError():
                return gone(f"{self.name}: its host name does not resolve", "correct the address")
            case aiohttp.ClientConnectorError():
                number = error.os_error.errno
                text = os.strerror(number) if number else "no connection"
                return gone(f"{self.name}: cannot connect: {text}", "start it, or correct the address")
            case aiohttp.ClientResponseError():
                return gone(
                    f"{self.name}: its answer is not HTTP", "give the scheme, http or https, that it listens with"
                )
            case _:
                return gone(
                    f"{self.name}: the connection was closed before the answer was complete",
                    "look at proxies in between; give the scheme, http or https, that it listens with",
                )

    def _refused(self, path: str, status: int, body: bytearray) -> ApiError:
        if status in _DENIED:
            remedy = f"give credentials that may read, in the file of {self._option}-http-config"
        elif status in _ABSENT:
            example = _EXAMPLES.get(self._option, _OF_PROMETHEUS)[1]
            remedy = f"give the address of {self.name}, with its prefix if it has one, such as {example}"
        elif status in _REDIRECTS:
            remedy = (
                "give the address that it redirects to; redirects are not followed, since they may leave the server"
            )
        else:
            remedy = f"look at its log; {_said(body)}".removesuffix("; ")
        return ApiError(f"{self.name}: {path}: HTTP {status}", remedy, status)


class _Said(msgspec.Struct, frozen=True):
    error: str = ""
    message: str = ""


def _said(body: bytearray) -> str:
    """Return the error text of Prometheus or Grafana, if the body has one."""
    try:
        said = msgspec.json.decode(body, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return (said.error or said.message)[:300]
