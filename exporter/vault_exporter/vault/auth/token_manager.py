"""The token of one target. The manager logs in on first use, renews the token, and replaces it if Vault refuses it.

All calls that need a token share one login, which continues if the scrape that started it ends. After a refused login,
or a token that expires within seconds, the next attempt waits for a backoff that grows from seconds to minutes, because
Vault locks users out. If the node was unavailable, the next scrape retries. After a refused call the manager looks the
token up once, and logs in again only if the token is no longer valid.

Kept between scrapes: the token and its state, recent denials, and the counters.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import structlog

from vault_exporter.config.schema import logins
from vault_exporter.config.schema.model import Target
from vault_exporter.config.schema.secret import Secret
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.vault.answer import Answer
from vault_exporter.vault.auth.counters import LoginCounters
from vault_exporter.vault.auth.credentials import CredentialFiles
from vault_exporter.vault.auth.denials import Denials
from vault_exporter.vault.auth.endpoints import TokenEndpoints
from vault_exporter.vault.auth.errors import LoginError, LoginFailure
from vault_exporter.vault.auth.login_backoff import JITTER, LoginBackoff
from vault_exporter.vault.auth.send import Send
from vault_exporter.vault.auth.shared import Shared
from vault_exporter.vault.auth.token import HeldToken, Token
from vault_exporter.vault.auth.token_work import TokenWork
from vault_exporter.vault.errors import NoTokenError

__all__ = ["TokenManager", "TokenStatus"]

_RENEW_AT: Final = 2 / 3
"""Fraction of the TTL after which the token is renewed."""
_LEAST_GAIN: Final = 1.0
"""Seconds by which the expiry must have moved, so that somebody else has renewed the token."""
_REVOKE_SECONDS: Final = 0.75
"""Time limit for the revocation at shutdown. The exporter stops within five seconds."""
_NOT_ASKED: Final = frozenset({LoginFailure.SEALED, LoginFailure.SECONDARY})
"""Failures of nodes that cannot check tokens. Calls to them carry no token."""

_log = structlog.get_logger(__name__)


class TokenStatus(NamedTuple):
    """The state of the login, for metrics and the ``status`` command."""

    method: str
    """The login method."""
    valid: bool | None
    """Whether Vault accepted the token at the last check; None if unknown, as on a disaster recovery secondary."""
    expires: float | None
    """Unix time in seconds; None if it does not expire, or is not valid."""


class TokenManager:
    """Manages the token of one target. Needs a running event loop; close it after use."""

    def __init__(
        self,
        send: Send,
        target: Target,
        shared: Shared,
        *,
        clock: Callable[[], float] = time.time,
        random_part: Callable[[], float] = random.random,
    ) -> None:
        """Create the manager without logging in.

        Args:
            send: sends a request to the node, with its own timeout.
            target: the target with its ``auth`` settings.
            shared: state that the logins of all targets share.
            clock: Unix time, in seconds.
            random_part: returns a number from 0 to 1, for jitter.
        """
        self._shared = shared
        self._endpoints = TokenEndpoints(send, target, shared)
        self._auth = target.auth
        self._files = CredentialFiles(logins.credential_files(target.auth))
        self._clock = clock
        self._random = random_part
        self._log = _log.bind(target=target.name, method=target.auth.__struct_config__.tag)
        self._held: HeldToken | None = None
        self._denials = Denials(clock)
        self._backoff = LoginBackoff(clock, random_part)
        self._counters = LoginCounters()
        self._work = TokenWork(self._log)

    @property
    def configured(self) -> bool:
        """Whether a login method is configured."""
        return not isinstance(self._auth, logins.NoAuth)

    @property
    def new(self) -> bool:
        """Whether the login was so recent that standbys may not know the token yet."""
        return self._held is not None and self._held.is_new(self._clock())

    @property
    def identity(self) -> tuple[str, str]:
        """Entity id and display name of the token, as in Vault's audit log; empty if unknown."""
        return (self._held.token.entity_id, self._held.token.display_name) if self._held else ("", "")

    @property
    def status(self) -> TokenStatus:
        """The state of the login."""
        method, held, failed = str(self._auth.__struct_config__.tag), self._held, self._backoff.failed
        if held is not None:
            return TokenStatus(method, held.valid, held.expires if held.valid else None)
        nobody_knows = failed is not None and failed.failure is LoginFailure.SECONDARY
        return TokenStatus(method, None if nobody_knows else False, None)

    @property
    def remedy(self) -> str:
        """What the operator can do if Vault refuses the token or the login; empty if the error says it."""
        failed = self._backoff.failed
        if failed is not None and failed.failure is not LoginFailure.DENIED:
            return ""
        if isinstance(self._auth, logins.TokenAuth):
            where = self._auth.token_file or "auth.token"
            return f"revoked, expired, or not allowed auth/token/lookup-self; put another one into {where}"
        return "compare the target's auth with Vault: the credentials, the role, the mount, the namespace"

    async def current(self) -> Secret | None:
        """Return the token, and log in if there is none. None without a login method and for a sealed node.

        A sealed node answers every call with an error, with or without a token.

        Raises:
            NoTokenError: the login failed now, or recently and the pause is not over; or a one-shot command was given a
                token that Vault refuses.
        """
        if isinstance(self._auth, logins.NoAuth):
            return None
        self._notice_changed_files()
        now = self._clock()
        if self._held is not None and self._held.expires is not None and now >= self._held.expires:
            self._drop("the token has expired")
        if self._held is not None and not self._held.valid and self._backoff.over:
            await self._work.share(self._log_in)  # retry: the refusal may have had another cause than the token
        if self._held is None and (self._work.running or self._backoff.free):
            await self._work.share(self._log_in)
        held = self._held
        if held is None:
            error = self._backoff.failed or LoginError(LoginFailure.BAD_REPLY, "the login was given up")
            if error.failure in _NOT_ASKED:
                return None
            raise NoTokenError(error.reason, f"login: {error}")
        if self._shared.once and held.refusal:
            raise NoTokenError(Reason.PERMISSION_DENIED, f"Vault refuses the token: {held.refusal}")
        return held.token.secret

    def denial(self, call: str) -> Answer | None:
        """Return the cached response of a recently denied call, if any."""
        return self._denials.recent(call)

    async def refused(self, used: Secret | None, call: str, answer: Answer) -> bool:
        """Handle a refused call; return whether to retry it once, with a new token.

        Args:
            used: the token of the call, if any.
            call: method and path.
            answer: the response.
        """
        if used is None:
            self._denials.note(call, answer, surely=False)
            return False
        self._notice_changed_files()
        if not self._is(used):
            return True
        good = self._denials.surely(call)
        if not good and self._held is not None and self._held.valid:
            good = await self._work.share(self._verify)
        if self._is(used):
            self._denials.note(call, answer, surely=good)
            return False
        return isinstance(self._auth, logins.Login)

    def allowed(self, call: str) -> None:
        """Record that a call was not refused."""
        self._denials.forget(call)

    def samples(self) -> Iterator[Sample]:
        """Yield the state of the token, and the counters."""
        status = self.status
        yield c.AUTH_INFO(1, status.method)
        if isinstance(self._auth, logins.NoAuth):
            return
        if status.valid is not None:
            yield c.TOKEN_VALID(status.valid)
        if self._held is not None and status.valid:
            yield c.TOKEN_RENEWABLE(self._held.token.renewable)
            if status.expires is not None:
                yield c.TOKEN_EXPIRY(status.expires)
        yield from self._counters.samples()

    async def close(self) -> None:
        """Stop renewing, and revoke the token if it comes from a login."""
        await self._work.stop()
        if self._held is not None and isinstance(self._auth, logins.Login):
            with contextlib.suppress(LoginError, TimeoutError):
                async with asyncio.timeout(_REVOKE_SECONDS):
                    await self._endpoints.revoke(self._held.token)
        self._held = None

    def _is(self, secret: Secret) -> bool:
        return self._held is not None and self._held.token.secret == secret

    async def _log_in(self) -> bool:
        """Log in and look the token up; return whether there is a token. A valid token stays in use meanwhile."""
        self._counters.logins += 1
        self._files.note()
        try:
            issued = await self._endpoints.log_in()
            self._shared.note_entity(issued.entity_id)  # before the first request with the token
            token, refusal = await self._look_up(issued)
        except LoginError as error:
            self._counters.login_failures[error.failure] += 1
            if self._backoff.note_failure(error) and not error.is_unanswered:
                self._log.warning("cannot log in", reason=error.failure.value, detail=str(error))
            return False
        was_refused = self._held is not None and not self._held.valid
        given = isinstance(self._auth, logins.TokenAuth)
        self._hold(
            HeldToken(
                token,
                # A successful login proves that the token is valid. A configured token needs a successful lookup.
                valid=refusal is None or not given,
                expires=None,
                obtained=self._clock(),
                first_ttl=token.ttl,
                lookable=refusal is None,
                refusal=str(refusal) if given and refusal is not None and not refusal.by_policy else "",
            )
        )
        if self._backoff.note_success(token.ttl):
            self._log.warning("the token lives too short", seconds=token.ttl, remedy="raise the token_ttl of its role")
        if refusal is None:
            self._log.info("logged in", expires_in=f"{token.ttl:.0f}s" if token.ttl else "never")
        elif given:
            self._counters.login_failures[refusal.failure] += 1
            self._backoff.wait()
            if not was_refused:
                self._log.warning("Vault refuses the token", detail=str(refusal), remedy=self.remedy)
        return True

    async def _look_up(self, token: Token) -> tuple[Token, LoginError | None]:
        """Look a token up. If the lookup is denied, return the known token with the error."""
        try:
            found = await self._endpoints.look_up(token)
            # The lookup rounds the TTL down to whole seconds.
            return found._replace(ttl=max(found.ttl, token.ttl)), None
        except LoginError as error:
            if error.failure is not LoginFailure.DENIED:
                if isinstance(self._auth, logins.Login) and error.failure is not LoginFailure.NUM_USES:
                    return token, None
                raise
            if isinstance(self._auth, logins.Login):
                self._log.info("the token may not look itself up", remedy="grant read on auth/token/lookup-self")
            return token, error

    async def _verify(self) -> bool:
        """Check the token after a refused call, and log in again if it is invalid. Return whether it is still valid."""
        held = self._held
        if held is None:
            return False
        if held.lookable:
            try:
                await self._endpoints.look_up(held.token)
            except LoginError as error:
                if error.failure is not LoginFailure.DENIED:
                    return False
            else:
                return True
        elif not self._backoff.over:
            return False
        self._denials.clear()
        if isinstance(self._auth, logins.Login):
            await self._replace_refused(held)
        else:
            self._held = held._replace(valid=False)
            self._backoff.wait()
            self._log.warning(
                "Vault refuses the token, and there is no way to get another", remedy="write a new one to its file"
            )
        return False

    async def _replace_refused(self, held: HeldToken) -> None:
        """Log in again because the token is refused, or drop it if a login is not allowed yet."""
        if not held.lookable:  # the path may be the cause, so do not log in often
            self._backoff.wait()
        elif not self._backoff.note_refusal():
            self._drop("")
            return
        self._log.warning("Vault refuses the token; logging in again")
        if not self._backoff.free or not await self._log_in():
            self._drop("")

    async def _renew(self) -> bool:
        """Renew the token before it expires, or log in again if that gives a longer TTL."""
        held = self._held
        if held is None:
            return False
        if not held.is_worn:
            self._counters.renewals += 1
            try:
                token = await self._endpoints.renew(held.token)
            except LoginError as error:
                self._counters.renewal_failures[error.failure] += 1
                if not error.is_unanswered:
                    self._log.warning("cannot renew the token", detail=str(error))
            else:
                self._hold(held._replace(token=token, valid=True))
                return True
        if isinstance(self._auth, logins.Login):
            if self._backoff.free and await self._log_in():
                return True
        elif (found := await self._renewed_by_others(held)) is not None:
            self._hold(held._replace(token=found, valid=True))
            return True
        self._work.schedule(held.remaining(self._clock()) / 3, self._renew_if_held)
        return False

    async def _renewed_by_others(self, held: HeldToken) -> Token | None:
        """Look up a token that another process may have renewed; None if its expiry has not moved."""
        try:
            found = await self._endpoints.look_up(held.token)
        except LoginError:
            return None
        return found if found.ttl > held.remaining(self._clock()) + _LEAST_GAIN else None

    def _hold(self, held: HeldToken) -> None:
        """Use this token from now on. It was issued, renewed or looked up just now."""
        known, token = self._held, held.token
        if known is None or (known.token.secret, known.token.policies, known.valid) != (
            token.secret,
            token.policies,
            held.valid,
        ):
            self._denials.clear()
        self._held = held._replace(expires=self._clock() + token.ttl if token.ttl else None)
        self._shared.note_entity(token.entity_id)
        if token.ttl:
            self._work.schedule(token.ttl * _RENEW_AT * (1 - JITTER * self._random()), self._renew_if_held)

    def _drop(self, why: str) -> None:
        if why:
            self._log.info(why)
        self._held = None
        self._denials.clear()
        self._work.unschedule()

    def _renew_if_held(self) -> None:
        # After the expiry the next call logs in.
        if not self._work.running and self._held is not None and self._held.remaining(self._clock()) > 0:
            self._work.start(self._renew)

    def _notice_changed_files(self) -> None:
        """End the pause if a credential file has changed. Also drop the token if it came from that file."""
        if not self._work.running and self._files.changed():
            self._backoff.reset()
            if isinstance(self._auth, logins.TokenAuth):
                self._drop("")
