"""What Vault denied a token lately: it is not asked again at every scrape, since each question is in its audit log."""

from collections.abc import Callable
from typing import Final, NamedTuple

from vault_exporter.vault.answer import Answer

__all__ = ["Denials"]

_SECONDS: Final = 60.0
"""How long an answer stands in for the next."""
_MOST: Final = 1024
_WORDS: Final = ("permission denied", "missing client token")
"""What Vault says where a policy lacks something; other refusals may have a cause that is gone by the next scrape."""


class _Denial(NamedTuple):
    answer: Answer
    until: float
    surely: bool


class Denials:
    """The denials of one token, by call: its method and path."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Know of none.

        Args:
            clock: Unix time, in seconds.
        """
        self._clock = clock
        self._denials: dict[str, _Denial] = {}

    def recent(self, call: str) -> Answer | None:
        """Return the answer that still holds, if there is one."""
        denial = self._denials.get(call)
        return denial.answer if denial is not None and self._holds(denial) else None

    def surely(self, call: str) -> bool:
        """Tell whether the call was denied before, while the token was known to be good."""
        denial = self._denials.get(call)
        return denial is not None and denial.surely

    def note(self, call: str, answer: Answer, *, surely: bool) -> None:
        """Remember a refusal; ``surely`` if the token was good, so that only its policies can be the cause."""
        self._denials.pop(call, None)
        if len(self._denials) >= _MOST:
            oldest = next(iter(self._denials))
            if self._holds(self._denials[oldest]):
                return
            del self._denials[oldest]
        seconds = _SECONDS if any(map(answer.says, _WORDS)) else 0.0
        # Without the body, which may be large and says no more.
        self._denials[call] = _Denial(answer._replace(body=b""), self._clock() + seconds, surely)

    def forget(self, call: str) -> None:
        """Be told that a call was not refused."""
        self._denials.pop(call, None)

    def clear(self) -> None:
        """Start over: for another token, or one that may do other things."""
        self._denials.clear()

    def _holds(self, denial: _Denial) -> bool:
        now = self._clock()
        return now < denial.until <= now + _SECONDS  # later it is only where the clock was set back
