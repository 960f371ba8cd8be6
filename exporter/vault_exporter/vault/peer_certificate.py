"""The certificate that a node shows in the TLS handshakes with it."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from vault_exporter.config.schema.model import Target

__all__ = ["Peer"]

_TLS_PORT: Final = 443
_KEPT_SECONDS: Final = 60.0


class Peer:
    """Remembers the certificate of the last connection that was made.

    Where a handshake fails, perhaps because of the certificate, the certificate is looked at in a connection of its
    own, through which nothing is sent. So it is where the last connection is more than a minute old: scraped often
    enough, one lasts for months, and the node has shown another certificate to everyone else since.
    """

    def __init__(self, target: Target, clock: Callable[[], float]) -> None:
        parts = urlsplit(target.address)
        self._host, self._port = parts.hostname or "", parts.port or _TLS_PORT
        self._name = target.tls.server_name or self._host
        self._is_tls = parts.scheme == "https"
        self._clock = clock
        self._seen: bytes | None = None
        self._at = 0.0

    def connected(self, transport: asyncio.BaseTransport) -> None:
        """Take note of a connection to the node; its TLS context may be that of other nodes, too."""
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if tls is not None:
            self._note(tls)

    def forget(self) -> None:
        """Forget the certificate: a handshake failed, so it may be another by now."""
        self._seen = None

    async def certificate(self) -> bytes | None:
        """Return the certificate (DER), or None where the target does not use TLS.

        Raises:
            OSError: the node cannot be reached.
            ssl.SSLError: it does not speak TLS, or asks for a client certificate at once.
        """
        if not self._is_tls:
            return None
        if self._seen is None:
            await self._look()
        elif abs(self._clock() - self._at) > _KEPT_SECONDS:
            self._at = self._clock()
            with contextlib.suppress(OSError):  # the connection that there is works
                await self._look()
        return self._seen

    def _note(self, tls: ssl.SSLObject) -> None:
        self._seen, self._at = tls.getpeercert(binary_form=True), self._clock()

    async def _look(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # only looked at: nothing is sent
        _, writer = await asyncio.open_connection(self._host, self._port, ssl=context, server_hostname=self._name)
        try:
            self._note(writer.get_extra_info("ssl_object"))
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
