"""Logging in to a node, and keeping the token that it gave: the only importer of hvac.

hvac knows each method's endpoint and parameters, and how to sign for AWS. Its requests take the way of every other
call to the node, through the :class:`Send` given here, and so have the same TLS, timeouts, size limits and headers,
and follow no redirect. hvac returns what its adapter returns, here an awaitable, so no thread is needed.
https://python-hvac.org/en/stable/advanced_usage.html#custom-requests-http-adapter
"""

import asyncio
import enum
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import msgspec
from hvac import adapters, api

from vault_exporter.config.schema import logins
from vault_exporter.config.schema.model import Target
from vault_exporter.config.schema.secret import Secret
from vault_exporter.metrics.reasons import Reason
from vault_exporter.util.fs import read_small
from vault_exporter.util.json import UNREADABLE
from vault_exporter.vault.answer import Answer
from vault_exporter.vault.auth.credentials import LARGEST_CREDENTIAL
from vault_exporter.vault.errors import VaultError

__all__ = ["LoginError", "LoginFailure", "Send", "Shared", "Token", "Vault"]

T = TypeVar("T")

_OK: Final = range(200, 300)
_UNAVAILABLE: Final = 500
_RATE_LIMITED: Final = 429
_BY_POLICY: Final = "1 error occurred:\n\t* permission denied"
"""What Vault says where it knows the token and its policies lack something; of one that it does not, it says less."""
_ON_SECONDARIES: Final = "DR secondary"
"""In what a disaster recovery secondary says to nearly everything."""
_MOST_ENTITIES: Final = 4096
_LONGEST_ENTITY: Final = 256
"""Characters; Vault's ids have 36, with their namespace 43."""


class Send(Protocol):
    """Sends one request to the node."""

    async def __call__(self, method: str, path: str, headers: Mapping[str, str], body: object = None) -> Answer:
        """Send it; ``path`` is below ``/v1/``, ``body`` becomes JSON.

        Raises:
            VaultError: there was no complete answer, or a redirect.
        """


class LoginFailure(enum.StrEnum):
    """Why there is no token: the value of the ``reason`` label of logins and renewals."""

    NO_CREDENTIALS = "no_credentials"
    """What to log in with is missing: a file that cannot be read, or is empty."""
    DENIED = "denied"
    """Vault refused: wrong credentials, role or mount, a revoked or expired token."""
    NUM_USES = "num_uses"
    """The token is limited in its uses, so every call would use it up; it is not used."""
    SEALED = "sealed"
    """The node is sealed or not initialized."""
    SECONDARY = "secondary"
    """The node is one of a disaster recovery secondary, which knows nothing of tokens."""
    UNAVAILABLE = "unavailable"
    """The node did not answer, or could not: network, TLS, HTTP 5xx, 429 or a redirect."""
    BAD_REPLY = "bad_reply"
    """Vault's answer is not what a login answers."""


class LoginError(Exception):
    """There is no token. ``str()`` is safe to log, and says what to do."""

    def __init__(
        self, failure: LoginFailure, message: str, reason: Reason = Reason.LOGIN_FAILED, *, by_policy: bool = False
    ) -> None:
        super().__init__(message)
        self.failure = failure
        self.reason = reason
        """What the collectors that need the token say."""
        self.by_policy = by_policy
        """Whether the token is good, and only may not do this."""


class Token(NamedTuple):
    """A token and what Vault said about it."""

    secret: Secret
    ttl: float = 0
    """Seconds that it was valid for when Vault said so; 0 is for ever."""
    renewable: bool = False
    entity_id: str = ""
    display_name: str = ""
    policies: frozenset[str] = frozenset()
    """Its own, and those of its entity."""


class Shared:
    """What the logins of all targets share, for as long as the exporter runs.

    These are the secret-ids that came out of wrapped responses, which can be opened only once, by the wrapping token;
    and the ids of the entities that the exporter was logged in as, by which Vault's audit log knows it.
    """

    def __init__(self, *, once: bool = False) -> None:
        """Know nothing yet; ``once`` is for a single look, which sends nothing with a token that Vault refuses."""
        self.once = once
        self._entities: dict[str, None] = {}
        self._secrets: dict[Secret, Secret] = {}
        self._locks: dict[Secret, asyncio.Lock] = {}

    @property
    def entities(self) -> AbstractSet[str]:
        """The entities, those that are noted later among them; if there are too many, the last ones."""
        return self._entities.keys()

    def note_entity(self, entity_id: str) -> None:
        """Be told whom a token is of; empty is nobody."""
        if entity_id and len(entity_id) <= _LONGEST_ENTITY:
            self._entities.pop(entity_id, None)
            self._entities[entity_id] = None
            if len(self._entities) > _MOST_ENTITIES:
                del self._entities[next(iter(self._entities))]

    async def unwrapped(self, wrapping: Secret, unwrap: Callable[[Secret], Awaitable[Secret]]) -> Secret:
        """Return what was wrapped, opening it if that was not done yet."""
        async with self._locks.setdefault(wrapping, asyncio.Lock()):
            if wrapping not in self._secrets:
                self._secrets[wrapping] = await unwrap(wrapping)
        return self._secrets[wrapping]


