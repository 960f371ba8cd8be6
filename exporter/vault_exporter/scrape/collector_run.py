"""Something asked of a node: it ends before a deadline, and a failure of it becomes a reason."""

import asyncio
import time
from collections.abc import Awaitable, Iterator
from typing import Generic, NamedTuple, TypeVar

import structlog

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.vault.client import VaultError

__all__ = ["CollectorRun", "CollectorRuns", "outcome"]

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class CollectorRun(NamedTuple, Generic[T]):
    """A collector's work: its result, or the reason why there is none."""

    result: T | None
    reason: Reason | None
    seconds: float


class CollectorRuns:
    """Makes the attempts of one target, and logs a collector's state when it changes, not at every scrape."""

    def __init__(self, target: str) -> None:
        self._log = _log.bind(target=target)
        self._states: dict[str, str | None] = {}
        self.details: dict[str, str] = {}
        """What there is to say of each collector that gets nothing, beside the reason; safe to show."""

    async def make(
        self, collector: str, work: Awaitable[T], deadline: float, *, needs: str = "", quiet: bool = False
    ) -> CollectorRun[T]:
        """Do one collector's work.

        Args:
            collector: its name.
            work: what to wait for.
            deadline: when it has failed, in the loop's time.
            needs: the rules that a token's policy must have for it, for the log.
            quiet: do not note success, since the caller knows better what to note.
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
        if not quiet or reason is not None:
            self.note(collector, reason, message)
        return CollectorRun(result, reason, time.monotonic() - started)

    def note(self, collector: str, state: str | None, message: str) -> None:
        """Note the present state (None is good)."""
        self.details[collector] = message
        if state == self._states.get(collector):
            return
        self._states[collector] = state
        if state is None:
            self._log.info("collector works again", collector=collector)
        else:
            self._log.warning("collector gets nothing", collector=collector, reason=str(state), detail=message)


def outcome(collector: str, attempt: CollectorRun[T]) -> Iterator[Sample]:
    """Tell how a collector's attempt went."""
    yield c.COLLECTOR_SUCCESS(attempt.reason is None, collector)
    yield c.COLLECTOR_DURATION(attempt.seconds, collector)
    if attempt.reason is not None:
        yield c.COLLECTOR_FAILURE(1, collector, attempt.reason)
