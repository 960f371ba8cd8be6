"""The asynchronous client of one node of Vault or OpenBao.

By default the client disables request forwarding, because a standby would otherwise return the active node's response.
The client knows no logins; its transport adds the token. See :mod:`vault_exporter.vault.connection`.
"""

from typing import Final

from vault_exporter.config.schema.model import Target
from vault_exporter.vault.answer import Answer
from vault_exporter.vault.errors import VaultError
from vault_exporter.vault.missing_paths import MissingPaths
from vault_exporter.vault.transport import SMALL_ANSWER_BYTES, Request, Transport

__all__ = ["SMALL_ANSWER_BYTES", "Answer", "Client", "VaultError"]

_ITSELF: Final = {"X-Vault-No-Request-Forwarding": "1"}
"""Disables forwarding to the active node."""


class Client:
    """Sends requests to one target.

    Attributes:
        target: the settings of the node.
        missing: paths that the node's product or version does not have; :meth:`get` does not request them.
    """

    def __init__(self, target: Target, transport: Transport) -> None:
        self.target = target
        self.missing = MissingPaths()
        self._transport = transport

    async def close(self) -> None:
        """Close the transport."""
        await self._transport.close()

    @property
    def requests(self) -> int:
        """Number of requests sent so far, including logins."""
        return self._transport.requests

    @property
    def has_token(self) -> bool:
        """Whether a login is configured, so that calls with ``token=True`` carry a token."""
        return self._transport.has_token

    async def get(
        self, path: str, *, token: bool = False, max_bytes: int = SMALL_ANSWER_BYTES, forward: bool = False
    ) -> Answer:
        """Read ``/v1/<path>``, and return the response of any status.

        Args:
            path: below ``/v1/``, with query.
            token: send the target's token and namespace, if a login is configured. Without it the call carries
                neither, because endpoints without authentication exist only in the root namespace. A refused call
                is retried once if there is a new token. A call that was denied recently, or whose path the server
                does not have, is not sent; it returns the same response.
            max_bytes: limit of the body's size.
            forward: let a standby forward the call to the active node.

        Raises:
            VaultError: no complete response, a redirect, a response larger than ``max_bytes``, or a failed login.
        """
        answer = self.missing.get(path)
        if answer is None:
            answer = await self.send("GET", path, token=token, max_bytes=max_bytes, forward=forward)
            self.missing.remember(path, answer)
        return answer

    async def get_openly(self, path: str, *, max_bytes: int) -> Answer:
        """Read a path without a token. A call that was denied recently is not sent, as in :meth:`get`.

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
        """Send a request with any method, as :meth:`get`. The ``body`` is sent as JSON."""
        headers = {} if forward else _ITSELF
        return await self._transport.send(Request(method, path, headers, body, max_bytes, token=token))

    async def certificate(self) -> bytes | None:
        """Return the node's last certificate (DER), or None if the target does not use TLS.

        Raises:
            VaultError: the node presents no certificate.
        """
        return await self._transport.certificate()
