"""Who gets an answer: basic authentication, client certificates, and a rate limit, as exporter-toolkit does them.

The file is looked at on every request and every TLS handshake, so new certificates and users count at once. One that
became wrong is reported and the settings before it stay in force: a mistake must not open the door, or shut it.

Passwords are checked in one thread, one at a time, since a check is made to take long. Prometheus' is checked once:
who was let in is remembered, as a keyed hash, until the file changes.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import bcrypt
import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from vault_exporter.config.load_web import load_web_file
from vault_exporter.config.parse.problems import ConfigError, Problem
from vault_exporter.config.schema.web import TlsServer, Web
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.web.tls import server_context

__all__ = ["Guard"]

_MOST_WAITING: Final = 32
"""Passwords that may wait to be checked; more than that is an attack, and told to come again."""
_LONGEST_PASSWORD: Final = 72
"""Bytes that bcrypt looks at."""
_NO_STORE: Final = {"Cache-Control": "no-store"}

_log = structlog.get_logger(__name__)

_Signature = tuple[tuple[int, int, int] | None, ...]


class Guard:
    """The settings in force, and what they say about a request.

    Without a file everybody is let in, over plain HTTP.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        open_paths: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the file.

        Args:
            path: the file, or None.
            open_paths: URL paths that have a credential of their own, and so are neither asked for one nor limited.
            clock: seconds that never go back.

        Raises:
            ConfigError: the file is wrong.
        """
        self._path = path
        self._open_paths = open_paths
        self._settings = Web()
        self._files: tuple[Path, ...] = ()
        self._signature: _Signature = ()
        self._tls: ssl.SSLContext | None = None
        self._passwords = _Passwords({})
        self._bucket = _Bucket(0.0, 1, clock)
        self._clock = clock
        self._refused: Counter[str] = Counter({"credentials": 0, "certificate": 0, "rate_limit": 0})
        if path is not None:
            self._read(path)
            self._signature = self._look()
        self._listening = self._fixed()
        self.ssl_context = self._listening_context()
        """What to listen with, or None for plain HTTP."""

    @property
    def knows_clients(self) -> bool:
        """Whether whoever gets an answer had to prove who it is."""
        self._refresh()
        return self._settings.knows_clients

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request through, or refuse it."""
        self._refresh()
        refusal = None if request.path in self._open_paths else await self._refuse(request)
        if refusal is not None:
            response: web.StreamResponse = refusal
        else:
            try:
                response = await handler(request)
            except web.HTTPException as answer:
                # It is both an error and an answer, and needs the headers, too.
                self._add_headers(answer)
                raise
        self._add_headers(response)
        return response

    def samples(self) -> Iterator[Sample]:
        """Yield how many requests were refused."""
        if self._path is not None:
            for reason, count in self._refused.items():
                yield c.WEB_REFUSED(count, reason)

    async def _refuse(self, request: web.Request) -> web.Response | None:
        if not self._bucket.take():
            self._refused["rate_limit"] += 1
            return web.Response(status=429, text="Too many requests.\n", headers=_NO_STORE)
        tls = self._settings.tls_server_config
        if tls is not None and tls.client_allowed_sans and not _is_one_of(tls.client_allowed_sans, request):
            self._refused["certificate"] += 1
            return web.Response(status=403, text="The client's certificate is not one of those let in.\n")
        if not self._settings.basic_auth_users:
            return None
        passwords = self._passwords
        if passwords.waiting > _MOST_WAITING:
            self._refused["credentials"] += 1
            return web.Response(status=503, text="Too many logins at once.\n", headers={"Retry-After": "1"} | _NO_STORE)
        if await passwords.good(request.headers.get("Authorization", "")):
            return None
        self._refused["credentials"] += 1
        return web.Response(
            status=401, text="Unauthorized\n", headers={"WWW-Authenticate": 'Basic realm="vault-exporter"'} | _NO_STORE
        )

    def _add_headers(self, response: web.StreamResponse) -> None:
        if not response.prepared:
            for name, value in self._settings.http_server_config.headers.items():
                response.headers.setdefault(name, value)

    def _refresh(self) -> None:
        """Read the file again if it, or a file that it names, has changed."""
        if self._path is None or (now := self._look()) == self._signature:
            return
        self._signature = now
        try:
            self._read(self._path, must_know_clients=self._settings.knows_clients)
        except ConfigError as error:
            _log.error("web_config_file became wrong; the settings before it stay in force", error=str(error))
            return
        self._signature = self._look()  # it may name other files now
        if self._fixed() != self._listening:
            _log.warning("web_config_file changed more of TLS than certificates; restart vault-exporter to have it so")
        _log.info("read web_config_file again")

    def _read(self, path: Path, *, must_know_clients: bool = False) -> None:
        settings, files = load_web_file(path)
        if must_know_clients and not settings.knows_clients:
            # A file is empty for a moment while it is written, and nobody means to open the door by that.
            message = "asks for no password or client certificate any more; restart vault-exporter to have it so"
            raise ConfigError((Problem(str(path), message),))
        tls = settings.tls_server_config
        self._tls = server_context(tls) if tls is not None else None
        limit = settings.rate_limit
        self._settings, self._files = settings, files
        self._passwords = _Passwords({user: known.reveal() for user, known in settings.basic_auth_users.items()})
        self._bucket = _Bucket(limit.interval, limit.burst, self._clock)

    def _fixed(self) -> TlsServer | None:
        """What of the TLS settings a server cannot change while it listens: all but the certificates."""
        tls = self._settings.tls_server_config
        certificates = ("cert", "key", "client_ca", "cert_file", "key_file", "client_ca_file", "client_allowed_sans")
        return msgspec.structs.replace(tls, **dict.fromkeys(certificates)) if tls is not None else None

    def _look(self) -> _Signature:
        return tuple(map(_state, (self._path, *self._files) if self._path else ()))

    def _listening_context(self) -> ssl.SSLContext | None:
        """Make the context that is listened with; it hands each connection to the one in force."""
        if self._tls is None:
            return None
        tls = self._settings.tls_server_config or TlsServer()
        context = server_context(tls)

        def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            self._refresh()
            if self._tls is not None:
                connection.context = self._tls

        context.sni_callback = choose  # called in every handshake, whether the client names a server or not
        return context


