"""Read logs on the workers of a Dask cluster, and hand over what they counted in the order of the logs.

A bounded number of logs is on the cluster at a time. What a worker has counted stays there until it is its turn, so
this process holds one result. The scheduler gives the logs of a worker that dies to others. Exceptions and arguments
that a worker may log have no secrets.
"""

import logging
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import msgspec

from vault_exporter import __version__
from vault_exporter.audit.replay.location import Location
from vault_exporter.audit.replay.one_log import Counted, count, failed
from vault_exporter.audit.replay.store import CLUSTER_EXTRA
from vault_exporter.audit.reports.observer import Asked
from vault_exporter.config.schema.model import Audit

__all__ = ["ClusterError", "read_on_cluster"]

_EACH_THREAD: Final = 4
"""Logs on the cluster for each of its threads, so that a slow one does not hold up the others."""
_CONNECT_SECONDS: Final = 10
_WORKER_SECONDS: Final = 60
"""How long to wait for the first worker."""


class ClusterError(Exception):
    """The cluster cannot be used, or went away."""


class _Task(msgspec.Struct, frozen=True):
    """What a worker gets. Its representation names the log only, as workers log the arguments of what fails."""

    version: str
    location: Location
    settings: Audit
    asked: Asked | None

    def __repr__(self) -> str:
        return f"_Task({self.location.name!r})"


def read_on_cluster(
    address: str, files: Sequence[Location], settings: Audit, asked: Asked | None, at_a_time: int = 0
) -> Iterator[Counted]:
    """Yield what workers count of each log, in the given order.

    A log that no worker can read has a problem in its result.

    Args:
        address: of the scheduler, such as ``tcp://10.0.0.1:8786`` or ``tls://...``; Dask's own configuration has the
            certificates.
        files: where the logs are; workers reach paths on a file system that they share.
        settings: as for :func:`.run.replay`.
        asked: the reports.
        at_a_time: how many logs to give to the cluster at a time; 0 for four for each thread that it has.

    Raises:
        ClusterError: Dask is not installed, the scheduler does not answer, there is no worker, or a worker has another
            version.
    """
    client = _connect(address)
    try:
        bare = msgspec.structs.replace(settings, logs=(), inputs=(), checkpoint=None)
        waiting: deque[tuple[Location, Any]] = deque()
        given, more = iter(files), True
        while more or waiting:
            room = (at_a_time or _EACH_THREAD * max(1, sum(client.nthreads().values()))) - len(waiting)
            for _ in range(room):
                location = next(given, None)
                if location is None:
                    more = False
                    break
                task = _Task(__version__, _anywhere(location), bare, asked)
                waiting.append((location, client.submit(_work, task, key=f"replay-{uuid.uuid4().hex}", pure=False)))
            if waiting:
                location, future = waiting.popleft()
                yield _outcome(address, location, future, bare, asked)
                future.release()
    finally:
        client.close()


def _anywhere(location: Location) -> Location:
    """Make a relative path absolute, since workers have another working directory."""
    if location.is_url:
        return location
    return msgspec.structs.replace(location, address=str(Path(location.name).absolute()))


def _work(task: _Task) -> Counted | str:
    """Count a log on a worker, or return the version of the worker if it is another."""
    if task.version != __version__:
        return __version__
    return count(task.location, task.settings, task.asked)


def _outcome(address: str, location: Location, future: Any, settings: Audit, asked: Asked | None) -> Counted:  # noqa: ANN401 - of an extra
    try:
        counted: Counted | str = future.result()
    except Exception as error:
        if future.status != "error":
            raise ClusterError(f"{address}: the scheduler went away, and what it knew is lost; start again") from error
        if isinstance(error, (ImportError, AttributeError)):
            raise ClusterError(
                f"{address}: a worker cannot run it ({type(error).__name__}); install vault-exporter {__version__} "
                "with its extra cluster on the scheduler and the workers"
            ) from error
        problem = f"not counted: its worker failed with {type(error).__name__}"
        if isinstance(error, import_module("distributed").KilledWorker):
            times = error.allowed_failures + 1
            problem = f"not counted: each worker that read it died, {times} in all; is there memory enough?"
        return failed(location, settings, asked, problem)
    if isinstance(counted, str):
        raise ClusterError(
            f"{address}: a worker has vault-exporter {counted}, and this is {__version__}; install the same on both"
        )
    return counted


def _connect(address: str) -> Any:  # noqa: ANN401 - of an extra
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise ClusterError(f"--dask needs more packages: {CLUSTER_EXTRA}") from None
    # Dask warns of each result that was lost with a worker, and computes it again.
    logging.getLogger("distributed.client").setLevel(logging.ERROR)
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise ClusterError(f"{address}: no Dask scheduler answers ({type(error).__name__})") from error
    try:
        client.wait_for_workers(1, timeout=_WORKER_SECONDS)
    except TimeoutError:
        client.close()
        raise ClusterError(f"{address}: the scheduler has no worker after {_WORKER_SECONDS} s") from None
    return client
