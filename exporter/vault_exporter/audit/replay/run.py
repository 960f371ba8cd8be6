"""Count finished logs. One log is read in this process, several in up to one process per processor."""

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Final

import msgspec

from vault_exporter.audit.count.pipeline import Observer, Pipeline, PipelineSettings
from vault_exporter.audit.parse.decode import Reject
from vault_exporter.audit.replay.finished_log import STANDARD_INPUT, FinishedLog, LineEnd
from vault_exporter.audit.replay.observer import ReplayObserver
from vault_exporter.audit.reports.observer import Asked, ReportsObserver
from vault_exporter.audit.top.observers import make_observers
from vault_exporter.audit.top.sketches import TopObserver
from vault_exporter.config.schema.model import Audit, Top

__all__ = ["FileResult", "Progress", "ReplayError", "Replayed", "replay"]

_REPORT_SECONDS: Final = 0.1


class ReplayError(Exception):
    """The replay was aborted."""


class Progress(msgspec.Struct, frozen=True):
    """Progress of a replay: bytes on disk, and lines."""

    position: int
    size: int | None
    """None if unknown."""
    lines: int


class FileResult(msgspec.Struct, frozen=True):
    """The result of one file."""

    name: str
    read_bytes: int
    problem: str
    rejected: dict[Reject, int]
    other_lines: int
    """Lines that are neither entries nor rejected, such as server log lines."""


class Replayed(msgspec.Struct, frozen=True):
    """The result of a replay."""

    pipeline: Pipeline
    top: TopObserver
    seen: ReplayObserver
    files: tuple[FileResult, ...]
    reports: ReportsObserver | None = None
    """None if no report was asked for."""


class _FileRead(msgspec.Struct, frozen=True):
    """The result of one file, with the partial lines at its ends."""

    name: str
    read_bytes: int
    problem: str
    rejected: dict[Reject, int]
    ends: tuple[LineEnd, ...]


Report = Callable[[Progress], None]


def replay(names: Sequence[str], settings: Audit, jobs: int, report: Report, asked: Asked | None = None) -> Replayed:
    """Read files and count their entries.

    Requests and responses are paired within each file.

    Args:
        names: the files; ``-`` is standard input.
        settings: limits, event rules and path templates; its logs and inputs are ignored.
        jobs: limit of processes; 0 for the number of processors.
        report: called with the progress about ten times a second.
        asked: reports to make in the same pass.

    Raises:
        ReplayError: a process was killed.
    """
    workers = min(jobs or len(os.sched_getaffinity(0)), len(names))
    if workers > 1 and STANDARD_INPUT not in names:
        return _in_processes(names, settings, workers, report, asked)
    logs = [FinishedLog(name, settings.max_line_bytes, settings.format) for name in names]
    size = _sum([log.size for log in logs])
    pipeline = _make(settings, asked)
    lines = 0
    for log in logs:
        for block in log.blocks():
            _feed(pipeline, log, block)
            lines += len(block)
            report(Progress(sum(one.position for one in logs), size, lines))
    return _result(pipeline, [_read(log) for log in logs])


