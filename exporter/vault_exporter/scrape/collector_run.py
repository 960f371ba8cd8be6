"""Runs one collector under a deadline, and turns each failure into a reason."""

import asyncio
import time
from collections.abc import Awaitable, Iterator
from typing import NamedTuple

import structlog

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collectors import Reading
from vault_exporter.vault.client import VaultError

__all__ = ["CollectorRun", "CollectorRuns", "outcome"]

_log = structlog.get_logger(__name__)


class CollectorRun(NamedTuple):
    """A collector's work: its result, or the reason why there is none."""

    result: Reading | None
    reason: Reason | None
    seconds: float
    detail: str = ""
    """Details of a failure or of a note, with the remedy; safe to show."""


class CollectorRuns:
    """Runs the collectors of one target, and logs the state of each when it changes, not at every scrape."""

    def __init__(self, target: str) -> None:
        self._log = _log.bind(target=target)
        self._states: dict[str, str | None] = {}

    async def make(self, collector: str, work: Awaitable[Reading], deadline: float, *, needs: str = "") -> CollectorRun:
        """Run one collector.

        Args:
            collector: its name.
            work: what to wait for.
            deadline: when it has failed, in the loop's time.
            needs: the rules that a token's policy must have for it, for the log.
        """
        started = time.monotonic()
        result, reason, message = None, None, ""
        try:
            async with asyncio.timeout_at(deadline):
                result = await work
        except TimeoutError:
            reason, message = Reason.TIMEOUT, "no complete answer before the deadline of the scrape"
        except VaultError as error:
            reason, message = error.reason, str(error)
            if reason is Reason.PERMISSION_DENIED and needs:
                message = f"{message}; the collector needs a token with the policy: {needs}"
        except Exception as error:  # noqa: BLE001 - our own mistake, too, costs one collector and not the page
            reason, message = Reason.OTHER, type(error).__name__
            self._log.exception("collector broke", collector=collector)
        note = result.note if result is not None else None
        state, detail = (note.state, note.remedy) if note is not None else (reason, message)
        self._report(collector, state, detail)
        return CollectorRun(result, reason, time.monotonic() - started, detail)

    def _report(self, collector: str, state: str | None, detail: str) -> None:
        """Log the state (None is good) if it changed."""
        if state == self._states.get(collector):
            return
        self._states[collector] = state
        if state is None:
            self._log.info("collector works again", collector=collector)
        else:
            self._log.warning("collector gets nothing", collector=collector, reason=str(state), detail=detail)


def outcome(collector: str, run: CollectorRun) -> Iterator[Sample]:
    """Yield the samples about a run: success, duration, reason."""
    yield c.COLLECTOR_SUCCESS(run.reason is None, collector)
    yield c.COLLECTOR_DURATION(run.seconds, collector)
    if run.reason is not None:
        yield c.COLLECTOR_FAILURE(1, collector, run.reason)
