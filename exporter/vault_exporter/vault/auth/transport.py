"""The login as a layer over a transport: requests that ask for it get the target's token.

What the token was denied lately is not asked again, and a refusal that is the token's fault gets another token.
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
"""What a standby of OpenBao says, in place of a refusal, of a token that is not in its own copy of the storage.

So it is for some hundredths of a second after a login, which the active node does, and for good if it is revoked.
"""
_PAUSES: Final = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds between questions with such a token, as long as it is new."""


class AuthTransport:
    """Sends through another transport, with the token where that is asked for.

    Attributes:
        tokens: the token of the target.
    """

    def __init__(self, inner: Transport, target: Target, shared: Shared, clock: Callable[[], float]) -> None:
        """Log in nowhere yet.

        Args:
            inner: what requests go out through, those of logins among them.
            target: whose login it is.
            shared: what the logins of all targets share.
            clock: Unix time, in seconds.
        """
        self._inner = inner
        self._target = target
        self.tokens = TokenManager(self._exchange, target, shared, clock=clock)

    @property
    def requests(self) -> int:
        """Requests sent so far, those of logins among them."""
        return self._inner.requests

    @property
    def has_token(self) -> bool:
        """Whether there is a login."""
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
        """End the login, and close the connections."""
        await self.tokens.close()
        await self._inner.close()

    async def _send_sparely(self, request: Request) -> Answer:
        """Send a request without a token, unless it was refused lately."""
        call = _call(request)
        if (denial := self.tokens.denial(call)) is not None:
            return denial
        answer = await self._inner.send(request)
        if answer.status in _CLIENT_ERRORS:
            await self.tokens.refused(None, call, answer)
        return answer

    async def _send_with_token(self, request: Request) -> tuple[Answer, bool]:
        """Send it with the token of the moment; return the answer, and whether another token may get a better one."""
        secret, call = await self.tokens.current(), _call(request)
        if (denial := self.tokens.denial(call)) is not None:
            return denial, False
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
        """Send a request of a login, which only the active node can answer, in the time of a scrape."""
        seconds = self._target.timeout
        try:
            async with asyncio.timeout(seconds):
                return await self._inner.send(Request(method, path, headers, body))
        except TimeoutError:
            raise VaultError(Reason.TIMEOUT, f"{path}: no answer within {seconds:g}s") from None

    def _credentials(self, secret: Secret | None) -> dict[str, str]:
        if secret is None:
            return {}
        namespace = {"X-Vault-Namespace": self._target.namespace} if self._target.namespace else {}
        return {"X-Vault-Token": secret.reveal(), **namespace}


def _call(request: Request) -> str:
    return f"{request.method} {request.path}"


def _is_not_known_here(answer: Answer) -> bool:
    return answer.status == _BAD_REQUEST and answer.says(_NOT_KNOWN_HERE)
