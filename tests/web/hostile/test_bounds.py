"""Few files, many connections, and a stop while nobody behaves."""

import contextlib
import socket
from pathlib import Path

from tests.lab.figures import Figure
from tests.lab.waiting import wait_until
from tests.web.hostile.running import Delays, Running, large_node
from tests.web.hostile.test_stop import MOST_SECONDS
from tests.web.hostile.test_unread import ASK

LIMIT = 64
IDLE = 80


def test_few_files_and_many_idle_connections(tmp_path: Path, figure: Figure) -> None:
    with Running(tmp_path, "", limit=LIMIT) as running, contextlib.ExitStack() as stack:
        assert f"limit={LIMIT}" in running.log()
        for number in range(IDLE):
            stack.enter_context(running.raw(b"" if number % 2 else b"GET / HTTP/1.1\r\n"))
        failed = 0
        for _ in range(50):
            try:
                running.scrape()
            except OSError:
                failed += 1
        closed = running.scrape()['vault_exporter_web_closed_connections_total{reason="too_many"}']
        assert closed >= IDLE - LIMIT // 2
        figure("scrapes that failed", failed, 0)
        figure("open files", running.files, LIMIT - 1)
        assert not running.complaints()


def test_it_stops_in_time_whatever_clients_do(tmp_path: Path, figure: Figure) -> None:
    with large_node() as node:
        running = Running(tmp_path, f"targets: [{{name: n1, address: '{node}'}}]\n")
        with running, contextlib.ExitStack() as stack:
            running.scrape()
            for data in (ASK, b"GET / HTTP/1.1\r\nHost: a\r\n", b"", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"):
                for _ in range(10):
                    stack.enter_context(running.raw(data, receive_buffer=4096))
            with Delays(running) as delays:
                wait_until(lambda: running.files > 40, what="their connections")
            assert not delays.failures
            figure("seconds to stop", running.stop(), MOST_SECONDS)
            assert "stopping takes too long" not in running.log()
            assert not running.complaints()


def test_connections_that_are_silent_in_a_handshake(tmp_path: Path, figure: Figure) -> None:
    """More than there may be of connections: each new one is still served."""
    with Running(tmp_path, "", limit=128) as running, contextlib.ExitStack() as stack:
        with Delays(running) as delays:
            for _ in range(200):
                client = stack.enter_context(socket.socket())
                client.connect(("127.0.0.1", running.port))
        assert not delays.failures
        figure("longest /-/healthy in s", delays.longest, 3)
        figure("open files", running.files, 127)
