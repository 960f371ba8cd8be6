"""Asynchronous questions to one node of Vault or OpenBao.

The client asks the node itself: it asks it not to forward, since a standby would otherwise answer for the active node.
Logins are the business of the transport that it is given; see :mod:`vault_exporter.vault.connection`.
"""

from typing import Final

from vault_exporter.config.schema.model import Target
from vault_exporter.vault.answer import Answer
from vault_exporter.vault.errors import VaultError
from vault_exporter.vault.transport import SMALL_ANSWER_BYTES, Request, Transport

__all__ = ["SMALL_ANSWER_BYTES", "Answer", "Client", "VaultError"]

_ITSELF: Final = {"X-Vault-No-Request-Forwarding": "1"}
"""Has the node itself answer."""


class Client:
    """Asks one target."""

    def __init__(self, target: Target, transport: Transport) -> None:
        self.target = target
        self._transport = transport

    async def close(self) -> None:
        """Close the transport."""
        await self._transport.close()

    @property
    def requests(self) -> int:
        """Requests sent so far, those of logins among them."""
        return self._transport.requests

    @property
    def has_token(self) -> bool:
        """Whether there is a login, so that a call that asks for the token would carry one."""
        return self._transport.has_token

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
        return await self._transport.send(Request("GET", path, _ITSELF, max_bytes=max_bytes, spare=True))

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
        return await self._transport.send(Request(method, path, headers, body, max_bytes, token=token))

    async def certificate(self) -> bytes | None:
        """Return the certificate that the node showed last (DER), or None where the target does not use TLS.

        Raises:
            VaultError: the node shows none.
        """
        return await self._transport.certificate()
