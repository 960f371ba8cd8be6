"""Connections that send no request, over real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.audit.device import Clock
from vault_exporter.demo.process import wait_until
from vault_exporter.web.connections import MOST_CONNECTIONS, SILENT_SECONDS, Connections

Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n"


class Served:
    def __init__(self) -> None:
        self.clock = Clock()
        self.connections = Connections(self.clock)
        self.asked = asyncio.Event()
        self.release = asyncio.Event()
        self.app = web.Application(middlewares=[self.connections.middleware])
        self.app.router.add_get("/", self._answer)
        self.server = TestServer(self.app)
        self.opened: list[Opened] = []

    async def _answer(self, _: web.Request) -> web.Response:
        self.asked.set()
        await self.release.wait()
        return web.Response(text="ok")

    @property
    def handling(self) -> web.Server:
        assert self.server.handler is not None
        return self.server.handler

    async def open(self, number: int = 1) -> list[Opened]:
        made = [await asyncio.open_connection("127.0.0.1", self.server.port) for _ in range(number)]
        self.opened += made
        wanted = len(self.opened)
        await asyncio.to_thread(wait_until, lambda: len(self.handling.connections) >= wanted, timeout=15, what="open")
        return made

    def look(self) -> None:
        self.connections.look(self.handling)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    made = Served()
    await made.server.start_server()
    yield made
    made.release.set()
    for _, writer in made.opened:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    await made.server.close()


async def test_one_that_sends_no_whole_request_is_closed(served: Served) -> None:
    ((silent, _), (slow, writer)) = await served.open(2)
    served.look()
    writer.write(REQUEST)
    served.clock.now += SILENT_SECONDS - 1
    served.look()
    assert served.connections.closed == 0
    writer.write(b"X-Slow: a\r\n")
    served.clock.now += 1
    served.look()
    for reader in (silent, slow):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    assert served.connections.closed == 2


async def test_one_that_waits_for_its_answer_is_not(served: Served) -> None:
    ((reader, writer),) = await served.open()
    served.look()
    writer.write(REQUEST + b"\r\n")
    await served.asked.wait()
    served.clock.now += 10 * SILENT_SECONDS
    served.look()
    served.release.set()
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")
    assert served.connections.closed == 0


async def test_there_are_no_more_than_the_bound(served: Served) -> None:
    assert MOST_CONNECTIONS == 512
    ((first, _),) = await served.open()
    served.look()
    served.clock.now += 1
    others = await served.open(MOST_CONNECTIONS)
    served.look()
    with contextlib.suppress(ConnectionResetError):
        assert await first.read() == b""
    assert served.connections.closed == 1
    _, writer = others[-1]
    served.release.set()
    writer.write(REQUEST + b"\r\n")
    assert (await others[-1][0].readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")


async def test_at_the_end_a_request_is_answered_or_dropped(served: Served) -> None:
    ((kept, writer),) = await served.open()
    writer.write(REQUEST + b"\r\n")
    await served.asked.wait()
    asyncio.get_running_loop().call_soon(served.release.set)
    await served.connections.drain(60)
    assert (await kept.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")

    served.release.clear()
    served.asked.clear()
    ((dropped, writer),) = await served.open()
    writer.write(REQUEST + b"\r\n")
    await served.asked.wait()
    await served.connections.drain(0)
    with contextlib.suppress(ConnectionResetError):
        assert await dropped.read() == b""
    await served.connections.drain(60)  # none is left
