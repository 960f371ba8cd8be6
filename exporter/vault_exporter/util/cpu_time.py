"""Limit the CPU time of work whose amount other servers decide, such as that of their regular expressions."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Final

__all__ = ["CpuTimeError", "limited"]

_SIGNAL: Final = signal.SIGVTALRM
_TIMER: Final = signal.ITIMER_VIRTUAL


class CpuTimeError(Exception):
    """The work took longer than it may."""


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Limit the CPU time of what is done in this context. Works in the main thread only, and also within ``re``.

    Args:
        seconds: of this process in user mode.

    Raises:
        CpuTimeError: the time is over.
    """

    def stop(_: int, __: FrameType | None) -> None:
        raise CpuTimeError

    before = signal.signal(_SIGNAL, stop)
    try:
        signal.setitimer(_TIMER, seconds)
        yield
    finally:
        signal.setitimer(_TIMER, 0)
        signal.signal(_SIGNAL, before)