class Vault:
    """The token endpoints of one node."""

    def __init__(self, send: Send, target: Target, shared: Shared) -> None:
        self._send = send
        self._target = target
        self._shared = shared
        own = target.auth.namespace if isinstance(target.auth, logins.Login) else None
        self._namespace = own or target.namespace

    async def log_in(self) -> Token:
        """Get a token by the target's method, or read the one that was given.

        Raises:
            LoginError: there is none that could be used.
        """
        auth = self._target.auth
        if isinstance(auth, logins.TokenAuth):
            return Token(_credential(auth.token, auth.token_file, "token"))
        if isinstance(auth, logins.NoAuth):
            raise TypeError("no login is configured")
        methods = api.AuthMethods(adapter=_Adapter(self._send, self._namespace))
        return _token(await self._request(methods, auth))

    async def look_up(self, token: Token) -> Token:
        """Ask Vault about a token.

        Raises:
            LoginError: Vault does not say; ``denied`` where the token is not valid or may not look itself up.
        """
        reply = await self._methods(token.secret).token.lookup_self()
        found = reply.read_data(_Lookup)
        if found.ttl < 0:
            raise _bad_reply(reply.path)
        _refuse_limited(found.num_uses)
        policies = frozenset((*(found.policies or ()), *(found.identity_policies or ())))
        return Token(token.secret, found.ttl, found.renewable, found.entity_id, found.display_name, policies)

    async def renew(self, token: Token) -> Token:
        """Ask for more time.

        Raises:
            LoginError: Vault gives none.
        """
        renewed = _token(await self._methods(token.secret).token.renew_self())
        return token._replace(ttl=renewed.ttl, renewable=renewed.renewable, policies=renewed.policies)

    async def revoke(self, token: Token) -> None:
        """Give the token back.

        Raises:
            LoginError: Vault did not take it.
        """
        await self._methods(token.secret).token.revoke_self()

    def _methods(self, secret: Secret) -> Any:  # noqa: ANN401 - hvac has no types
        return api.AuthMethods(adapter=_Adapter(self._send, self._namespace, secret))

    async def _request(self, methods: Any, auth: logins.Login) -> "_Reply":  # noqa: ANN401 - hvac has no types
        """Log in by a method of hvac."""
        common = {"use_token": False, "mount_point": auth.mount}
        match auth:
            case logins.ApproleAuth():
                secret_id = await self._secret_id(auth)
                made = methods.approle.login(auth.role_id, secret_id.reveal() if secret_id else None, **common)
            case logins.KubernetesAuth():
                jwt = _credential(None, auth.token_file, "token")
                made = methods.kubernetes.login(auth.role, jwt.reveal(), **common)
            case logins.JwtAuth():
                jwt = _credential(auth.jwt, auth.jwt_file, "jwt")
                made = methods.jwt.jwt_login(auth.role, jwt.reveal(), use_token=False, path=auth.mount)
            case logins.CertAuth():
                # The certificate is that of the connection; hvac wants to see that there is one.
                certificate = str(self._target.tls.client_cert)
                made = methods.cert.login(auth.role or "", cert_pem=certificate, **common)
            case logins.UserpassAuth() | logins.LdapAuth():
                password = _credential(auth.password, auth.password_file, "password", spaces=True)
                method = methods.userpass if isinstance(auth, logins.UserpassAuth) else methods.ldap
                made = method.login(auth.username, password.reveal(), **common)
            case logins.AwsAuth():
                made = methods.aws.iam_login(**_aws(auth), **common)
            case logins.AzureAuth():
                jwt = _credential(auth.jwt, auth.jwt_file, "jwt")
                made = methods.azure.login(
                    auth.role,
                    jwt.reveal(),
                    auth.subscription_id,
                    auth.resource_group_name,
                    auth.vm_name,
                    auth.vmss_name,
                    **common,
                )
            case logins.GcpAuth():
                jwt = _credential(auth.jwt, auth.jwt_file, "jwt")
                made = methods.gcp.login(auth.role, jwt.reveal(), **common)
            case _:
                raise TypeError(type(auth).__name__)
        reply: _Reply = await made
        return reply

    async def _secret_id(self, auth: logins.ApproleAuth) -> Secret | None:
        if auth.secret_id is None and auth.secret_id_file is None:
            return None
        given = _credential(auth.secret_id, auth.secret_id_file, "secret_id")
        if not auth.wrapped:
            return given

        async def unwrap(wrapping: Secret) -> Secret:
            """Open a wrapped secret-id, after making sure that it is one and not something slipped in its place."""
            headers = {"X-Vault-Namespace": self._namespace} if self._namespace else {}
            looked_up = await self._send("POST", "sys/wrapping/lookup", headers, {"token": wrapping.reveal()})
            path = _reply(looked_up).read_data(_Wrapping).creation_path
            if not path.startswith(f"auth/{auth.mount}/role/") or not path.endswith("/secret-id"):
                raise LoginError(
                    LoginFailure.DENIED,
                    f"the wrapping token does not hold a secret-id of auth/{auth.mount}: somebody may have opened the "
                    "true one; find out, and give a new one",
                )
            system = api.SystemBackend(adapter=_Adapter(self._send, self._namespace, wrapping))
            return Secret((await system.unwrap()).read_data(_SecretId).secret_id)

        return await self._shared.unwrapped(given, unwrap)


