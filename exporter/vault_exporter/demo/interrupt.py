"""Ctrl-C and SIGTERM as something to wait for, instead of an exception in the middle of starting or stopping a part."""

import contextlib
import os
import select
import signal
from types import FrameType
from typing import Any, Final, Self

__all__ = ["Interrupt"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt:
    """Inside this context, the signals that end a program are noted and do nothing else. For the main thread only.

    ``stopped`` is true from the first signal on.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._previous: dict[signal.Signals, Any] = {}

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the first signal; tell whether there was one."""
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
        with contextlib.suppress(BlockingIOError):  # the pipe is full: it has been said often enough
            os.write(self._writer, b"\0")
