"""The login as a layer over a transport. It adds the target's token to requests with ``token=True``.

It does not send calls that were denied recently. If Vault refuses the token itself, it gets a new one and retries.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from vault_exporter.config.schema.model import Target
from vault_exporter.config.schema.secret import Secret
from vault_exporter.metrics.reasons import Reason
from vault_exporter.vault.answer import Answer
from vault_exporter.vault.auth.shared import Shared
from vault_exporter.vault.auth.token_manager import TokenManager
from vault_exporter.vault.errors import VaultError
from vault_exporter.vault.transport import Request, Transport

__all__ = ["AuthTransport"]

_REFUSALS: Final = frozenset({401, 403})
_CLIENT_ERRORS: Final = range(400, 500)
_BAD_REQUEST: Final = 400
_NOT_KNOWN_HERE: Final = "cannot forward local-only request"
"""OpenBao's error on a standby if the token is not in the standby's copy of the storage.

It occurs for some hundredths of a second after a login, which the active node handles, and always if the token is
revoked.
"""
_PAUSES: Final = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds between retries with a new token that the standby does not know yet."""


class AuthTransport:
    """A transport that adds the token and sends through another transport.

    Attributes:
        tokens: the token manager of the target.
    """

    def __init__(self, inner: Transport, target: Target, shared: Shared, clock: Callable[[], float]) -> None:
        """Create the layer without logging in.

        Args:
            inner: the transport of all requests, including logins.
            target: the target with its ``auth`` settings.
            shared: state that the logins of all targets share.
            clock: Unix time, in seconds.
        """
        self._inner = inner
        self._target = target
        self.tokens = TokenManager(self._exchange, target, shared, clock=clock)

    @property
    def requests(self) -> int:
        """Number of requests sent so far, including logins."""
        return self._inner.requests

    @property
    def has_token(self) -> bool:
        """Whether a login is configured."""
        return self.tokens.configured

    async def send(self, request: Request) -> Answer:
        """Send a request; see :class:`~vault_exporter.vault.transport.Transport`."""
        if request.token:
            answer, again = await self._send_with_token(request)
            return (await self._send_with_token(request))[0] if again else answer
        return await (self._send_sparely(request) if request.spare else self._inner.send(request))

    async def certificate(self) -> bytes | None:
        """Return the node's certificate; see :class:`~vault_exporter.vault.transport.Transport`."""
        return await self._inner.certificate()

    async def close(self) -> None:
        """Close the token manager and the connections."""
        await self.tokens.close()
        await self._inner.close()

    async def _send_sparely(self, request: Request) -> Answer:
        """Send a request without a token, unless it was denied recently."""
        call = _call(request)
        if (denial := self.tokens.denial(call)) is not None:
            return denial
        answer = await self._inner.send(request)
        if answer.status in _CLIENT_ERRORS:
            await self.tokens.refused(None, call, answer)
        return answer

    async def _send_with_token(self, request: Request) -> tuple[Answer, bool]:
        """Send a request with the current token. Return the response, and whether to retry with a new token."""
        secret, call = await self.tokens.current(), _call(request)
        if (denial := self.tokens.denial(call)) is not None:
            return denial, False
        if secret is not None:
            request = request._replace(headers={**request.headers, **self._credentials(secret)})
        answer = await self._inner.send(request)
        for pause in _PAUSES:
            if not (_is_not_known_here(answer) and self.tokens.new):
                break
            await asyncio.sleep(pause)
            answer = await self._inner.send(request)
        if answer.status in _REFUSALS or _is_not_known_here(answer):
            return answer, await self.tokens.refused(secret, call, answer)
        self.tokens.allowed(call)
        return answer, False

    async def _exchange(self, method: str, path: str, headers: Mapping[str, str], body: object = None) -> Answer:
        """Send a request of a login within the target's timeout. A standby forwards it to the active node."""
        seconds = self._target.timeout
        try:
            async with asyncio.timeout(seconds):
                return await self._inner.send(Request(method, path, headers, body))
        except TimeoutError:
            raise VaultError(Reason.TIMEOUT, f"{path}: no answer within {seconds:g}s") from None

    def _credentials(self, secret: Secret) -> dict[str, str]:
        namespace = {"X-Vault-Namespace": self._target.namespace} if self._target.namespace else {}
        return {"X-Vault-Token": secret.reveal(), **namespace}


def _call(request: Request) -> str:
    return f"{request.method} {request.path}"


def _is_not_known_here(answer: Answer) -> bool:
    return answer.status == _BAD_REQUEST and answer.says(_NOT_KNOWN_HERE)