def _in_processes(names: Sequence[str], settings: Audit, workers: int, report: Report, asked: Asked | None) -> Replayed:
    size = _sum([FinishedLog(name, settings.max_line_bytes).size for name in names])
    # Spawn instead of fork, because the progress bar runs in a thread.
    context = multiprocessing.get_context("spawn")
    shared = context.RawArray("Q", 2 * len(names))
    results: dict[int, tuple[Pipeline, _FileRead]] = {}
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_share, initargs=(shared, settings, asked))
    with executor:
        # Largest first, so that the processes end at about the same time.
        order = sorted(range(len(names)), key=lambda index: -FinishedLog(names[index], 1).size)
        waiting: dict[Future[tuple[Pipeline, _FileRead]], int] = {
            executor.submit(_work, index, names[index]): index for index in order
        }
        try:
            while waiting:
                done, _ = wait(waiting, timeout=_REPORT_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    results[waiting.pop(future)] = future.result()
                report(Progress(sum(shared[::2]), size, sum(shared[1::2])))
        except BrokenProcessPool as error:
            raise ReplayError("a process that read a log was killed; is there memory enough? try --jobs 1") from error
        except BaseException:
            executor.shutdown(cancel_futures=True, wait=False)
            raise
    pipeline = _make(settings, asked)
    for index in range(len(names)):  # in the given order, not in the order of completion
        pipeline.merge(results[index][0])
    return _result(pipeline, [results[index][1] for index in range(len(names))])


_shared: Any = None
_settings: Audit = Audit()
_asked: Asked | None = None


def _share(shared: Any, settings: Audit, asked: Asked | None) -> None:  # noqa: ANN401 - multiprocessing has no public type for it
    """Initialise a worker process with the shared state."""
    global _shared, _settings, _asked
    _shared, _settings, _asked = shared, settings, asked


def _work(index: int, name: str) -> tuple[Pipeline, _FileRead]:
    log = FinishedLog(name, _settings.max_line_bytes, _settings.format)
    pipeline = _make(_settings, _asked)
    for block in log.blocks():
        _feed(pipeline, log, block)
        _shared[2 * index] = log.position
        _shared[2 * index + 1] += len(block)
    return pipeline, _read(log)


def _make(settings: Audit, asked: Asked | None) -> Pipeline:
    listed = msgspec.structs.replace(settings, top=Top(clients=settings.top.clients))
    tracked = settings.top.tracked
    observers: list[Observer] = [TopObserver(None, tracked, None), ReplayObserver(tracked), *make_observers(listed)]
    if asked is not None:
        observers.append(ReportsObserver(asked))
    return Pipeline(PipelineSettings.of(settings), observers, for_reports=asked is not None)


def _feed(pipeline: Pipeline, log: FinishedLog, lines: Sequence[bytes]) -> None:
    if log.mixed:
        pipeline.expect_server_log(log.name)
    pipeline.feed(log.name, lines)


def _read(log: FinishedLog) -> _FileRead:
    return _FileRead(log.name, log.read_bytes, log.problem, dict(log.rejected), tuple(log.ends))


def _result(pipeline: Pipeline, files: Sequence[_FileRead]) -> Replayed:
    _join_ends(pipeline, files)
    top, seen = pipeline.observers[:2]
    if not isinstance(top, TopObserver) or not isinstance(seen, ReplayObserver):
        raise TypeError("the pipeline was made elsewhere")
    reports = next((one for one in pipeline.observers if isinstance(one, ReportsObserver)), None)
    return Replayed(pipeline, top, seen, tuple(_file_result(file, pipeline) for file in files), reports)


def _join_ends(pipeline: Pipeline, files: Sequence[_FileRead]) -> None:
    """Join and count container lines that continue in the next file, in the order of the runtime's timestamps."""
    ends = sorted(
        ((end.time.removesuffix("Z"), end.text.endswith(b"\n"), file.name, end) for file in files for end in file.ends),
        key=lambda one: one[:3],
    )
    begun: dict[str, tuple[str, bytes]] = {}
    for _, is_whole, name, end in ends:
        before, text = begun.pop(end.stream, (name, b""))
        if not end.is_first or not end.text:  # the partial line does not continue here
            pipeline.feed(before, [text] if text else [])
            text = b""
        if is_whole:
            pipeline.feed(name, [text + end.text])
        elif text + end.text:
            begun[end.stream] = name, text + end.text
    for name, text in begun.values():
        pipeline.feed(name, [text])


def _file_result(file: _FileRead, pipeline: Pipeline) -> FileResult:
    rejected = Counter(file.rejected) + pipeline.rejected(file.name)
    return FileResult(file.name, file.read_bytes, file.problem, dict(rejected), pipeline.passed_over(file.name))


def _sum(sizes: Sequence[int]) -> int | None:
    """Add up sizes; None if one is unknown."""
    return sum(sizes) if all(sizes) else None
