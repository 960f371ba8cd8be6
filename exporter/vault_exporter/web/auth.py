"""Access control: basic authentication, client certificates and a rate limit, as in exporter-toolkit."""

import ipaddress
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from vault_exporter.config.schema.web import RequestLimit
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.web.connection import Connection
from vault_exporter.web.connections import drop
from vault_exporter.web.settings import Settings, SettingsFile

__all__ = ["HEADERS", "Guard", "is_from_another_site"]

HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
"""Headers of every response."""

_MOST_WAITING: Final = 32
"""Limit of passwords that wait to be checked. Further logins get a 503."""
_GRACE_SECONDS: Final = 1.0
"""Seconds after the handshake in which the first request is checked with the settings of the handshake.

A scrape that connected just before a change of the settings does not fail.
"""
_PROBES: Final = frozenset({"/-/healthy", "/-/ready"})
"""Paths that need no password, since their answers say nothing: orchestrators have no credential to send."""
_NAMES: Final = frozenset({"DNS", "IP Address", "URI", "email"})
"""The types of subject alternative names that ``client_allowed_sans`` matches."""

_log = structlog.get_logger(__name__)


class Guard:
    """Allows or refuses requests."""

    def __init__(
        self,
        file: SettingsFile,
        *,
        own_credential: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create the guard.

        Args:
            file: the settings in force.
            own_credential: URL paths that check their own credential. They need no login, have no rate limit, and
                are the only ones that accept a body.
            clock: monotonic time in seconds.
        """
        self._file = file
        self._own_credential = own_credential
        self._clock = clock
        self._limit = RequestLimit()
        self._bucket = _Bucket(self._limit, clock)
        self._refused: Counter[str] = Counter({"credentials": 0, "certificate": 0, "rate_limit": 0})

    def knows_clients(self, request: web.Request) -> bool:
        """Return whether the client is authenticated, by a client certificate or a password."""
        settings = self._settings(request) or self._file.current()
        if settings.passwords:
            return True
        tls = settings.web.tls
        is_tls = request.get_extra_info("ssl_object") is not None
        return is_tls and tls is not None and tls.identifies_clients

    async def add_headers(self, _: web.Request, response: web.StreamResponse) -> None:
        """Add the common headers and the headers of the file to a response before it is sent."""
        for name, value in self.headers():
            response.headers.setdefault(name, value)

    def headers(self) -> Iterator[tuple[str, str]]:
        """Yield the headers of every response."""
        yield from HEADERS.items()
        for name, value in self._file.current().web.http_server_config.headers.items():
            if value:
                yield name, value

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Pass a request to its handler, or refuse it."""
        settings = self._settings(request)
        if settings is None:
            return drop(request)
        if request.path in self._own_credential:
            return await handler(request)
        refusal = await self._refuse(request, settings)
        if refusal is None and request.body_exists:
            refusal = web.Response(status=413, text="Send no body.\n")
        if refusal is None:
            return await handler(request)
        if request.body_exists:
            refusal.force_close()  # the body is not read
        return refusal

    def is_outdated(self, connection: Connection) -> bool:
        """Return whether an idle connection no longer meets the settings because they changed."""
        if not connection.handled and self._clock() - connection.opened <= _GRACE_SECONDS:
            return False
        accepted, current = connection.settings, self._file.current()
        return accepted is not current and not current.accept(connection.tls, accepted)

    def samples(self) -> Iterator[Sample]:
        """Yield the counters of refused requests."""
        if self._file.exists:
            for reason, count in self._refused.items():
                yield c.WEB_REFUSED(count, reason)

    def _settings(self, request: web.Request) -> Settings | None:
        """Return the settings that apply to a request; None if its connection does not meet their TLS demands."""
        current = self._file.current()
        connection = request.protocol
        if not isinstance(connection, Connection):
            return current if current.tls is None else None
        accepted = connection.settings
        if accepted is current:
            return current
        if current.accept(connection.tls, accepted):
            return current
        is_first = connection.handled <= 1
        return accepted if is_first and self._clock() - connection.opened <= _GRACE_SECONDS else None

    async def _refuse(self, request: web.Request, settings: Settings) -> web.Response | None:
        if (limit := self._file.current().web.rate_limit) != self._limit:
            self._limit = limit
            self._bucket = _Bucket(self._limit, self._clock)
        if not self._bucket.take():
            self._refused["rate_limit"] += 1
            return web.Response(status=429, text="Too many requests.\n")
        tls = settings.web.tls
        if tls is not None and tls.client_allowed_sans is not None and not _is_one_of(tls.client_allowed_sans, request):
            self._refused["certificate"] += 1
            return web.Response(status=403, text="The client's certificate is not one of those let in.\n")
        passwords = settings.passwords
        if not passwords or request.path in _PROBES:
            return None
        if passwords.waiting > _MOST_WAITING:
            self._refused["credentials"] += 1
            return web.Response(status=503, text="Too many logins at once.\n", headers={"Retry-After": "1"})
        if await passwords.are_good(request.headers.get("Authorization", "")):
            return None
        self._refused["credentials"] += 1
        realm = {"WWW-Authenticate": 'Basic realm="vault-exporter"'}
        return web.Response(status=401, text="Unauthorized\n", headers=realm)


class _Bucket:
    """A token bucket: one request each ``interval`` seconds, and ``burst`` at once."""

    def __init__(self, limit: RequestLimit, clock: Callable[[], float]) -> None:
        self._interval = limit.interval
        self._burst = limit.burst
        self._clock = clock
        self._tokens = float(limit.burst)
        self._filled = clock()

    def take(self) -> bool:
        if not self._interval:
            return True
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) / self._interval)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def is_from_another_site(request: web.Request) -> bool:
    """Return whether the headers say that a page of another site made a browser send the request."""
    if request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
        return True
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != request.headers.get("Host", "").lower()
    except ValueError:
        return True


def _is_one_of(allowed: Iterable[str], request: web.Request) -> bool:
    """Return whether the client's certificate has one of the names. Addresses are compared by value."""
    certificate = request.get_extra_info("peercert") or {}
    names = {_plain(value) for kind, value in certificate.get("subjectAltName", ()) if kind in _NAMES}
    return not names.isdisjoint(map(_plain, allowed))


def _plain(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name.strip()))
    except ValueError:
        return name
