"""Follow all configured audit logs and count their entries, in the event loop that also answers scrapes.

The files are read with plain blocking calls, one chunk at a time: a chunk of a local file is there at once or after
one disk access, and reading, decoding and counting it takes about a millisecond. The loop gets its turn between
chunks, so a scrape waits for a few of them, whatever the backlog. A thread would gain nothing, since decoding needs
the interpreter, and would make every counter shared.
"""

import asyncio
import errno
import os
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import structlog

from vault_exporter import catalogue as c
from vault_exporter.audit.decode import Reject
from vault_exporter.audit.follow import Follower
from vault_exporter.audit.pipeline import Pipeline, PipelineSettings
from vault_exporter.audit.tally import Limits
from vault_exporter.audit.who.observers import make_observers
from vault_exporter.config.model import Audit
from vault_exporter.metrics import Sample

__all__ = ["AuditReader"]

_SHORTEST_PAUSE: Final = 0.001
_LONGEST_PAUSE: Final = 0.25

_REMEDIES: Final = {
    errno.ENOENT: "wait for Vault to create it, or correct audit.logs; it will be read from its beginning",
    errno.EACCES: "run the exporter as Vault's user or in its group, or set mode on Vault's audit device (0640)",
    errno.EPERM: "run the exporter as Vault's user or in its group, or set mode on Vault's audit device (0640)",
    errno.EISDIR: "name the log file itself in audit.logs, not its directory",
    errno.EINVAL: "name a regular file in audit.logs; pipes and devices cannot be followed",
    errno.EMFILE: "raise the limit of open files of the exporter",
    errno.ENFILE: "raise the limit of open files of this machine",
}
_OTHER_REMEDY: Final = "check the file system that holds it"

_log = structlog.get_logger(__name__)


class AuditReader:
    """The followed audit logs and what was counted in them.

    Counts start at 0 with the process. What a log held before is not counted, unless ``from_start`` is set.

    Attributes:
        pipeline: what counts; other inputs may feed it, too, in the same event loop.
    """

    def __init__(
        self,
        settings: Audit,
        *,
        wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the logs that are there; what they get from now on counts.

        Args:
            settings: which logs, and the bounds.
            wait: waits for so many seconds; 0 lets others run.
            clock: seconds that never go back.
        """
        self._wait = wait
        self.pipeline = Pipeline(
            PipelineSettings(
                limits=Limits(mounts=settings.max_mounts, namespaces=settings.max_namespaces),
                max_pending=settings.max_pending,
                events=settings.events,
                exclude=settings.exclude,
            ),
            make_observers(settings),
        )
        self._logs = tuple(
            _Log(
                Follower(path, from_start=settings.from_start, max_line_bytes=settings.max_line_bytes, clock=clock),
                self.pipeline,
            )
            for path in settings.logs
        )

    async def run(self) -> None:
        """Follow the logs until cancelled. Trouble with one is logged and shown in its metrics, and it is retried."""
        pause = _SHORTEST_PAUSE
        try:
            while True:
                busy = False
                for log in self._logs:
                    busy |= log.step()
                    await self._wait(0)
                pause = _SHORTEST_PAUSE if busy else min(pause * 2, _LONGEST_PAUSE)
                if not busy:
                    await self._wait(pause)
        finally:
            for log in self._logs:
                log.close()

    def samples(self) -> Iterator[Sample]:
        """Yield the counts as they are now."""
        yield from self.pipeline.samples()
        for log in self._logs:
            yield from log.samples()


class _Log:
    """One log: its lines, decoded and counted."""

    def __init__(self, follower: Follower, pipeline: Pipeline) -> None:
        self._follower = follower
        self._pipeline = pipeline
        self._name = str(follower.path)
        pipeline.open(self._name)
        self._state: str | None = None
        self._report(follower.trouble)

    def step(self) -> bool:
        """Read one chunk; tell whether there was one."""
        try:
            lines = self._follower.poll()
            if lines:
                self._pipeline.feed(self._name, lines)
        except Exception as error:  # noqa: BLE001 - a defect in one log's reading must not stop the others
            self._report(error)
            return False
        self._report(self._follower.trouble)
        return lines is not None

    def close(self) -> None:
        self._follower.close()

    def samples(self) -> Iterator[Sample]:
        follower, name = self._follower, self._name
        yield c.AUDIT_READABLE(self._state == "", name)
        last = self._pipeline.last_entry(name)
        if last is not None:
            yield c.AUDIT_LAST_ENTRY(last, name)
        yield c.AUDIT_READ_BYTES(follower.read_bytes, name)
        yield c.AUDIT_LAG(follower.lag_bytes, name)
        yield c.AUDIT_ROTATIONS(follower.rotations, name)
        yield c.AUDIT_TRUNCATIONS(follower.truncations, name)
        rejected = self._pipeline.rejected(name)
        for reason in Reject:
            yield c.AUDIT_REJECTED(rejected[reason] + follower.rejected[reason], name, reason.value)

    def _report(self, trouble: Exception | None) -> None:
        """Log a change of state, once."""
        state = "" if trouble is None else _what(trouble)
        if state == self._state:
            return
        self._state = state
        if trouble is None:
            _log.info("following the audit log", log=self._name)
        elif isinstance(trouble, OSError):
            remedy = _REMEDIES.get(trouble.errno or 0, _OTHER_REMEDY)
            _log.warning("cannot read the audit log", log=self._name, error=state, remedy=remedy)
        else:
            remedy = "report this as a defect of vault-exporter"
            _log.error("cannot process the audit log", log=self._name, error=state, remedy=remedy)


def _what(trouble: Exception) -> str:
    """The error without its own text, which may quote what the log says."""
    if isinstance(trouble, OSError):
        return os.strerror(trouble.errno) if trouble.errno else type(trouble).__name__
    where = traceback.extract_tb(trouble.__traceback__)[-1]
    return f"{type(trouble).__name__} at {Path(where.filename).name}:{where.lineno}"
