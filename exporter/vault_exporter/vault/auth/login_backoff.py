"""How often a login is tried: people get locked out by less than one a scrape."""

from collections.abc import Callable
from typing import Final

from vault_exporter.vault.auth.errors import LoginError, LoginFailure

__all__ = ["JITTER", "LoginBackoff"]

JITTER: Final = 0.1
"""How much earlier something may be done, so that many exporters do not come at once."""
_SHORT_PAUSE: Final = 1.0
"""Seconds; shorter than any interval of scrapes, and enough for the collectors of one to try once."""
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 300.0
_CALM: Final = 2 * _LONGEST_PAUSE
"""Seconds without a refusal after which the next one is the first again."""

_NOBODY_ASKED: Final = frozenset(
    {LoginFailure.NO_CREDENTIALS, LoginFailure.SEALED, LoginFailure.SECONDARY, LoginFailure.UNAVAILABLE}
)
"""They say nothing about credentials, so the next scrape may try again."""


class LoginBackoff:
    """The pause before the next login of a target, and the failure that it is for."""

    def __init__(self, clock: Callable[[], float], random_part: Callable[[], float]) -> None:
        """Let the first login be at once.

        Args:
            clock: Unix time, in seconds.
            random_part: from 0 to 1, for jitter.
        """
        self.failed: LoginError | None = None
        """Why there is no token, or none that lasts; None if the last login was good."""
        self._clock = clock
        self._random = random_part
        self._not_before = 0.0
        self._pause = _FIRST_PAUSE
        self._refused_at = -_CALM
        self._pause_after_refusal = _FIRST_PAUSE

    @property
    def over(self) -> bool:
        """Whether the pause is over."""
        now = self._clock()
        return not now < self._not_before <= now + _LONGEST_PAUSE  # later it is only where the clock was set back

    @property
    def free(self) -> bool:
        """Whether a login may be tried: the last one was good, or long enough ago."""
        return self.failed is None or self.over

    def reset(self) -> None:
        """Let the next login be at once, since the credentials are others."""
        self._not_before, self._pause = 0.0, _FIRST_PAUSE

    def wait(self) -> None:
        """Make the longest pause."""
        self._not_before = self._clock() + _LONGEST_PAUSE

    def note_failure(self, error: LoginError) -> bool:
        """Be told of a failed login; return whether that is news."""
        news = self.failed is None or self.failed.failure is not error.failure
        self.failed = error
        if error.failure in _NOBODY_ASKED:
            self._not_before, self._pause = self._clock() + _SHORT_PAUSE, _FIRST_PAUSE
        else:
            self._pause_longer()
        return news

    def note_success(self, ttl: float) -> bool:
        """Be told of a good login; return whether it is news that its token is gone before another may be had.

        Args:
            ttl: seconds that the token is good for; 0 is for ever.
        """
        if not ttl or ttl >= _FIRST_PAUSE:
            self.failed, self._pause = None, _FIRST_PAUSE
            self._distrust()
            return False
        news = self.failed is None
        self.failed = LoginError(LoginFailure.BAD_REPLY, f"the last token lived for {ttl:g} s only; raise token_ttl")
        self._pause_longer()
        return news

    def note_refusal(self) -> bool:
        """Be told that the token of a good login is refused; return whether to log in again at once.

        A node that gives tokens and does not take them is not asked for one at each scrape.
        """
        if not self._is_distrusted:
            self._pause_after_refusal = _FIRST_PAUSE
        self._refused_at = self._clock()
        if not self.over:
            self.failed = LoginError(LoginFailure.DENIED, "Vault does not take the token that it gave just now")
            return False
        return True

    @property
    def _is_distrusted(self) -> bool:
        return 0 <= self._clock() - self._refused_at < _CALM

    def _distrust(self) -> None:
        """Have the token of this login be the last for a while, if those before it were refused."""
        if self._is_distrusted:
            pause = self._pause_after_refusal
            self._not_before = max(self._not_before, self._clock() + pause * (1 - JITTER * self._random()))
            self._pause_after_refusal = min(pause * 2, _LONGEST_PAUSE)

    def _pause_longer(self) -> None:
        self._not_before = self._clock() + self._pause * (1 - JITTER * self._random())
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
