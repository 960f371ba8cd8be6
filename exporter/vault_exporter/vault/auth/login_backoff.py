"""The pause between login attempts. One attempt per scrape could trigger Vault's user lockout."""

from collections.abc import Callable
from typing import Final

from vault_exporter.vault.auth.errors import LoginError, LoginFailure
from vault_exporter.vault.errors import forget_frames

__all__ = ["JITTER", "LoginBackoff"]

JITTER: Final = 0.1
"""Largest fraction by which a delay is shortened at random, so that many exporters do not log in at once."""
_SHORT_PAUSE: Final = 1.0
"""Seconds; shorter than a scrape interval, and long enough for one attempt per scrape."""
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 300.0
_CALM: Final = 2 * _LONGEST_PAUSE
"""Seconds without a refused token after which the pause starts at its minimum again."""

_NOBODY_ASKED: Final = frozenset(
    {LoginFailure.NO_CREDENTIALS, LoginFailure.SEALED, LoginFailure.SECONDARY, LoginFailure.UNAVAILABLE}
)
"""Failures that do not count as a failed login at Vault, so the next scrape may retry."""


class LoginBackoff:
    """The pause before the next login of a target, and the failure that caused it."""

    def __init__(self, clock: Callable[[], float], random_part: Callable[[], float]) -> None:
        """Start without a pause.

        Args:
            clock: Unix time, in seconds.
            random_part: returns a number from 0 to 1, for jitter.
        """
        self.failed: LoginError | None = None
        """The failure of the last login, or a token that expires too soon; None after a success."""
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
        return not now < self._not_before <= now + _LONGEST_PAUSE  # a later end means that the clock was set back

    @property
    def free(self) -> bool:
        """Whether a login is allowed: the last one succeeded, or its pause is over."""
        return self.failed is None or self.over

    def reset(self) -> None:
        """End the pause, because the credentials have changed."""
        self._not_before, self._pause = 0.0, _FIRST_PAUSE

    def wait(self) -> None:
        """Start the longest pause."""
        self._not_before = self._clock() + _LONGEST_PAUSE

    def note_failure(self, error: LoginError) -> bool:
        """Record a failed login; return whether to log it, because its reason is new."""
        news = self.failed is None or self.failed.failure is not error.failure
        forget_frames(error)
        self.failed = error
        if error.failure in _NOBODY_ASKED:
            self._not_before, self._pause = self._clock() + _SHORT_PAUSE, _FIRST_PAUSE
        else:
            self._pause_longer()
        return news

    def note_success(self, ttl: float) -> bool:
        """Record a successful login; return whether to log that its token expires before the next login is allowed.

        Args:
            ttl: lifetime of the token in seconds; 0 if it does not expire.
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
        """Record that Vault refused a token that it issued; return whether to log in again at once.

        It prevents a login at each scrape if a node refuses every token that it issues.
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
        """Start a pause after this login if Vault refused earlier tokens."""
        if self._is_distrusted:
            pause = self._pause_after_refusal
            self._not_before = max(self._not_before, self._clock() + pause * (1 - JITTER * self._random()))
            self._pause_after_refusal = min(pause * 2, _LONGEST_PAUSE)

    def _pause_longer(self) -> None:
        self._not_before = self._clock() + self._pause * (1 - JITTER * self._random())
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
