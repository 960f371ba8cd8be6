"""Clients of the audit inputs that flood, hold connections, or never end a line, against the running exporter.

The exporter runs as a process of its own, because its event loop there is uvloop, which reads and closes differently.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.figures import Figure
from tests.lab.waiting import wait_until
from tests.web.hostile.running import Delays, Running, counted
from vault_exporter.demo.process import free_port

SECONDS = 1.0
CLIENTS = 5
MOST_CONNECTIONS = 64
ENTRY = (
    b'{"time":"2026-11-24T12:00:00Z","type":"request","request":{"id":"1","operation":"read","mount_type":"kv",'
    b'"mount_point":"secret/","path":"secret/data/a"}}'
)
FLOODS = {
    "an endless line": ("tcp", b"a" * 100_000),
    "an endless line over a Unix socket": ("unix", b"a" * 100_000),
    "empty lines": ("tcp", b"\n" * 100_000),
    "short lines": ("unix", b"a\n" * 50_000),
    "brackets": ("tcp", b"[" * 100_000 + b"\n"),
    "short messages": ("syslog", b"<1>a\n" * 20_000),
    "octet counts": ("syslog", b"0 1 a" * 20_000),
    "an endless octet count": ("syslog", b"1" * 100_000),
    "structured data": ("syslog", b"<14>1 - - - - - " + b"[a]" * 20_000 + b"\n"),
}


class Inputs(Running):
    """An exporter with one input of each kind."""

    def __init__(self, directory: Path, limit: int | None = None) -> None:
        self.ports = {"tcp": free_port(), "syslog": free_port()}
        self.path = directory / "audit.sock"
        super().__init__(
            directory,
            "audit:\n  inputs:\n"
            f"    - {{type: socket, listen: 'tcp://127.0.0.1:{self.ports['tcp']}'}}\n"
            f"    - {{type: socket, listen: 'unix://{self.path}'}}\n"
            f"    - {{type: syslog, listen: 'tcp://127.0.0.1:{self.ports['syslog']}'}}\n",
            limit=limit,
        )

    def connect(self, kind: str) -> socket.socket:
        client = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
        client.settimeout(60)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 10)  # so that little is left when it closes
        client.connect(str(self.path) if kind == "unix" else ("127.0.0.1", self.ports[kind]))
        return client

    def entry(self, kind: str) -> None:
        """Send one entry, as Vault does."""
        with self.connect(kind) as client:
            client.sendall((b"<14>" if kind == "syslog" else b"") + ENTRY + b"\n")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inputs]:
    with Inputs(tmp_path_factory.mktemp("inputs")) as running:
        yield running


@pytest.mark.parametrize(("kind", "piece"), FLOODS.values(), ids=FLOODS)
def test_a_flood_holds_nobody_up(running: Inputs, figure: Figure, kind: str, piece: bytes) -> None:
    running.scrape()
    before, most = running.memory, 0.0
    end = time.monotonic() + SECONDS

    def flood() -> None:
        with running.connect(kind) as client, contextlib.suppress(OSError):
            while time.monotonic() < end:
                client.sendall(piece)

    threads = [threading.Thread(target=flood) for _ in range(CLIENTS)]
    entries = counted(running)
    with Delays(running) as delays:
        for thread in threads:
            thread.start()
        running.entry("tcp")
        while any(thread.is_alive() for thread in threads):
            most = max(most, running.memory)
            for thread in threads:
                thread.join(0.01)
    wait_until(lambda: counted(running) == entries + 1, what="the entry that came meanwhile")
    assert not delays.failures
    assert not running.complaints()
    figure("longest /-/healthy in s", delays.longest, 3)
    figure("MiB of memory more", most - before, 128)  # the bound of waiting lines is 64 MiB


@pytest.mark.parametrize("kind", ["tcp", "unix", "syslog"])
def test_connections_that_are_held_keep_nobody_out(running: Inputs, figure: Figure, kind: str) -> None:
    files, entries = running.files, counted(running)
    with contextlib.ExitStack() as stack, Delays(running) as delays:
        for number in range(4 * MOST_CONNECTIONS):
            client = stack.enter_context(running.connect(kind))
            with contextlib.suppress(OSError):
                client.sendall(ENTRY[:50] if number % 2 else b"")
        running.entry(kind)
        wait_until(lambda: counted(running) == entries + 1, what="the entry of a client that comes later")
        figure("more open files", running.files - files, MOST_CONNECTIONS + 10)
    assert not delays.failures
    assert not running.complaints()
    wait_until(lambda: running.files <= files + 5, what="their files closed")


def test_few_files_and_many_connections(tmp_path: Path, figure: Figure) -> None:
    """Neither the web server nor the other inputs run out of files."""
    limit = 64
    with Inputs(tmp_path, limit) as running, contextlib.ExitStack() as stack:
        for _ in range(2 * limit):
            stack.enter_context(running.connect("tcp"))
        running.entry("unix")
        running.entry("tcp")
        wait_until(lambda: counted(running) == 2, what="both entries")
        figure("open files", running.files, limit - 1)
        assert not running.complaints()
