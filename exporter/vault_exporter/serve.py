"""Run the exporter until it gets a signal to stop."""

import asyncio
import contextlib
import gc
import resource
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog
from aiohttp import web

from vault_exporter import __version__
from vault_exporter.app import Exporter
from vault_exporter.audit.inputs.service import InputError
from vault_exporter.audit.tail.lock import hold
from vault_exporter.config.schema.model import Config
from vault_exporter.util.stopping import StopSignals
from vault_exporter.web.connections import MOST_CONNECTIONS, most_connections

__all__ = ["ListenError", "run", "serve"]

_DRAIN_SECONDS: Final = 3.0
"""Seconds that running scrapes get at shutdown; container engines kill after 10 s."""
_STOP_SECONDS: Final = 4.5
"""Seconds from the signal to the end of the process if something hangs."""
_GC_THRESHOLDS: Final = (10_000, 5, 5)
"""Number of new objects until a collection, and of collections until one of older objects; a few megabytes."""
_MOST_RELOADS: Final = 2
"""Limit of reloads by signals: one that runs and one that waits for it."""
_CLOSE_SECONDS: Final = 0.5
"""Seconds that aiohttp then waits for cancelled and new requests; it waits twice."""

_log = structlog.get_logger(__name__)


class ListenError(Exception):
    """The exporter cannot listen on its address."""


def run(config: Config, read: Callable[[], Config]) -> None:
    """Serve until SIGTERM or SIGINT, then let running scrapes finish.

    Args:
        config: the settings.
        read: loads the settings again at SIGHUP; raises ConfigError.

    Raises:
        ListenError: the address cannot be bound.
        LockedError: another exporter uses the checkpoint.
    """
    stop_signals = StopSignals(_STOP_SECONDS)
    _raise_file_limit()
    # Imported objects stay. Without freezing them, a full garbage collection would block the event loop twice as long.
    gc.collect()
    gc.freeze()
    # A scrape leaves no cycles behind. With Python's thresholds the collector looks at the objects of running scrapes
    # again and again: a fifth of the time of many targets.
    gc.set_threshold(*_GC_THRESHOLDS)
    with hold(config.audit.checkpoint):
        _runner()(serve(config, read, stop_signals))


async def serve(config: Config, read: Callable[[], Config], stop_signals: StopSignals) -> None:
    """Serve inside a running event loop; see :func:`run`."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    stop_signals.tell(stop)
    exporter = Exporter(config, read)
    reloads: set[asyncio.Task[bool]] = set()

    def reload() -> None:
        if len(reloads) >= _MOST_RELOADS:
            return  # the one that waits has yet to read the files
        task = asyncio.create_task(exporter.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    exporter.app.on_shutdown.append(lambda _: exporter.connections.drain(_DRAIN_SECONDS))
    runner = web.AppRunner(exporter.app, shutdown_timeout=_CLOSE_SECONDS)
    try:
        try:
            await runner.setup()
        except InputError as error:
            raise ListenError(str(error)) from error
        assert runner.server is not None  # noqa: S101 - it is set up
        loop.add_signal_handler(signal.SIGHUP, reload)
        try:
            await exporter.listener.start(runner.server, config.listen.host, config.listen.port)
        except OSError as error:
            raise ListenError(
                f"cannot listen on {config.listen}: {error.strerror or error}; "
                "choose another address with --web.listen-address"
            ) from error
        _log.info(
            "listening",
            address=str(config.listen),
            version=__version__,
            targets=len(config.targets),
            audit_logs=len(config.audit.logs),
        )
        await stop.wait()
        exporter.stopping = True
        _log.info("stopping")
    finally:
        await exporter.listener.close()
        for task in reloads:
            task.cancel()
        await asyncio.gather(*reloads, return_exceptions=True)
        await runner.cleanup()
        exporter.connections.abort()
    _log.info("stopped")


def _raise_file_limit() -> None:
    """Raise the limit of open files to the hard limit, as Go programs do, and log a warning if that is low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # macOS has a lower limit than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if (most := most_connections()) < MOST_CONNECTIONS:
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        _log.warning(
            "the limit of open files is low; connections to the exporter are bounded by it",
            limit=limit,
            connections=most,
            remedy=f"allow at least {2 * MOST_CONNECTIONS} open files (LimitNOFILE in systemd)",
        )


def _runner() -> Callable[[Coroutine[Any, Any, None]], None]:
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415 - not on every platform

        return uvloop.run
    return asyncio.run
