"""Run the inputs, and pass their lines to the pipeline, in the event loop.

Receiving and counting take turns: one step passes about a hundred lines to the pipeline, then the loop reads from the
network. So a write by Vault waits for one step at most.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import structlog

from vault_exporter.audit.count.pipeline import Pipeline
from vault_exporter.audit.inputs.http import HttpEndpoint
from vault_exporter.audit.inputs.registry import Input, make_input
from vault_exporter.audit.parse.decode import Reject
from vault_exporter.audit.status import LogStatus
from vault_exporter.config.schema.model import Audit
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample

__all__ = ["InputError", "InputReader"]

_SHORTEST_PAUSE: Final = 0.001
_LONGEST_PAUSE: Final = 0.1

_log = structlog.get_logger(__name__)


class InputError(Exception):
    """An input cannot be opened. The message names the input, the cause and the remedy."""


class InputReader:
    """All configured inputs.

    Attributes:
        pipeline: the pipeline that counts the lines.
        endpoint: the HTTP endpoint, if configured.
    """

    def __init__(
        self, settings: Audit, pipeline: Pipeline, *, wait: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        """Create the inputs without opening them.

        Args:
            settings: the inputs and their limits.
            pipeline: the pipeline that counts the lines.
            wait: sleeps for a number of seconds; 0 only yields to other tasks.
        """
        self._wait = wait
        self.pipeline = pipeline
        self._inputs = tuple(make_input(given, settings.max_line_bytes) for given in settings.inputs)
        self._up: dict[str, bool] = {}
        self.endpoint = next((one for one in self._inputs if isinstance(one, HttpEndpoint)), None)
        for one in self._inputs:
            pipeline.open(one.label)

    async def start(self) -> None:
        """Open the inputs.

        Raises:
            InputError: an input cannot be opened; all others are closed again.
        """
        for one in self._inputs:
            try:
                await one.start()
            except OSError as error:
                await self.close()
                raise InputError(
                    f"cannot listen on {one.label}: {error.strerror or type(error).__name__}; "
                    "choose another address in audit.inputs, or see who uses this one"
                ) from error
        self._report()

    async def run(self) -> None:
        """Process lines until cancelled."""
        pause = _SHORTEST_PAUSE
        while self._inputs:
            busy = False
            for one in self._inputs:
                busy |= self._step(one)
                await self._wait(0)
            self._report()
            pause = _SHORTEST_PAUSE if busy else min(pause * 2, _LONGEST_PAUSE)
            if not busy:
                await self._wait(pause)

    async def close(self) -> None:
        """Close the inputs, and process the lines that they have received."""
        for one in self._inputs:
            await one.close()
            while one.buffer.held_bytes and self._step(one):
                pass

    def samples(self) -> Iterator[Sample]:
        """Yield the state of each input."""
        for one in self._inputs:
            label, buffer = one.label, one.buffer
            yield c.AUDIT_READABLE(one.up, label)
            if (last := self.pipeline.last_entry(label)) is not None:
                yield c.AUDIT_LAST_ENTRY(last, label)
            yield c.AUDIT_READ_BYTES(buffer.received_bytes, label)
            yield c.AUDIT_LAG(buffer.held_bytes, label)
            yield c.AUDIT_DROPPED(buffer.dropped_lines, label)
            yield c.AUDIT_OTHER_LINES(self.pipeline.passed_over(label), label)
            rejected = self.pipeline.rejected(label)
            for reason in Reject:
                yield c.AUDIT_REJECTED(rejected[reason] + buffer.rejected[reason], label, reason.value)
            yield from one.samples()

    def statuses(self) -> Iterator[LogStatus]:
        """Yield the state of each input, for the status page."""
        for one in self._inputs:
            label, buffer = one.label, one.buffer
            yield LogStatus(
                label,
                "" if one.up else "no longer receiving",
                "" if one.up else "see the log of vault-exporter, and restart it",
                self.pipeline.last_entry(label),
                buffer.received_bytes,
                buffer.held_bytes,
                dropped_lines=buffer.dropped_lines,
                rejected_lines=(self.pipeline.rejected(label) + buffer.rejected).total(),
            )

    def _step(self, one: Input) -> bool:
        try:
            lines = one.poll()
            if lines:
                self.pipeline.feed(one.label, lines)
        except Exception as error:  # noqa: BLE001 - a defect in one input must not stop the others
            where = traceback.extract_tb(error.__traceback__)[-1]
            # The error's own text may quote audit data.
            what = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
            _log.error("cannot process audit entries; report this as a defect", log=one.label, error=what)
            return False
        return lines is not None

    def _report(self) -> None:
        """Log when an input starts or stops receiving."""
        for one in self._inputs:
            if self._up.get(one.label) != one.up:
                self._up[one.label] = one.up
                if one.up:
                    _log.info("receiving audit entries", log=one.label)
                else:
                    _log.warning("no longer receiving audit entries", log=one.label)
