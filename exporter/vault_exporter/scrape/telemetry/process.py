"""Has Vault's process been restarted since the last page?"""

from typing import Final

__all__ = ["Process"]

_STARTED: Final = b"\nprocess_start_time_seconds "
_CPU: Final = b"\nprocess_cpu_seconds_total "

_CLOCK_STEP_SECONDS: Final = 2.0


class Process:
    """The identity of the process that a target's pages come from.

    It is ``process_start_time_seconds``. The kernel derives that from the clock, so it moves by a second when the
    clock is slewed; as long as the process' CPU time goes on growing, such a small move is no restart.

    A page without a start time says nothing, and the process counts as the same. Should it be another, each counter
    that starts again is taken for one that expired: it goes on from where it was, which has the same increase as the
    reset that Prometheus would have seen.
    """

    def __init__(self) -> None:
        self._started: float | None = None
        self._cpu: float | None = None

    def has_restarted(self, page: bytes) -> bool:
        """Say whether a page (beginning with a line end) comes from a later process than the one before."""
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
    at = page.find(series)
    if at < 0:
        return None
    at += len(series)
    try:
        value = float(page[at : page.find(b"\n", at)])
    except ValueError:
        return None
    return None if value != value else value  # noqa: PLR0124 - NaN
