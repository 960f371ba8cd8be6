"""The token of one target: got when it is first needed, renewed, and got anew when Vault refuses it.

One login is shared by all calls that need it, and goes on when the scrape that began it is over. How often Vault is
asked is bounded: a refused login is tried again after a pause that grows from seconds to minutes (people get locked
out by less), and so is one whose token lives for seconds only; one that the node could not answer at the next scrape.
A call that is refused makes the exporter ask once whether its token is still good; only if it is not, it logs in
again.

Kept between scrapes: the token, what Vault said of it, what Vault denied it lately, and the counters.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, NamedTuple

import structlog

from vault_exporter.config.schema import logins
from vault_exporter.config.schema.model import Target
from vault_exporter.config.schema.secret import Secret
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.vault.answer import Answer
from vault_exporter.vault.auth.credentials import CredentialFiles
from vault_exporter.vault.auth.denials import Denials
from vault_exporter.vault.auth.login_backoff import JITTER, Pace
from vault_exporter.vault.auth.methods import LoginError, LoginFailure, Send, Shared, Token, Vault
from vault_exporter.vault.errors import NoTokenError

__all__ = ["TokenStatus", "Tokens"]

_RENEW_AT: Final = 2 / 3
"""Of a token's life."""
_SHORTEST_DELAY: Final = 1.0
_LONGEST_DELAY: Final = 7 * 86_400.0
"""Seconds between two looks at a token; a loop's timer has a limit."""
_WORN: Final = 0.9
"""A renewal that gives less than this part of the token's first life says that its end is near: log in next time."""
_REVOKE_SECONDS: Final = 2.0
_NOT_ASKED: Final = frozenset({LoginFailure.SEALED, LoginFailure.SECONDARY})
"""Why a node can say nothing of tokens, so that calls go out without one."""
_NEW_SECONDS: Final = 10.0
"""How long after a login a standby may not know its token."""

_log = structlog.get_logger(__name__)


class TokenStatus(NamedTuple):
    """How a token is."""

    method: str
    """How the exporter logs in."""
    valid: bool | None
    """Vault accepted it when last asked; None where nobody can say, on a disaster recovery secondary."""
    expires: float | None
    """Unix time, in seconds; None where it does not expire, or is not valid."""