class _Issued(msgspec.Struct, frozen=True):
    """``auth`` of an answer."""

    client_token: str
    lease_duration: float = 0
    renewable: bool = False
    entity_id: str = ""
    num_uses: int = 0
    policies: tuple[str, ...] | None = None


class _Lookup(msgspec.Struct, frozen=True):
    """``data`` of lookup-self."""

    ttl: float = 0
    renewable: bool = False
    entity_id: str = ""
    display_name: str = ""
    num_uses: int = 0
    policies: tuple[str, ...] | None = None
    identity_policies: tuple[str, ...] | None = None


class _Wrapping(msgspec.Struct, frozen=True):
    creation_path: str


class _SecretId(msgspec.Struct, frozen=True):
    secret_id: str


class _Body(msgspec.Struct, frozen=True):
    auth: _Issued | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


class _Reply(NamedTuple):
    """A good answer."""

    path: str
    body: _Body

    def read_data(self, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(self.body.data, type=kind)
        except UNREADABLE:
            raise _bad_reply(self.path) from None


class _Adapter(adapters.Adapter):  # type: ignore[misc] # hvac has no types
    """hvac's way to the node: each request is an awaitable of a :class:`_Reply`."""

    def __init__(self, send: Send, namespace: str | None, token: Secret | None = None) -> None:
        super().__init__(base_uri="", namespace=namespace)
        self._send_request = send
        self._secret = token

    def get_login_token(self, response: object) -> str:
        raise NotImplementedError  # hvac is told not to keep the token

    async def request(  # what hvac hands over beyond these is about TLS and timeouts, which the client has
        self, method: str, url: str, headers: Mapping[str, str] | None = None, json: object = None, **_: object
    ) -> _Reply:
        sent = dict(headers or {})
        if self.namespace:
            sent["X-Vault-Namespace"] = self.namespace
        if self._secret is not None:
            sent["X-Vault-Token"] = self._secret.reveal()
        path = url.strip("/").removeprefix("v1/")
        try:
            answer = await self._send_request(method.upper(), path, sent, json)
        except VaultError as error:
            raise LoginError(LoginFailure.UNAVAILABLE, str(error), error.reason) from error
        return _reply(answer)


def _reply(answer: Answer) -> _Reply:
    if answer.status not in _OK:
        raise _failure(answer)
    if not answer.body:
        return _Reply(answer.path, _Body())
    try:
        return _Reply(answer.path, answer.json(_Body))
    except VaultError:
        raise _bad_reply(answer.path) from None


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


def _bad_reply(path: str) -> LoginError:
    return LoginError(LoginFailure.BAD_REPLY, f"{path}: Vault's answer is not understood; is the mount of this method?")


def _token(reply: _Reply) -> Token:
    issued = reply.body.auth
    if issued is None or issued.lease_duration < 0 or not _is_token(issued.client_token):
        raise _bad_reply(reply.path)
    _refuse_limited(issued.num_uses)
    return Token(
        Secret(issued.client_token),
        issued.lease_duration,
        issued.renewable,
        issued.entity_id,
        policies=frozenset(issued.policies or ()),
    )


def _is_token(text: str) -> bool:
    """Tell whether this can be sent as a token."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _refuse_limited(num_uses: int) -> None:
    if num_uses:
        raise LoginError(
            LoginFailure.NUM_USES,
            "the token is good for a number of uses only, so scrapes would use it up; set num_uses (token_num_uses of "
            "the role) to 0",
        )


def _credential(value: Secret | None, file: Path | None, what: str, *, spaces: bool = False) -> Secret:
    """Return the credential, or what its file holds, without the space around it."""
    if value is not None:
        return value
    if file is None:
        raise LoginError(LoginFailure.NO_CREDENTIALS, f"there is no {what}")
    try:
        text = read_small(file, LARGEST_CREDENTIAL).decode()
    except OSError as error:
        raise LoginError(
            LoginFailure.NO_CREDENTIALS, f"{what}: {file} cannot be read: {error.strerror}; it is tried again"
        ) from error
    except UnicodeDecodeError:
        text = ""
    text = text.rstrip("\r\n") if spaces else text.strip()
    if not text or not text.isprintable() or (not spaces and not text.isascii()):
        raise LoginError(LoginFailure.NO_CREDENTIALS, f"{what}: {file} holds none; it is read again when it changes")
    return Secret(text)


def _aws(auth: logins.AwsAuth) -> dict[str, str | None]:
    has_session = auth.session_token is not None or auth.session_token_file is not None
    return {
        "access_key": auth.access_key.reveal(),
        "secret_key": _credential(auth.secret_key, auth.secret_key_file, "secret_key").reveal(),
        "session_token": _credential(auth.session_token, auth.session_token_file, "session_token").reveal()
        if has_session
        else None,
        "header_value": auth.header_value,
        "role": auth.role,
        "region": auth.region,
    }
