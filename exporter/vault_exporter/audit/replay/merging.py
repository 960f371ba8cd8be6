"""Merge what was counted of each log to the result of a replay."""

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from vault_exporter.audit.count.pipeline import Pipeline
from vault_exporter.audit.parse.decode import Reject
from vault_exporter.audit.replay.observer import ReplayObserver
from vault_exporter.audit.replay.one_log import Counted, FileRead, make_pipeline
from vault_exporter.audit.replay.repeats import alike
from vault_exporter.audit.reports.observer import Asked, ReportsObserver
from vault_exporter.audit.top.sketches import TopObserver
from vault_exporter.config.schema.model import Audit

__all__ = ["FileResult", "Merger", "Replayed"]


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
    files: tuple[FileResult, ...]
    alike: tuple[tuple[str, ...], ...]
    """Groups of names of files that may be copies of each other."""

    @property
    def reports(self) -> ReportsObserver | None:
        """The reports, None if none was asked for."""
        first = self.pipeline.observers[0]
        return first if isinstance(first, ReportsObserver) else None

    @property
    def for_summary(self) -> tuple[TopObserver, ReplayObserver]:
        """What the summary needs beside the pipeline.

        Raises:
            ValueError: reports were asked for instead.
        """
        match self.pipeline.observers:
            case (TopObserver() as top, ReplayObserver() as seen, *_):
                return top, seen
        raise ValueError("reports were asked for, and they replace the summary")


class Merger:
    """Merges the pipelines of logs, in the order in which the logs are given.

    The order matters where a bound is reached, such as that of the most frequent values. So the result is the same
    wherever and in whichever order the logs are read. A pipeline that comes before its turn is held; who hands them in
    bounds how many: see :data:`WINDOW` and :mod:`.cluster`.

    Attributes:
        merged: number of logs that are merged.
        position: bytes on disk of these logs.
        lines: lines of these logs.
    """

    WINDOW = 64
    """No log is read that is so many or more after the first that is not merged yet."""

    def __init__(self, settings: Audit, asked: Asked | None) -> None:
        self._pipeline = make_pipeline(settings, asked)
        self._early: dict[int, Counted] = {}
        self._files: list[FileRead] = []
        self.position = 0
        self.lines = 0

    @property
    def merged(self) -> int:
        """Number of logs that are merged."""
        return len(self._files)

    def add(self, index: int, counted: Counted) -> None:
        """Take in what was counted of the log with this place in the given order."""
        self._early[index] = counted
        while (following := self._early.pop(len(self._files), None)) is not None:
            file = following.file
            self._pipeline.merge(following.pipeline)
            self._pipeline.pair_across(file.name)
            self._files.append(file)
            self.position += file.position
            self.lines += file.lines

    def result(self) -> Replayed:
        """Return the result, once all logs are merged."""
        pipeline = self._pipeline
        _join_ends(pipeline, self._files)
        for file in self._files:
            if file.ends:
                pipeline.pair_across(file.name)
        return Replayed(pipeline, tuple(_results(self._files, pipeline)), alike(self._files))


def _join_ends(pipeline: Pipeline, files: Sequence[FileRead]) -> None:
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


def _results(read: Sequence[FileRead], pipeline: Pipeline) -> Iterator[FileResult]:
    """Yield one result for each file, also if it was read in several parts."""
    parts: dict[str, list[FileRead]] = {}
    for part in read:
        parts.setdefault(part.name, []).append(part)
    for name, files in parts.items():
        rejected = sum((Counter(file.rejected) for file in files), pipeline.rejected(name))
        problem = next((file.problem for file in files if file.problem), "")
        read_bytes = sum(file.read_bytes for file in files)
        yield FileResult(name, read_bytes, problem, dict(rejected), pipeline.passed_over(name))
