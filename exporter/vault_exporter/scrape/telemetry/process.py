"""Detect a restart of Vault's process between two pages."""

from typing import Final

__all__ = ["Process"]

_STARTED: Final = b"process_start_time_seconds "
_CPU: Final = b"process_cpu_seconds_total "

_CLOCK_STEP_SECONDS: Final = 2.0


class Process:
    """The identity of the process behind a target's pages.

    It is ``process_start_time_seconds``. The kernel derives it from the clock, so it can move by a second when the
    clock is slewed. A small move is not a restart if the process' CPU time keeps growing.

    Without a start time the process counts as the same. If it has restarted, each reset counter is handled as expired
    and continues from its last value. The increase is the same as with the reset that Prometheus would see.
    """

    def __init__(self) -> None:
        self._started: float | None = None
        self._cpu: float | None = None

    def has_restarted(self, page: bytes) -> bool:
        """Return whether a page comes from a newer process than the page before."""
        started, cpu = _value(page, _STARTED), _value(page, _CPU)
        if started is None:
            return False
        before, cpu_before = self._started, self._cpu
        self._started, self._cpu = started, cpu
        if before is None or started == before:
            return False
        runs_on = cpu is not None and cpu_before is not None and cpu > cpu_before
        return not (runs_on and abs(started - before) <= _CLOCK_STEP_SECONDS)


def _value(page: bytes, series: bytes) -> float | None:
    at = 0 if page.startswith(series) else page.find(b"\n" + series) + 1
    if not page.startswith(series, at):
        return None
    at += len(series)
    try:
        value = float(page[at : page.find(b"\n", at)])
    except ValueError:
        return None
    return None if value != value else value  # noqa: PLR0124 - NaN
