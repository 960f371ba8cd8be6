"""The certificate that a node presents in TLS handshakes."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from vault_exporter.config.schema.model import Target
from vault_exporter.vault.hostname import ascii_name, check_hostname
from vault_exporter.vault.resolve import Resolver

__all__ = ["Peer"]

_TLS_PORT: Final = 443
_KEPT_SECONDS: Final = 60.0


class Peer:
    """Keeps the certificate of the last connection.

    If a handshake failed, or the last connection is more than a minute old, the certificate is read on a separate
    connection, on which no request is sent. Frequent scrapes can keep one connection open for months, and the node
    may have a new certificate since. Through a proxy, only the certificates of the scrape's own connections are known.

    Attributes:
        is_tls: whether the target uses TLS.
        name: the expected host name, which is also sent as SNI; empty without TLS.
    """

    def __init__(self, target: Target, resolver: Resolver, clock: Callable[[], float]) -> None:
        parts = urlsplit(target.address)
        self.is_tls = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port or _TLS_PORT
        self.name = ascii_name(target.tls.server_name or self._host.partition("%")[0]) if self.is_tls else ""
        self._checked = not target.tls.insecure_skip_verify
        self._direct = target.proxy is None
        self._resolver = resolver
        self._clock = clock
        self._seen: bytes | None = None
        self._at = 0.0

    def connected(self, transport: asyncio.BaseTransport) -> None:
        """Check and keep the certificate of a new connection. Several nodes may share its TLS context.

        Raises:
            HostnameError: OpenSSL trusts the certificate, but it is not valid for this node.
        """
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if tls is None or not self.is_tls:  # without TLS it is the proxy's, whose name OpenSSL has checked
            return
        self._note(tls)
        if self._checked:
            check_hostname(tls.getpeercert() or {}, self.name)

    def forget(self) -> None:
        """Discard the certificate after a failed handshake, because the node may have a new one."""
        self._seen = None

    async def certificate(self) -> bytes | None:
        """Return the certificate (DER), or None if the target does not use TLS.

        Raises:
            OSError: the node cannot be reached.
            ssl.SSLError: the node does not speak TLS, or requires a client certificate in the handshake.
        """
        if not self.is_tls:
            return None
        return await self._refresh() if self._direct else self._seen

    async def _refresh(self) -> bytes | None:
        if self._seen is None:
            return await self._look()  # return it directly: another failed handshake may discard the kept one meanwhile
        if abs(self._clock() - self._at) > _KEPT_SECONDS:
            self._at = self._clock()
            with contextlib.suppress(OSError):  # the existing connection works
                await self._look()
        return self._seen

    def _note(self, tls: ssl.SSLObject) -> None:
        self._seen, self._at = tls.getpeercert(binary_form=True), self._clock()

    async def _look(self) -> bytes | None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # nothing is sent on this connection
        connection = await self._connect()
        try:
            _, writer = await asyncio.open_connection(sock=connection, ssl=context, server_hostname=self.name)
        except BaseException:
            connection.close()
            raise
        try:
            self._note(writer.get_extra_info("ssl_object"))
            return self._seen
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _connect(self) -> socket.socket:
        """Connect to the first address that accepts. asyncio would resolve the name in threads shared by all."""
        loop, failure = asyncio.get_running_loop(), OSError(f"{self._host} has no address")
        for found in await self._resolver.resolve(self._host, self._port, socket.AF_UNSPEC):
            connection = socket.socket(found["family"], socket.SOCK_STREAM)
            connection.setblocking(False)
            try:
                await loop.sock_connect(connection, _socket_address(found["host"], found["port"]))
            except OSError as error:
                connection.close()
                failure = error
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        raise failure


def _socket_address(host: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """Return the address in the system's form, so that it is not resolved again."""
    host, _, zone = host.partition("%")
    if not zone:
        return host, port
    return host, port, 0, int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)
