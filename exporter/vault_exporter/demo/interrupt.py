"""Turn Ctrl-C and SIGTERM into an event to wait for, so that no exception interrupts the start or stop of a part."""

import contextlib
import os
import select
import signal
from types import FrameType
from typing import Any, Final, Self

__all__ = ["Interrupt"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt:
    """Inside this context, SIGINT and SIGTERM are only recorded. For the main thread only.

    ``stopped`` is true from the first signal on.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._previous: dict[signal.Signals, Any] = {}

    def wait(self, seconds: float) -> bool:
        """Wait for this time or until the first signal; return whether there was one."""
        if not self.stopped:
            # A pipe, because a lock taken in a signal's handler could be held by what the signal interrupted.
            select.select([self._reader], [], [], max(seconds, 0))
        return self.stopped

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        for number in _SIGNALS:
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # started with nohup
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        os.close(self._reader)
        os.close(self._writer)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.stopped = True
        with contextlib.suppress(BlockingIOError):  # the pipe is full, so a signal is already recorded
            os.write(self._writer, b"\0")
