"""Lock the checkpoint. If two exporters shared one, each would skip entries that only the other has counted."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import structlog

__all__ = ["LockedError", "hold"]

_log = structlog.get_logger(__name__)


class LockedError(Exception):
    """Another process uses the checkpoint. The message says what to do."""


@contextlib.contextmanager
def hold(checkpoint: Path | None) -> Iterator[None]:
    """Lock a file beside the checkpoint, until this block or the process ends.

    Where no lock can be had, such as in a directory that is read-only, that is logged, and all goes on without.

    Raises:
        LockedError: another process has it.
    """
    with contextlib.ExitStack() as stack:
        if checkpoint is not None:
            try:
                _lock(checkpoint.with_name(f".{checkpoint.name}.lock"), stack)
            except BlockingIOError:
                raise LockedError(
                    f"audit.checkpoint: another exporter uses {checkpoint}, and counts would be lost to both; "
                    "stop it, or give each a file of its own"
                ) from None
            except OSError as error:
                remedy = "make sure that no other exporter uses this checkpoint"
                _log.warning("cannot lock the checkpoint", path=str(checkpoint), error=error.strerror, remedy=remedy)
        yield


def _lock(path: Path, stack: contextlib.ExitStack) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    stack.callback(os.close, descriptor)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