class _Passwords:
    """The users, and who has been let in."""

    def __init__(self, users: dict[str, str]) -> None:
        self.waiting = 0
        self._users = {user: known.encode() for user, known in users.items()}
        self._one = asyncio.Lock()
        self._key = secrets.token_bytes(32)
        self._let_in: dict[str, bytes] = {}

    async def good(self, header: str) -> bool:
        """Check the value of an ``Authorization`` header."""
        user, password = _credentials(header)
        if user is None:
            return False
        proof = hmac.digest(self._key, f"{user}:".encode() + password, hashlib.sha256)
        if hmac.compare_digest(proof, self._let_in.get(user, b"")):
            return True
        # An unknown user's is compared, too, so that it takes as long.
        known = self._users.get(user) or next(iter(self._users.values()))
        self.waiting += 1
        try:
            async with self._one:
                good = await asyncio.to_thread(_fits, password, known)
        finally:
            self.waiting -= 1
        if good and user in self._users:
            self._let_in[user] = proof
            return True
        return False


class _Bucket:
    """One request each ``interval`` seconds, and ``burst`` at once."""

    def __init__(self, interval: float, burst: int, clock: Callable[[], float]) -> None:
        self._interval = interval
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
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


def _credentials(header: str) -> tuple[str | None, bytes]:
    """Take user and password out of ``Basic <base64>``; None for anything else."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None, b""
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode() if colon else None), password
    except (binascii.Error, ValueError):
        return None, b""


def _fits(password: bytes, known: bytes) -> bool:
    try:
        return bcrypt.checkpw(password[:_LONGEST_PASSWORD], known)
    except ValueError:
        return False


def _is_one_of(allowed: Iterable[str], request: web.Request) -> bool:
    """Tell whether the client's certificate has one of the names, exactly."""
    certificate = request.get_extra_info("peercert") or {}
    names = {value for _, value in certificate.get("subjectAltName", ())}
    return not names.isdisjoint(allowed)


def _state(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
