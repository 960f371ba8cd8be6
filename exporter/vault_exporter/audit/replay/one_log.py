"""Count one finished log, in whichever process or machine."""

from collections.abc import Callable

import msgspec

from vault_exporter.audit.count.pipeline import Observer, Pipeline, PipelineSettings
from vault_exporter.audit.parse.decode import Reject
from vault_exporter.audit.replay.finished_log import FinishedLog, LineEnd
from vault_exporter.audit.replay.location import Location
from vault_exporter.audit.replay.observer import ReplayObserver
from vault_exporter.audit.reports.observer import Asked, ReportsObserver
from vault_exporter.audit.top.observers import make_observers
from vault_exporter.audit.top.sketches import TopObserver
from vault_exporter.config.schema.model import Audit, Top

__all__ = ["Counted", "FileRead", "Step", "count", "failed", "make_pipeline"]


class FileRead(msgspec.Struct, frozen=True):
    """How one file was read, with the partial lines at its ends."""

    name: str
    read_bytes: int = 0
    problem: str = ""
    rejected: dict[Reject, int] = {}
    ends: tuple[LineEnd, ...] = ()
    position: int = 0
    """Bytes read on disk."""
    lines: int = 0
    fingerprint: bytes = b""


class Counted(msgspec.Struct, frozen=True):
    """What was counted of one log; it can be pickled."""

    pipeline: Pipeline
    file: FileRead


Step = Callable[[int, int], None]
"""Called with the position on disk in bytes, and the number of lines, from time to time."""


def count(location: Location, settings: Audit, asked: Asked | None, step: Step | None = None) -> Counted:
    """Read a log to its end and count its entries. An error of reading is in the result."""
    log = FinishedLog(location, settings.max_line_bytes, settings.format)
    pipeline = make_pipeline(settings, asked)
    lines = 0
    for block in log.blocks():
        if log.mixed:
            pipeline.expect_server_log(log.name)
        pipeline.feed(log.name, block)
        lines += len(block)
        if step is not None:
            step(log.position, lines)
    file = FileRead(
        log.name,
        log.read_bytes,
        log.problem,
        dict(log.rejected),
        tuple(log.ends),
        max(log.position, log.size),
        lines,
        log.fingerprint,
    )
    return Counted(pipeline, file)


def failed(location: Location, settings: Audit, asked: Asked | None, problem: str) -> Counted:
    """Return the result for a log that could not be counted at all."""
    return Counted(make_pipeline(settings, asked), FileRead(location.name, problem=problem))


def make_pipeline(settings: Audit, asked: Asked | None) -> Pipeline:
    """Make an empty pipeline with the observers of the summary, or with that of the reports, which replace it."""
    observers: tuple[Observer, ...]
    if asked is not None:
        observers = (ReportsObserver(asked),)
    else:
        listed = msgspec.structs.replace(settings, top=Top(clients=settings.top.clients))
        tracked = settings.top.tracked
        observers = (TopObserver(None, tracked, None), ReplayObserver(tracked), *make_observers(listed))
    limits = msgspec.structs.replace(PipelineSettings.of(settings), keep_unasked=settings.max_pending)
    return Pipeline(limits, observers, for_reports=asked is not None)
