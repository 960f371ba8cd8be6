"""Requests that are none, and clients that close their side before they read."""

import contextlib
import socket
import time
from pathlib import Path

import pytest

from tests.lab.figures import Figure
from tests.web.hostile.running import DOWN, Delays, Running

CLIENTS = 40
SECONDS = 3.0
PATHS = ("/", "/metrics", "/sd", "/probe?target=n1", "/-/healthy", "/unknown")
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"


@pytest.mark.parametrize("more", [b"X: ", UPGRADE + b"\r\n"], ids=["an endless header", "an upgrade that is refused"])
def test_what_follows_a_bad_request_is_not_kept(tmp_path: Path, figure: Figure, more: bytes) -> None:
    with Running(tmp_path, DOWN) as running, contextlib.ExitStack() as stack:
        running.scrape()
        before = running.memory
        most = before
        head = b"POST /unknown HTTP/1.1\r\nHost: a\r\n" + more
        clients = {stack.enter_context(running.raw(head)) for _ in range(CLIENTS)}
        for client in clients:
            client.settimeout(0.1)
        end = time.monotonic() + SECONDS
        with Delays(running) as delays:
            while clients and time.monotonic() < end:
                for client in tuple(clients):
                    try:
                        client.send(b"a" * 100_000)
                    except TimeoutError:
                        continue
                    except OSError:
                        clients.discard(client)
                most = max(most, running.memory)
        assert not delays.failures
        figure("more memory in MiB", most - before, 64)
        figure("longest delay in seconds", delays.longest, 10)
        assert not running.complaints()


@pytest.mark.parametrize("path", PATHS)
def test_a_client_that_closes_its_side_gets_its_response(tmp_path: Path, path: str) -> None:
    with Running(tmp_path, DOWN) as running:
        request = f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        for count in (1, 3):
            with running.raw(request * count) as client:
                client.shutdown(socket.SHUT_WR)
                assert received(client).count(b"HTTP/1.1 ") == count


def test_a_client_that_closes_its_side_within_a_request_is_closed(tmp_path: Path) -> None:
    with Running(tmp_path, DOWN) as running:
        for data in (
            b"",
            b"GET / HTTP/1.1\r\nHost: a\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab",
        ):
            with running.raw(data) as client:
                client.shutdown(socket.SHUT_WR)
                received(client)
        assert not running.complaints()


def received(client: socket.socket) -> bytes:
    """Read until the exporter closes the connection."""
    parts = []
    while part := client.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)