class Tokens:
    """The current token of a target. Make it inside a running event loop, and close it."""

    def __init__(
        self,
        send: Send,
        target: Target,
        shared: Shared,
        *,
        clock: Callable[[], float] = time.time,
        random_part: Callable[[], float] = random.random,
    ) -> None:
        """Do nothing yet.

        Args:
            send: sends a request to the node; it bounds the time it takes.
            target: whose ``auth`` says how to log in.
            shared: what the logins of all targets share.
            clock: Unix time, in seconds.
            random_part: from 0 to 1, for jitter.
        """
        self._vault = Vault(send, target, shared)
        self._shared = shared
        self._auth = target.auth
        self._files = CredentialFiles(logins.credential_files(target.auth))
        self._clock = clock
        self._random = random_part
        self._log = _log.bind(target=target.name, method=target.auth.__struct_config__.tag)
        self._token: Token | None = None
        self._valid = False
        self._lookable = False
        self._unknown = False
        self._first_ttl = 0.0
        self._got = 0.0
        self._expires: float | None = None
        self._denials = Denials(clock)
        self._pace = Pace(clock, random_part)
        self._work: asyncio.Task[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._logins = 0
        self._login_failures: Counter[LoginFailure] = Counter()
        self._renewals = 0
        self._renewal_failures: Counter[LoginFailure] = Counter()

    @property
    def configured(self) -> bool:
        """Whether there is a login method."""
        return not isinstance(self._auth, logins.NoAuth)

    @property
    def new(self) -> bool:
        """Whether the token was got only now, so that other nodes than the active one may not know it yet."""
        return 0 <= self._clock() - self._got < _NEW_SECONDS

    @property
    def identity(self) -> tuple[str, str]:
        """The entity id and the display name that Vault's audit log has for the token; empty where unknown."""
        return (self._token.entity_id, self._token.display_name) if self._token else ("", "")

    @property
    def status(self) -> "TokenStatus":
        """How the token is."""
        failed = self._pace.failed
        if self._token is None and failed is not None and failed.failure is LoginFailure.SECONDARY:
            return TokenStatus(str(self._auth.__struct_config__.tag), None, None)
        valid = self._token is not None and self._valid
        return TokenStatus(str(self._auth.__struct_config__.tag), valid, self._expires if valid else None)

    @property
    def remedy(self) -> str:
        """What to do where Vault refuses the token or the login; empty where the error says that itself."""
        failed = self._pace.failed
        if failed is not None and failed.failure is not LoginFailure.DENIED:
            return ""
        if isinstance(self._auth, logins.TokenAuth):
            where = self._auth.token_file or "auth.token"
            return f"revoked, expired, or not allowed auth/token/lookup-self; put another one into {where}"
        return "compare the target's auth with Vault: the credentials, the role, the mount, the namespace"

    async def current(self) -> Secret | None:
        """Return the token, after a login if there is none; None without a login method, and for a sealed node.

        A sealed node answers every call with that fact, token or not.

        Raises:
            NoTokenError: the login failed, now or so recently that it is not tried again yet; or this is a single look,
                and Vault refuses the token that was given.
        """
        if isinstance(self._auth, logins.NoAuth):
            return None
        self._notice_changed_files()
        if self._token is not None and self._expires is not None and self._clock() >= self._expires:
            self._drop("the token has expired")
        if self._token is not None and not self._valid and self._pace.over:
            await self._share(self._log_in)  # it was refused, but may have been on a bad day of the node's
        if self._token is None:
            if self._work is not None or self._pace.free:
                await self._share(self._log_in)
            if self._token is None:
                error = self._pace.failed or LoginError(LoginFailure.BAD_REPLY, "the login was given up")
                if error.failure in _NOT_ASKED:
                    return None
                raise NoTokenError(error.reason, f"login: {error}")
        if self._shared.once and self._unknown:
            raise NoTokenError(Reason.PERMISSION_DENIED, "Vault refuses the token")
        return self._token.secret

    def denial(self, call: str) -> Answer | None:
        """Return what Vault answered lately where it denied the token this call, so as not to ask again so soon."""
        return self._denials.recent(call)

    async def refused(self, used: Secret | None, call: str, answer: Answer) -> bool:
        """Be told that Vault refused a call, or its token; return whether there is another token to try it with, once.

        Args:
            used: the token of the call, if it had one.
            call: its method and path.
            answer: the refusal.
        """
        if used is None:
            self._denials.note(call, answer, surely=False)
            return False
        self._notice_changed_files()
        if not self._is(used):
            return True
        good = self._denials.surely(call)
        if not good and self._valid:
            good = await self._share(self._verify)
        if self._is(used):
            self._denials.note(call, answer, surely=good)
            return False
        return isinstance(self._auth, logins.Login)

    def allowed(self, call: str) -> None:
        """Be told that a call was not refused."""
        self._denials.forget(call)

    def samples(self) -> Iterator[Sample]:
        """Yield what is known about the token, and the counters."""
        status = self.status
        yield c.AUTH_INFO(1, status.method)
        if isinstance(self._auth, logins.NoAuth):
            return
        if status.valid is not None:
            yield c.TOKEN_VALID(status.valid)
        if self._token is not None and status.valid:
            yield c.TOKEN_RENEWABLE(self._token.renewable)
            if status.expires is not None:
                yield c.TOKEN_EXPIRY(status.expires)
        yield c.TOKEN_RENEWALS(self._renewals)
        yield c.LOGINS(self._logins)
        for failure in LoginFailure:
            yield c.TOKEN_RENEWAL_FAILURES(self._renewal_failures[failure], failure)
            yield c.LOGIN_FAILURES(self._login_failures[failure], failure)

    async def close(self) -> None:
        """Stop renewing, and give a token back that a login gave."""
        if self._timer is not None:
            self._timer.cancel()
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        if self._token is not None and isinstance(self._auth, logins.Login):
            with contextlib.suppress(LoginError, TimeoutError):
                async with asyncio.timeout(_REVOKE_SECONDS):
                    await self._vault.revoke(self._token)
        self._token = None

    def _is(self, secret: Secret) -> bool:
        return self._token is not None and self._token.secret == secret

    async def _share(self, work: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
        """Do it, or wait for what is being done about the token already; a caller that gives up does not stop it."""
        if self._work is None:
            self._work = asyncio.create_task(work())
            self._work.add_done_callback(self._done)
        return await asyncio.shield(self._work)

    def _done(self, work: asyncio.Task[bool]) -> None:
        self._work = None
        if not work.cancelled() and (error := work.exception()) is not None:
            self._log.error("login broke", error=type(error).__name__)

    async def _log_in(self) -> bool:
        """Get a token and learn about it; tell whether there is one. A token that is still good is kept meanwhile."""
        self._logins += 1
        self._files.note()
        try:
            issued = await self._vault.log_in()
            self._shared.note_entity(issued.entity_id)  # before Vault is asked anything with it
            token, found = await self._look_up(issued)
        except LoginError as error:
            self._login_failures[error.failure] += 1
            if self._pace.note_failure(error):
                self._log.warning("cannot log in", reason=error.failure.value, detail=str(error))
            return False
        # A login's own answer is proof enough; a token that was given is only as good as what Vault says of it.
        self._lookable = found is None
        self._unknown = isinstance(self._auth, logins.TokenAuth) and found is not None and not found.by_policy
        told = self._token is not None and not self._valid
        self._take(token, valid=found is None or isinstance(self._auth, logins.Login))
        self._first_ttl, self._got = token.ttl, self._clock()
        if self._pace.note_success(token.ttl):
            self._log.warning("the token lives too short", seconds=token.ttl, remedy="raise the token_ttl of its role")
        if found is None:
            self._log.info("logged in", expires_in=f"{token.ttl:.0f}s" if token.ttl else "never")
        elif isinstance(self._auth, logins.TokenAuth):
            self._login_failures[found.failure] += 1
            self._pace.wait()
            if not told:
                self._log.warning("Vault refuses the token", detail=self.remedy)
        return True

    async def _look_up(self, token: Token) -> tuple[Token, LoginError | None]:
        """Ask Vault about a token; where it refuses to say, return that refusal beside what is known already."""
        try:
            found = await self._vault.look_up(token)
            # Looked up, the time left is cut to whole seconds.
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
        """Find out whether a refusal was the token's fault, and if so log in again; tell whether it surely was not."""
        token = self._token
        if token is None:
            return False
        if self._lookable:
            try:
                await self._vault.look_up(token)
            except LoginError as error:
                if error.failure is not LoginFailure.DENIED:
                    return False
            else:
                return True
        elif not self._pace.over:
            return False
        self._denials.clear()
        if isinstance(self._auth, logins.Login):
            await self._replace_refused()
        else:
            self._valid = False
            self._pace.wait()
            self._log.warning(
                "Vault refuses the token, and there is no way to get another", remedy="write a new one to its file"
            )
        return False

    async def _replace_refused(self) -> None:
        """Log in again, since the token is refused, or drop it and leave that for later."""
        if not self._lookable:  # it may be the path after all, so not too often
            self._pace.wait()
        elif not self._pace.note_refusal():
            self._drop("")
            return
        self._log.warning("Vault refuses the token; logging in again")
        if not self._pace.free or not await self._log_in():
            self._drop("")

    async def _renew(self) -> bool:
        """Renew the token before it expires, or log in again where that gives more."""
        token = self._token
        if token is None:
            return False
        if token.renewable and token.ttl >= self._first_ttl * _WORN:
            self._renewals += 1
            try:
                token = await self._vault.renew(token)
            except LoginError as error:
                self._renewal_failures[error.failure] += 1
                self._log.warning("cannot renew the token", detail=str(error))
            else:
                self._take(token, valid=True)
                return True
        if isinstance(self._auth, logins.Login):
            if self._pace.free and await self._log_in():
                return True
        elif (found := await self._looked_up_again(token)) is not None:
            self._take(found, valid=True)
            return True
        self._schedule(self._remaining() / 3)
        return False

    async def _looked_up_again(self, token: Token) -> Token | None:
        """Ask again about a token that somebody else may have renewed; None if it is as it was."""
        try:
            found = await self._vault.look_up(token)
        except LoginError:
            return None
        return found if found.ttl > self._remaining() + _SHORTEST_DELAY else None

    def _take(self, token: Token, *, valid: bool) -> None:
        known = self._token
        if known is None or (known.secret, known.policies, self._valid) != (token.secret, token.policies, valid):
            self._denials.clear()
        self._token, self._valid = token, valid
        self._shared.note_entity(token.entity_id)
        self._expires = self._clock() + token.ttl if token.ttl else None
        if token.ttl:
            self._schedule(token.ttl * _RENEW_AT * (1 - JITTER * self._random()))

    def _drop(self, why: str) -> None:
        if why:
            self._log.info(why)
        self._token, self._valid, self._expires = None, False, None
        self._denials.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _schedule(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        seconds = min(max(seconds, _SHORTEST_DELAY), _LONGEST_DELAY)
        self._timer = asyncio.get_running_loop().call_later(seconds, self._due)

    def _due(self) -> None:
        if self._work is None and self._token is not None:
            if self._remaining() <= 0:
                return  # the next call logs in
            self._work = asyncio.create_task(self._renew())
            self._work.add_done_callback(self._done)

    def _remaining(self) -> float:
        return self._expires - self._clock() if self._expires is not None else 0.0

    def _notice_changed_files(self) -> None:
        """Start over where something else is in a credential's file now; a token file's token is replaced."""
        if self._work is None and self._files.changed():
            self._pace.reset()
            if isinstance(self._auth, logins.TokenAuth):
                self._drop("")
