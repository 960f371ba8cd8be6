"""Count finished logs: one in this process, several in up to one process per processor, or on a Dask cluster."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Final

import msgspec

from vault_exporter.audit.replay.cluster import ClusterError, read_on_cluster
from vault_exporter.audit.replay.finished_log import STANDARD_INPUT
from vault_exporter.audit.replay.location import Location
from vault_exporter.audit.replay.merging import Merger, Replayed
from vault_exporter.audit.replay.one_log import Counted, count
from vault_exporter.audit.reports.observer import Asked
from vault_exporter.config.schema.model import Audit

__all__ = ["Progress", "ReplayError", "replay"]

_REPORT_SECONDS: Final = 0.1


class ReplayError(Exception):
    """The replay was aborted."""


class Progress(msgspec.Struct, frozen=True):
    """Progress of a replay: bytes on disk, and lines."""

    position: int
    size: int | None
    """None if unknown."""
    lines: int


Report = Callable[[Progress], None]


def replay(
    files: Sequence[Location],
    settings: Audit,
    jobs: int,
    report: Report,
    asked: Asked | None = None,
    *,
    dask: str | None = None,
) -> Replayed:
    """Read files and count their entries.

    Requests and responses are paired within each file, and then across files in any order. The result does not depend
    on the number of processes or machines. Of any number of files, this process holds at most twice
    :data:`Merger.WINDOW` pipelines, and one while a cluster reads.

    Args:
        files: where they are; the name ``-`` is standard input.
        settings: limits, event rules and path templates; its logs and inputs are ignored.
        jobs: limit of processes, or of files that are on the cluster at a time; 0 for the number of processors, or for
            four files for each thread of the cluster.
        report: called with the progress about ten times a second.
        asked: reports to make in the same pass.
        dask: address of the scheduler of a Dask cluster that reads the files instead.

    Raises:
        ReplayError: a process was killed, or the cluster cannot be used.
    """
    size = _sum([_size(one) for one in files])
    merger = Merger(settings, asked)
    if dask is not None:
        try:
            for index, counted in enumerate(read_on_cluster(dask, files, settings, asked, jobs)):
                merger.add(index, counted)
                report(Progress(merger.position, size, merger.lines))
        except ClusterError as error:
            raise ReplayError(str(error)) from error
        return merger.result()
    workers = min(jobs or len(os.sched_getaffinity(0)), len(files))
    if workers > 1 and all(one.name != STANDARD_INPUT for one in files):
        _in_processes(files, settings, workers, report, asked, merger, size)
        return merger.result()

    def step(position: int, lines: int) -> None:
        report(Progress(merger.position + position, size, merger.lines + lines))

    for index, one in enumerate(files):
        merger.add(index, count(one, settings, asked, step))
    return merger.result()


def _in_processes(
    files: Sequence[Location],
    settings: Audit,
    workers: int,
    report: Report,
    asked: Asked | None,
    merger: Merger,
    size: int | None,
) -> None:
    # Forking is quicker by the imports of each process, but only safe without threads. fsspec has one once it was used.
    context = multiprocessing.get_context("fork" if threading.active_count() == 1 else "spawn")
    shared: Any = multiprocessing.RawArray("Q", 2 * len(files))
    waiting: dict[Future[Counted], int] = {}
    order = _order(files)
    following = next(order, None)
    others = multiprocessing.active_children()
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=_share, initargs=(shared, settings, asked)
    ) as executor:
        try:
            while waiting or following is not None:
                with _uninterrupted():  # Python loses Ctrl-C in what it runs around a fork
                    while following is not None and following < merger.merged + 2 * Merger.WINDOW:
                        waiting[executor.submit(_work, following, files[following])] = following
                        following = next(order, None)
                done, _ = wait(waiting, timeout=_REPORT_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    merger.add(waiting.pop(future), future.result())
                report(Progress(sum(shared[::2]), size, sum(shared[1::2])))
        except BrokenProcessPool as error:
            raise ReplayError("a process that read a log was killed; is there memory enough? try --jobs 1") from error
        except BaseException:
            # Opening may wait for the writer of a FIFO, or for a server.
            for process in {*multiprocessing.active_children()}.difference(others):
                process.terminate()
            raise


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Take Ctrl-C at the end of the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _order(files: Sequence[Location]) -> Iterator[int]:
    """Yield the places of files, the largest of each window first, so that the processes end at about the same time."""
    for begin in range(0, len(files), Merger.WINDOW):
        places = range(begin, min(begin + Merger.WINDOW, len(files)))
        yield from sorted(places, key=lambda place: -_size(files[place]))


_shared: Any = None
_settings: Audit = Audit()
_asked: Asked | None = None


def _share(shared: Any, settings: Audit, asked: Asked | None) -> None:  # noqa: ANN401 - multiprocessing has no public type for it
    """Initialise a worker process with the shared state. Ctrl-C is for the process that ends them all."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    global _shared, _settings, _asked
    _shared, _settings, _asked = shared, settings, asked


def _end_with_parent() -> None:
    """End this process when the one that started it is killed: it would wait for more files for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(index: int, location: Location) -> Counted:
    def step(position: int, lines: int) -> None:
        _shared[2 * index], _shared[2 * index + 1] = position, lines

    return count(location, _settings, _asked, step)


def _size(location: Location) -> int:
    if location.is_url or location.part is not None or location.name == STANDARD_INPUT:
        return location.size
    try:
        return Path(location.name).stat().st_size
    except OSError:
        return 0  # reading it reports the error


def _sum(sizes: Sequence[int]) -> int | None:
    """Add up sizes; None if one is unknown."""
    return sum(sizes) if all(sizes) else None
