"""Run blocking work in a thread that does not delay the exporter's shutdown."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["at_once", "in_thread"]

T = TypeVar("T")


def in_thread(work: Callable[[], T], name: str) -> Future[T]:
    """Run in a new thread, not in a pool: if it hangs, it delays neither other work nor the end of the process.

    Args:
        work: what to do; it cannot be cancelled.
        name: of the thread.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # it cannot be cancelled from here on

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


def at_once(work: Callable[[], T], name: str) -> Future[T]:  # noqa: ARG001 - as in_thread has it
    """Work in this thread, for whoever needs the result before going on."""
    future: Future[T] = Future()
    try:
        future.set_result(work())
    except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
        future.set_exception(error)
    return future
