"""Child processes of the local stack: started on free ports, waited for, and stopped by their own process id."""

import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

__all__ = ["OPENER", "PORTS", "Service", "ServiceError", "free_port", "is_ready", "program", "wait_until"]

OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Opens addresses of this machine, past any proxy."""
_READY_SECONDS: Final = 2.0
_HTTP_OK: Final = 200
PORTS = range(10_240, 32_768)
"""What to choose from, below the ports that Linux gives to connections (``net.ipv4.ip_local_port_range``).

Of processes that run side by side each may be given a part, so that two do not choose the same port at the same time.
"""
_random: Final = random.SystemRandom()  # so that forked processes do not choose the same


class ServiceError(Exception):
    """A part of the stack did not start, did not get ready, or ended by itself."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on at the moment.

    A port that the kernel chooses may be that of somebody's connection before it is listened on.

    Raises:
        ServiceError: every port that was tried is in use.
    """
    for port in _random.sample(PORTS, 100):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise ServiceError(f"100 ports of 127.0.0.1 between {PORTS.start} and {PORTS.stop} are in use")


def is_ready(address: str) -> bool:
    """Return whether ``/-/ready`` of the exporter or of Prometheus answers with status 200."""
    try:
        with OPENER.open(f"{address}/-/ready", timeout=_READY_SECONDS) as response:
            return bool(response.status == _HTTP_OK)
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], *, timeout: float, what: str, interval: float = 0.05) -> None:
    """Wait until the condition holds, asking every ``interval`` seconds.

    Raises:
        ServiceError: it does not hold after ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise ServiceError(f"{what}: not so after {timeout:g} s")
        time.sleep(interval)


class Service:
    """A running program with its output in a file.

    Use it as a context manager, which stops it.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        log: Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
    ) -> None:
        """Start the program.

        Args:
            name: what messages call it.
            argv: the command.
            log: file that standard output and error are appended to.
            cwd: its working directory.
            env: variables set on top of this process's environment.
            user: name of the user to run as (needs root).

        Raises:
            ServiceError: the program cannot be started.
        """
        self.name = name
        self.log = log
        try:
            with log.open("ab") as output:
                self._process = subprocess.Popen(  # noqa: S603 - the stack's own programs
                    [str(part) for part in argv],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=cwd,
                    env=os.environ | dict(env or {}),
                    user=user,
                    start_new_session=True,  # Ctrl-C is for us; we stop our children in order
                )
        except OSError as error:
            raise ServiceError(f"{name}: cannot start {argv[0]}: {error.strerror}") from error

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._process.poll()

    def wait_until(self, condition: Callable[[], bool], *, timeout: float = 30, what: str = "ready") -> Self:
        """Wait until the condition holds, and notice if the program ends instead.

        Raises:
            ServiceError: the program ended or the time is over; with the last lines of its output.
        """

        def holds() -> bool:
            if self.returncode is not None:
                raise ServiceError(f"{self.name}: ended with status {self.returncode}\n{self.tail()}")
            return condition()

        try:
            wait_until(holds, timeout=timeout, what=f"{self.name}: {what}")
        except ServiceError as error:
            raise ServiceError(f"{error}\n{self.tail()}") from None
        return self

    def tail(self, lines: int = 20) -> str:
        """Return the last lines of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.returncode is None:
            self._process.send_signal(number)

    def stop(self, timeout: float = 10) -> int:
        """End it with SIGTERM, or SIGKILL if that takes longer than ``timeout`` seconds; return its exit status."""
        if self.returncode is None:
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()

    def kill(self) -> None:
        """Stop it at once with SIGKILL."""
        if self.returncode is None:
            self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def program(name: str) -> Path:
    """Return the path of a program installed beside this Python, such as ``bao``."""
    return Path(sys.executable).parent / name
