"""The token endpoints of one node: log in, look up, renew and revoke."""

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from vault_exporter.config.schema import logins
from vault_exporter.config.schema.model import Target
from vault_exporter.config.schema.secret import Secret
from vault_exporter.vault.auth.credentials import read_credential
from vault_exporter.vault.auth.errors import LoginError, LoginFailure
from vault_exporter.vault.auth.reply import Reply, ask, bad_reply
from vault_exporter.vault.auth.send import Send
from vault_exporter.vault.auth.shared import Shared
from vault_exporter.vault.auth.token import Token

if TYPE_CHECKING:
    from vault_exporter.vault.auth.methods import LoginMethods

__all__ = ["TokenEndpoints"]


class TokenEndpoints:
    """The token endpoints of one node."""

    def __init__(self, send: Send, target: Target, shared: Shared) -> None:
        self._send = send
        self._target = target
        self._shared = shared
        own = target.auth.namespace if isinstance(target.auth, logins.Login) else None
        self._namespace = own or target.namespace

    @cached_property
    def _logins(self) -> "LoginMethods":
        # hvac takes a megabyte and a half, which targets with a token do not need.
        from vault_exporter.vault.auth.methods import LoginMethods  # noqa: PLC0415 - see above

        return LoginMethods(self._send, self._namespace, self._target.tls.client_cert, self._shared)

    async def log_in(self) -> Token:
        """Get a token with the target's login method, or read the configured one.

        Raises:
            LoginError: there is no usable token.
        """
        auth = self._target.auth
        if isinstance(auth, logins.TokenAuth):
            return Token(read_credential(auth.token, auth.token_file, "token"))
        if isinstance(auth, logins.NoAuth):
            raise TypeError("no login is configured")
        return _issued(await self._logins.log_in(auth))

    async def look_up(self, token: Token) -> Token:
        """Look a token up.

        Raises:
            LoginError: the lookup failed; ``denied`` if the token is not valid or may not look itself up.
        """
        reply = await self._ask("GET", "lookup-self", token)
        found = reply.read_data(_Lookup)
        if found.ttl < 0:
            raise bad_reply(reply.path)
        _refuse_limited(found.num_uses)
        policies = frozenset((*(found.policies or ()), *(found.identity_policies or ())))
        return Token(token.secret, found.ttl, found.renewable, found.entity_id, found.display_name, policies)

    async def renew(self, token: Token) -> Token:
        """Renew a token.

        Raises:
            LoginError: the renewal failed.
        """
        renewed = _issued(await self._ask("POST", "renew-self", token, {}))
        return token._replace(ttl=renewed.ttl, renewable=renewed.renewable, policies=renewed.policies)

    async def revoke(self, token: Token) -> None:
        """Revoke a token.

        Raises:
            LoginError: the revocation failed.
        """
        await self._ask("POST", "revoke-self", token)

    async def _ask(self, method: str, endpoint: str, token: Token, body: object = None) -> Reply:
        path = f"auth/token/{endpoint}"
        return await ask(self._send, method, path, body, namespace=self._namespace, secret=token.secret)


class _Lookup(msgspec.Struct, frozen=True):
    """``data`` of lookup-self."""

    ttl: float = 0
    renewable: bool = False
    entity_id: str = ""
    display_name: str = ""
    num_uses: int = 0
    policies: tuple[str, ...] | None = None
    identity_policies: tuple[str, ...] | None = None


def _issued(reply: Reply) -> Token:
    issued = reply.body.auth
    if issued is None or issued.lease_duration < 0 or not _is_token(issued.client_token):
        raise bad_reply(reply.path)
    _refuse_limited(issued.num_uses)
    return Token(
        Secret(issued.client_token),
        issued.lease_duration,
        issued.renewable,
        issued.entity_id,
        policies=frozenset(issued.policies or ()),
    )


def _is_token(text: str) -> bool:
    """Return whether the text can be sent in the token header."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _refuse_limited(num_uses: int) -> None:
    if num_uses:
        raise LoginError(
            LoginFailure.NUM_USES,
            "the token is good for a number of uses only, so scrapes would use it up; set num_uses (token_num_uses of "
            "the role) to 0",
        )
