"""Follow all configured audit logs and count their entries, in the event loop that also answers scrapes.

The files are read with plain blocking calls, one chunk at a time: a chunk of a local file is there at once or after
one disk access, and reading, decoding and counting it takes about a millisecond. The loop gets its turn between
chunks, so a scrape waits for a few of them, whatever the backlog. A thread would gain nothing, since decoding needs
the interpreter, and would make every counter shared.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Final

import structlog

from vault_exporter.audit.acknowledged import AcknowledgedCounters
from vault_exporter.audit.commits import Commits, CommittedPage, Place
from vault_exporter.audit.count.pipeline import Pipeline, PipelineSettings
from vault_exporter.audit.status import CheckpointStatus
from vault_exporter.audit.tail.checkpoint import Checkpoint, CheckpointError, CheckpointFile
from vault_exporter.audit.tail.log import AuditLog, LogSettings
from vault_exporter.audit.tail.survey import Survey
from vault_exporter.audit.top.observers import make_observers
from vault_exporter.config.schema.model import Audit
from vault_exporter.metrics.family import Sample
from vault_exporter.util.threads import at_once

__all__ = ["AuditService"]

_SHORTEST_PAUSE: Final = 0.001
_LONGEST_PAUSE: Final = 0.25

_log = structlog.get_logger(__name__)


class AuditService:
    """The followed audit logs and what was counted in them.

    Counts start at 0 with the process. Reading goes on where the checkpoint says; without one, what a log held before
    is not counted, unless ``from_start`` is set.

    Attributes:
        logs: the configured logs.
        pipeline: what counts; other inputs may feed it, too, in the same event loop.
    """

    def __init__(
        self,
        settings: Audit,
        *,
        wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        sync: Callable[[int], None] = os.fsync,
        work_in: Callable[[Callable[[], Survey], str], Future[Survey]] = at_once,
        cpu_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        """Open the logs that are there; what they get from now on counts.

        Args:
            settings: which logs, and the bounds.
            wait: waits for so many seconds; 0 lets others run.
            clock: seconds that never go back.
            sync: brings the checkpoint's descriptor down to the disk.
            work_in: does what takes long, under a name, in a thread.
            cpu_clock: CPU seconds of the current thread; a costly search for new logs is repeated less often.
        """
        self._wait = wait
        self.pipeline = Pipeline(PipelineSettings.of(settings), make_observers(settings))
        file = CheckpointFile(settings.checkpoint, sync) if settings.checkpoint else None
        earlier = _load(file)
        if earlier is not None:
            self.pipeline.restore_events(earlier.events)
        limits = LogSettings(settings.max_line_bytes, settings.max_files, settings.format)
        self.logs = tuple(
            AuditLog(
                path,
                self.pipeline,
                limits,
                from_start=settings.from_start,
                earlier=earlier,
                clock=clock,
                work_in=work_in,
                cpu_clock=cpu_clock,
            )
            for path in settings.logs
        )
        place = self._place()
        self._acknowledged = AcknowledgedCounters(place)
        self._commits = None if file is None else Commits(file, place, clock)

    async def run(self) -> None:
        """Follow the logs until cancelled. Trouble with one is logged and shown in its metrics, and it is retried."""
        pause = _SHORTEST_PAUSE
        try:
            while True:
                busy = False
                for log in self.logs:
                    busy |= log.step()
                    await self._wait(0)
                pause = _SHORTEST_PAUSE if busy else min(pause * 2, _LONGEST_PAUSE)
                if not busy:
                    await self._wait(pause)
        finally:
            for log in self.logs:
                log.close()

    def samples(self) -> Iterator[Sample]:
        """Yield the counts as they are now."""
        yield from self.pipeline.samples()
        for log in self.logs:
            yield from log.samples()
        if self._commits is not None:
            yield from self._commits.samples(self._place())

    def checkpoint_status(self) -> CheckpointStatus | None:
        """Return the state of the checkpoint; None without one."""
        return self._commits.status(self._place()) if self._commits is not None else None

    async def scrape(self, others: Iterable[Sample] = ()) -> CommittedPage:
        """Make the page for Prometheus, and prepare the checkpoint for it.

        Args:
            others: samples that belong to the audit logs, too.
        """
        page = self._acknowledged.page((*self.samples(), *others), self._place())
        if self._commits is None or await self._commits.prepare(page):
            return page
        return self._acknowledged.last or page

    @property
    def is_writing(self) -> bool:
        """Whether the checkpoint is being written; a scrape meanwhile may return the last page again."""
        return self._commits is not None and self._commits.is_writing

    async def written(self) -> None:
        """Wait until the checkpoint is not being written."""
        if self._commits is not None:
            await self._commits.written()

    def acknowledge(self, page: CommittedPage) -> None:
        """Note that Prometheus received a page in full, and commit the checkpoint."""
        if self._acknowledged.acknowledge(page) and self._commits is not None:
            self._commits.acknowledge(page)

    def _place(self) -> Place:
        groups = filter(None, (log.pattern_checkpoint() for log in self.logs))
        places = {path: mark for log in self.logs for path, mark in log.checkpoints()}
        checkpoint = Checkpoint(places, dict(groups), self.pipeline.last_events())
        return Place(checkpoint, {log.name: log.read_bytes for log in self.logs})


def _load(file: CheckpointFile | None) -> Checkpoint | None:
    if file is None:
        return None
    try:
        return file.load()
    except CheckpointError as error:
        _log.warning("cannot use the checkpoint", path=str(file.path), error=str(error))
        return None
