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
from typing import Final

import structlog

from vault_exporter.audit.acknowledged import AcknowledgedCounters, Page
from vault_exporter.audit.count.pipeline import Pipeline, PipelineSettings
from vault_exporter.audit.tail.checkpoint import Checkpoint, CheckpointError, CheckpointFile
from vault_exporter.audit.tail.log import AuditLog, LogSettings
from vault_exporter.audit.top.observers import make_observers
from vault_exporter.config.schema.model import Audit
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.util.threads import in_thread

__all__ = ["AuditService", "Scraped"]

_SHORTEST_PAUSE: Final = 0.001
_LONGEST_PAUSE: Final = 0.25
_LONGEST_PREPARATION: Final = 0.2
"""Seconds that a scrape waits for the disk."""
_MOST_REPEATED: Final = 3
"""Scrapes in a row that see the last page again while the disk does not answer; a disk that hangs stops no metric."""

_log = structlog.get_logger(__name__)

Scraped = Page[Checkpoint]
"""What a scrape shows; hand it back once it was received."""


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
    ) -> None:
        """Open the logs that are there; what they get from now on counts.

        Args:
            settings: which logs, and the bounds.
            wait: waits for so many seconds; 0 lets others run.
            clock: seconds that never go back.
            sync: brings the checkpoint's descriptor down to the disk.
        """
        self._wait = wait
        self.pipeline = Pipeline(PipelineSettings.of(settings), make_observers(settings))
        self._file = CheckpointFile(settings.checkpoint, sync) if settings.checkpoint else None
        self._trouble: str | None = None
        self._writing: asyncio.Task[None] | None = None
        self._writes: Scraped | None = None
        self._repeated = 0
        earlier = self._load()
        limits = LogSettings(settings.max_line_bytes, settings.max_files)
        self.logs = tuple(
            AuditLog(path, self.pipeline, limits, from_start=settings.from_start, earlier=earlier, clock=clock)
            for path in settings.logs
        )
        self._shown = AcknowledgedCounters(self._place())

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
        if self._file is not None:
            if self._file.written is not None:
                yield c.AUDIT_CHECKPOINT(self._file.written)
            for reason in ("corrupt", "unreadable", "unwritable"):
                yield c.AUDIT_CHECKPOINT_ERRORS(self._file.failures[reason], reason)

    async def scrape(self, others: Iterable[Sample] = ()) -> Scraped:
        """Make the page for Prometheus, and make ready to note how far it goes.

        Args:
            others: samples that belong to the audit logs, too.
        """
        page = self._shown.page((*self.samples(), *others), self._place())
        if self._file is None:
            return page
        if self._writing is None:
            self._writes = page
            self._writing = asyncio.create_task(self._prepare(self._file, page))
            await asyncio.wait({self._writing}, timeout=_LONGEST_PREPARATION)
            if self._writing.done():
                self._repeated = 0
                return page
            self._writes = None
            self._writing.add_done_callback(self._forget)
        # What is shown and not noted would count twice after a kill: better the last page again, a few times.
        self._repeated += 1
        last = self._shown.last
        return page if last is None or self._repeated > _MOST_REPEATED else last

    def received(self, page: Scraped, *, completely: bool) -> None:
        """Note that Prometheus has received a page, or that it has not."""
        if completely:
            self._shown.received(page)
        if self._file is None or self._writes is not page or self._writing is None:
            return
        if completely and self._trouble is None:
            try:
                self._file.publish(time.time())
            except CheckpointError as error:
                self._report(str(error))
        self._forget(self._writing)

    def _forget(self, _: "asyncio.Task[None]") -> None:
        self._writing = self._writes = None

    async def _prepare(self, file: CheckpointFile, page: Scraped) -> None:
        trouble = None
        try:
            await asyncio.wrap_future(in_thread(lambda: file.prepare(page.place), "checkpoint"))
        except CheckpointError as error:
            trouble = str(error)
        except Exception as error:  # noqa: BLE001 - a defect in noting the place must not stop scrapes
            file.failures["unwritable"] += 1
            trouble = f"{type(error).__name__}; report this as a defect of vault-exporter"
        self._report(trouble)

    def _load(self) -> Checkpoint | None:
        if self._file is None:
            return None
        try:
            return self._file.load()
        except CheckpointError as error:
            _log.warning("cannot use the checkpoint", path=str(self._file.path), error=str(error))
            return None

    def _place(self) -> Checkpoint:
        groups = filter(None, (log.group() for log in self.logs))
        return Checkpoint({path: mark for log in self.logs for path, mark in log.marks()}, dict(groups))

    def _report(self, trouble: str | None) -> None:
        """Log a change, once."""
        if trouble != self._trouble and self._file is not None:
            if trouble is None:
                _log.info("the checkpoint is written again", path=str(self._file.path))
            else:
                _log.warning("cannot use the checkpoint", path=str(self._file.path), error=trouble)
        self._trouble = trouble
