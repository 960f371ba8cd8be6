"""Ask Vault's token and login endpoints, and decode their responses."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

import msgspec

from vault_exporter.config.schema.secret import Secret
from vault_exporter.util.json import UNREADABLE
from vault_exporter.vault.answer import Answer
from vault_exporter.vault.auth.errors import LoginError, LoginFailure
from vault_exporter.vault.auth.send import Send
from vault_exporter.vault.errors import VaultError

__all__ = ["Issued", "Reply", "ask", "bad_reply", "read_reply"]

T = TypeVar("T")

_OK: Final = range(200, 300)
_UNAVAILABLE: Final = 500
_RATE_LIMITED: Final = 429
_BY_POLICY: Final = "1 error occurred:\n\t* permission denied"
"""Vault's error if it knows the token but a policy is missing. For an unknown token the error is shorter."""
_ON_SECONDARIES: Final = "DR secondary"
"""Part of the error that a disaster recovery secondary returns for most calls."""


class Issued(msgspec.Struct, frozen=True):
    """``auth`` of a response."""

    client_token: str
    lease_duration: float = 0
    renewable: bool = False
    entity_id: str = ""
    num_uses: int = 0
    policies: tuple[str, ...] | None = None


class _Body(msgspec.Struct, frozen=True):
    auth: Issued | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


class Reply(NamedTuple):
    """A successful response."""

    path: str
    body: _Body

    def read_data(self, kind: type[T]) -> T:
        """Decode ``data``.

        Raises:
            LoginError: ``bad_reply``; it does not have that shape.
        """
        try:
            return msgspec.json.decode(self.body.data, type=kind)
        except UNREADABLE:
            raise bad_reply(self.path) from None


async def ask(
    send: Send,
    method: str,
    path: str,
    body: object = None,
    *,
    namespace: str | None,
    secret: Secret | None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Reply:
    """Send a request in a namespace and with a token, if they are given, and return its successful response.

    Raises:
        LoginError: the request failed.
    """
    sent = dict(headers)
    if namespace:
        sent["X-Vault-Namespace"] = namespace
    if secret is not None:
        sent["X-Vault-Token"] = secret.reveal()
    try:
        answer = await send(method, path, sent, body)
    except VaultError as error:
        raise LoginError(LoginFailure.UNAVAILABLE, str(error), error.reason) from error
    return read_reply(answer)


def read_reply(answer: Answer) -> Reply:
    """Decode a successful response.

    Raises:
        LoginError: the response is an error, or cannot be decoded.
    """
    if answer.status not in _OK:
        raise _failure(answer)
    if not answer.body:
        return Reply(answer.path, _Body())
    try:
        return Reply(answer.path, answer.json(_Body))
    except VaultError:
        raise bad_reply(answer.path) from None


def _failure(answer: Answer) -> LoginError:
    error = answer.failure()
    if any(answer.says(words) for words in ("sealed", "not initialized", "not yet initialized")):
        return LoginError(LoginFailure.SEALED, str(error), error.reason)
    if answer.says(_ON_SECONDARIES):
        return LoginError(LoginFailure.SECONDARY, str(error), error.reason)
    if answer.status >= _UNAVAILABLE or answer.status == _RATE_LIMITED:
        return LoginError(LoginFailure.UNAVAILABLE, str(error), error.reason)
    message = str(error) if answer.words else f"{error}: Vault refuses it"
    return LoginError(LoginFailure.DENIED, message, by_policy=answer.says(_BY_POLICY))


def bad_reply(path: str) -> LoginError:
    """Return the error for a response that is not that of a login."""
    return LoginError(LoginFailure.BAD_REPLY, f"{path}: Vault's answer is not understood; is the mount of this method?")
