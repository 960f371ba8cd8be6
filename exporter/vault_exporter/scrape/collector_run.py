"""Runs one collector under a deadline, and turns each failure into a reason."""

import asyncio
import enum
import functools
import time
from collections.abc import Awaitable, Iterator, Mapping
from typing import NamedTuple

import structlog

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collectors import HEALTH, Reading
from vault_exporter.util.defects import internal_error
from vault_exporter.vault.client import VaultError

__all__ = ["CollectorRun", "CollectorRuns", "Deadline", "Skipped", "outcome"]

_log = structlog.get_logger(__name__)


class Skipped(enum.StrEnum):
    """Why a collector has no samples although it did not fail, for people."""

    SCOPE = "only the active node is asked"
    STATE = "not asked in the present state of the node"
    LACKING = "this server does not have it"


class CollectorRun(NamedTuple):
    """A collector's work: its result, or the reason why there is none."""

    result: Reading | None
    reason: Reason | None
    seconds: float
    detail: str = ""
    """Details of a failure or of a note, with the remedy; safe to show."""
    skipped: Skipped | None = None

    @property
    def state(self) -> str | None:
        """The reason of a failure, or a state that needs an operator; None is good."""
        note = self.result.note if self.result is not None else None
        return note.state if note is not None else self.reason


class Deadline:
    """Cancels the collectors of one scrape that run at its deadline. Make it inside a running event loop, and close it.

    One timer for all: with ``asyncio.timeout``, each collector would spend on it what it takes to read a small answer.

    Attributes:
        at: the loop's time.
        running: the tasks to cancel.
        over: whether they were cancelled.
    """

    def __init__(self, at: float) -> None:
        self.at = at
        self.running: set[asyncio.Task[object]] = set()
        self.over = False
        self._timer = asyncio.get_running_loop().call_at(at, self._end)

    def add(self, task: asyncio.Task[object]) -> None:
        """Cancel a task at the deadline, or as soon as it waits for something if the deadline has passed."""
        self.running.add(task)
        if self.over:
            # Not now: a task that ends without having waited would be cancelled although it has a result.
            asyncio.get_running_loop().call_soon(self._cancel, task)

    def close(self) -> None:
        """Stop the timer."""
        self._timer.cancel()

    def _end(self) -> None:
        self.over = True
        for task in self.running:
            task.cancel()

    def _cancel(self, task: asyncio.Task[object]) -> None:
        if task in self.running:
            task.cancel()


class CollectorRuns:
    """Runs the collectors of one target, and logs their states when they change, not at every scrape."""

    def __init__(self, target: str) -> None:
        self._log = _log.bind(target=target)
        self._states: dict[str, str | None] = {}

    async def make(
        self, collector: str, work: Awaitable[Reading], deadline: Deadline, *, needs: str = ""
    ) -> CollectorRun:
        """Run one collector, in its own task.

        Args:
            collector: its name.
            work: what to wait for.
            deadline: when it has failed.
            needs: the rules that a token's policy must have for it, for the log.
        """
        started = time.monotonic()
        result, reason, message = None, None, ""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for mypy
        deadline.add(task)
        try:
            result = await work
        except asyncio.CancelledError:
            if not deadline.over or task.uncancel():  # the scrape was cancelled
                raise
            reason, message = Reason.TIMEOUT, "no complete answer before the deadline of the scrape"
        except VaultError as error:
            reason, message = error.reason, str(error)
            if reason is Reason.PERMISSION_DENIED and needs:
                message = f"{message}; the collector needs a token with the policy: {needs}"
        except Exception as error:  # noqa: BLE001 - our own mistake, too, costs one collector and not the page
            reason, message = Reason.OTHER, internal_error(error)
            self._log.exception("collector broke", collector=collector)
        finally:
            deadline.running.discard(task)
        note = result.note if result is not None else None
        return CollectorRun(result, reason, time.monotonic() - started, note.remedy if note is not None else message)

    def report(self, runs: Mapping[str, CollectorRun]) -> None:
        """Log what changed since the last report, in one line for all collectors with the same news.

        A node that is down is one event, whatever else fails with it. So is a failed login, which logs it itself.
        """
        health = runs[HEALTH.name]
        if self._changed(HEALTH.name, health.state):
            if health.state is None:
                self._log.info("node answers again")
            else:
                self._log.warning("node is down", reason=str(health.state), detail=health.detail)
        if health.state is not None:
            return
        news: dict[tuple[str | None, str], list[str]] = {}
        for name, run in runs.items():
            if name != HEALTH.name and self._changed(name, run.state):
                news.setdefault((run.state, run.detail), []).append(name)
        for (state, detail), names in news.items():
            if state is None:
                self._log.info("collector works again", collector=", ".join(names))
            elif state != Reason.LOGIN_FAILED:
                self._log.warning("collector gets nothing", collector=", ".join(names), reason=state, detail=detail)

    def _changed(self, collector: str, state: str | None) -> bool:
        changed = state != self._states.get(collector)
        self._states[collector] = state
        return changed


def outcome(collector: str, run: CollectorRun) -> Iterator[Sample]:
    """Yield the samples about a run: success, duration, reason."""
    yield _success(collector, is_success=run.reason is None)
    yield c.COLLECTOR_DURATION(run.seconds, collector)
    if run.reason is not None:
        yield c.COLLECTOR_FAILURE(1, collector, run.reason)


@functools.cache
def _success(collector: str, *, is_success: bool) -> Sample:
    return c.COLLECTOR_SUCCESS(is_success, collector)
