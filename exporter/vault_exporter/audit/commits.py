"""Commit the checkpoint when Prometheus has received the counts up to it.

The checkpoint of a page is written to disk before the page is served, which is slow. It is published by a rename when
the page was received in full, which is quick. This keeps the time short in which a crash makes entries count twice.

A client that never reads its page blocks nothing: the checkpoint of the next page replaces the prepared one. If pages
overlap, the newest page that was received in full is committed; its checkpoint is written again if necessary.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import structlog

from vault_exporter.audit.acknowledged import CountedPage
from vault_exporter.audit.status import CheckpointStatus
from vault_exporter.audit.tail.checkpoint import Checkpoint, CheckpointError, CheckpointFile
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.util.defects import internal_error
from vault_exporter.util.threads import in_thread

__all__ = ["Commits", "CommittedPage", "Place"]

_LONGEST_PREPARATION: Final = 0.2
"""Seconds that a scrape waits for the disk."""
_MOST_REPEATED: Final = 3
"""Limit of scrapes in a row that get the last page again while the disk is slow, so that metrics do not stop."""
_STALLED_SECONDS: Final = 300.0
"""Seconds with uncommitted counts after which a warning is logged."""

_log = structlog.get_logger(__name__)


class Place(NamedTuple):
    """How far the logs were counted."""

    checkpoint: Checkpoint
    read_bytes: Mapping[str, int]
    """Bytes read since the start, by log."""


CommittedPage = CountedPage[Place]


class Commits:
    """Writes places to the checkpoint file.

    Attributes:
        file: the checkpoint file.
    """

    def __init__(self, file: CheckpointFile, place: Place, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without an uncommitted place.

        Args:
            file: the checkpoint file.
            place: where reading began; it counts as committed.
            clock: seconds that never go back.
        """
        self.file = file
        self._clock = clock
        self._committed = place
        self._writing: asyncio.Task[None] | None = None
        self._prepared: CommittedPage | None = None
        self._failed: CommittedPage | None = None
        self._late: CommittedPage | None = None
        self._repeated = 0
        self._error: str | None = None
        self._uncommitted_since: float | None = None
        self._stalled = False

    async def prepare(self, page: CommittedPage) -> bool:
        """Write the place of a page to disk, so that it can take effect at once.

        Returns:
            whether to serve the page. If not, the disk is slow, and the last page must be served again, because
            counts that are published but not committed count twice after a crash.
        """
        self._watch(page.counted_place)
        if self._writing is None:
            writing = self._write(page)
            await asyncio.wait({writing}, timeout=_LONGEST_PREPARATION)
            if writing.done():
                self._repeated = 0
                return True
        self._repeated += 1
        return self._repeated > _MOST_REPEATED

    def acknowledge(self, page: CommittedPage) -> None:
        """Commit the checkpoint of a page.

        Args:
            page: it was received in full, and is newer than every page that was acknowledged before.
        """
        if self._prepared is page:
            self._publish(page)
        elif self._failed is not page:
            self._late = page
            if self._writing is None:
                self._write(page)

    @property
    def is_writing(self) -> bool:
        """Whether a checkpoint is being written."""
        return self._writing is not None

    async def written(self) -> None:
        """Wait until no checkpoint is being written. This can take as long as the disk takes."""
        while self._writing is not None:
            await asyncio.wait({self._writing})

    def samples(self, place: Place) -> Iterator[Sample]:
        """Yield the state of the checkpoint.

        Args:
            place: how far the logs are counted now.
        """
        if self.file.written is not None:
            yield c.AUDIT_CHECKPOINT(self.file.written)
        for log, count in place.read_bytes.items():
            yield c.AUDIT_UNCOMMITTED(count - self._committed.read_bytes.get(log, 0), log)
        for reason in ("corrupt", "unreadable", "unwritable"):
            yield c.AUDIT_CHECKPOINT_ERRORS(self.file.failures[reason], reason)

    def status(self, place: Place) -> CheckpointStatus:
        """Return the state of the checkpoint, for the status page."""
        earlier = self._committed.read_bytes
        uncommitted = sum(count - earlier.get(log, 0) for log, count in place.read_bytes.items())
        return CheckpointStatus(str(self.file.path), self.file.written, uncommitted, self._error or "")

    def _write(self, page: CommittedPage) -> "asyncio.Task[None]":
        self._writing = asyncio.create_task(self._write_in_thread(page))
        return self._writing

    async def _write_in_thread(self, page: CommittedPage) -> None:
        self._prepared = None
        error = None
        try:
            await asyncio.wrap_future(in_thread(lambda: self.file.prepare(page.place.checkpoint), "checkpoint"))
        except CheckpointError as failure:
            error = str(failure)
        except Exception as failure:  # noqa: BLE001 - a defect here must not stop scrapes
            self.file.failures["unwritable"] += 1
            error = internal_error(failure)
        self._report(error)
        self._writing = None
        if error is None:
            self._prepared = page
        else:
            self._failed = page
        late, self._late = self._late, None
        if late is page and error is None:
            self._publish(page)
        elif late is not None and late is not page:
            self._late = late
            self._write(late)

    def _publish(self, page: CommittedPage) -> None:
        self._prepared = None
        try:
            self.file.publish(time.time())
        except CheckpointError as error:
            self._report(str(error))
            return
        self._committed = page.place
        self._uncommitted_since = None
        if self._stalled:
            self._stalled = False
            _log.info("the audit checkpoint is committed again", path=str(self.file.path))

    def _watch(self, place: Place) -> None:
        """Log once if scrapes come but none of them commits the counts."""
        now = self._clock()
        if place.read_bytes == self._committed.read_bytes:
            return
        if self._uncommitted_since is None:
            self._uncommitted_since = now
        elif not self._stalled and now - self._uncommitted_since >= _STALLED_SECONDS:
            self._stalled = True
            _log.warning(
                "the audit checkpoint stands still: no scrape was completed, or the file cannot be written",
                path=str(self.file.path),
                seconds=round(now - self._uncommitted_since),
                remedy="see that Prometheus' scrapes of /metrics succeed within their timeout; after a crash, the "
                "entries since the last commit count twice",
            )

    def _report(self, error: str | None) -> None:
        """Log the error if it changed."""
        if error != self._error:
            if error is None:
                _log.info("the checkpoint is written again", path=str(self.file.path))
            else:
                _log.warning("cannot use the checkpoint", path=str(self.file.path), error=error)
        self._error = error
