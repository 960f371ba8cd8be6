"""The certificate that a node shows in the TLS handshakes with it: whether it is the node's, and until when."""

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
    """Remembers the certificate of the last connection that was made.

    Where a handshake fails, perhaps because of the certificate, the certificate is looked at in a connection of its
    own, through which nothing is sent. So it is where the last connection is more than a minute old: scraped often
    enough, one lasts for months, and the node has shown another certificate to everyone else since. Through a proxy
    only the certificates of the scrape's connections are seen.

    Attributes:
        is_tls: whether the target uses TLS.
        name: the name that the certificate must have, and that TLS asks for.
    """

    def __init__(self, target: Target, resolver: Resolver, clock: Callable[[], float]) -> None:
        parts = urlsplit(target.address)
        self.is_tls = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port or _TLS_PORT
        self.name = ascii_name(target.tls.server_name or self._host.partition("%")[0])
        self._checked = not target.tls.insecure_skip_verify
        self._direct = target.proxy is None
        self._resolver = resolver
        self._clock = clock
        self._seen: bytes | None = None
        self._at = 0.0

    def connected(self, transport: asyncio.BaseTransport) -> None:
        """Take note of a connection to the node; its TLS context may be that of other nodes, too.

        Raises:
            HostnameError: the certificate, which OpenSSL trusts, is not that of this node.
        """
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if tls is None:
            return
        self._note(tls)
        if self._checked:
            check_hostname(self._seen or b"", self.name)

    def forget(self) -> None:
        """Forget the certificate: a handshake failed, so it may be another by now."""
        self._seen = None

    async def certificate(self) -> bytes | None:
        """Return the certificate (DER), or None where the target does not use TLS.

        Raises:
            OSError: the node cannot be reached.
            ssl.SSLError: it does not speak TLS, or asks for a client certificate at once.
        """
        if not self.is_tls:
            return None
        return await self._refresh() if self._direct else self._seen

    async def _refresh(self) -> bytes | None:
        if self._seen is None:
            return await self._look()  # another handshake may fail meanwhile, so that this one is forgotten
        if abs(self._clock() - self._at) > _KEPT_SECONDS:
            self._at = self._clock()
            with contextlib.suppress(OSError):  # the connection that there is works
                await self._look()
        return self._seen

    def _note(self, tls: ssl.SSLObject) -> None:
        self._seen, self._at = tls.getpeercert(binary_form=True), self._clock()

    async def _look(self) -> bytes | None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # only looked at: nothing is sent
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
        """Connect to the first address that answers. asyncio would look the name up in threads that all share."""
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
    """Return the address as the system has it, so that nobody looks it up again."""
    host, _, zone = host.partition("%")
    if not zone:
        return host, port
    return host, port, 0, int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)
