"""Cache of recently denied calls. Retrying them at every scrape would fill Vault's audit log."""

from collections.abc import Callable
from typing import Final, NamedTuple

from vault_exporter.vault.answer import Answer

__all__ = ["Denials"]

_SECONDS: Final = 60.0
"""Lifetime of a cached denial."""
_MOST: Final = 1024
_WORDS: Final = ("permission denied", "missing client token")
"""Vault's messages if a policy lacks a capability. Other refusals may be over by the next scrape."""


class _Denial(NamedTuple):
    answer: Answer
    until: float
    surely: bool


class Denials:
    """The denials of one token by call, which is method and path."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start without denials.

        Args:
            clock: Unix time, in seconds.
        """
        self._clock = clock
        self._denials: dict[str, _Denial] = {}

    def recent(self, call: str) -> Answer | None:
        """Return the cached response that is still valid, if any."""
        denial = self._denials.get(call)
        return denial.answer if denial is not None and self._holds(denial) else None

    def surely(self, call: str) -> bool:
        """Return whether the call was denied while the token was known to be valid."""
        denial = self._denials.get(call)
        return denial is not None and denial.surely

    def note(self, call: str, answer: Answer, *, surely: bool) -> None:
        """Cache a refusal; ``surely`` if the token was valid, so that only its policies can be the cause."""
        self._denials.pop(call, None)
        if len(self._denials) >= _MOST:
            oldest = next(iter(self._denials))
            if self._holds(self._denials[oldest]):
                return
            del self._denials[oldest]
        seconds = _SECONDS if any(map(answer.says, _WORDS)) else 0.0
        # Drop the body, which may be large and is no longer needed.
        self._denials[call] = _Denial(answer._replace(body=b""), self._clock() + seconds, surely)

    def forget(self, call: str) -> None:
        """Remove a call that succeeded."""
        self._denials.pop(call, None)

    def clear(self) -> None:
        """Remove all denials, after the token or its policies changed."""
        self._denials.clear()

    def _holds(self, denial: _Denial) -> bool:
        now = self._clock()
        return now < denial.until <= now + _SECONDS  # a later end means that the clock was set back
