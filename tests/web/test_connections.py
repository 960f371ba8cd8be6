"""Connections that send no request, over real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.audit.device import Clock
from tests.lab.waiting import eventually
from vault_exporter.web.auth import Guard
from vault_exporter.web.connection import Connection
from vault_exporter.web.connections import MOST_BYTES, SILENT_SECONDS, Connections
from vault_exporter.web.listener import Listener
from vault_exporter.web.settings import SettingsFile

Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n"
MOST = 16


class Served:
    def __init__(self) -> None:
        self.clock = Clock()
        self.connections = Connections(MOST, self.clock)
        self.asked = asyncio.Event()
        self.release = asyncio.Event()
        self.app = web.Application(middlewares=[self.connections.middleware])
        self.app.router.add_get("/", self._answer)
        self.app.router.add_get("/large", self._large)
        self.runner = web.AppRunner(self.app, shutdown_timeout=1)
        settings = SettingsFile(None)
        self.listener = Listener(settings, Guard(settings), self.connections)
        self.opened: list[Opened] = []

    async def _answer(self, _: web.Request) -> web.Response:
        self.asked.set()
        await self.release.wait()
        return web.Response(text="ok")

    async def _large(self, _: web.Request) -> web.Response:
        return web.Response(body=bytes(MOST_BYTES // 4))

    async def begin(self) -> None:
        await self.runner.setup()
        assert self.runner.server is not None
        await self.listener.start(self.runner.server, "127.0.0.1", 0)

    async def end(self) -> None:
        self.release.set()
        for _, writer in self.opened:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        await self.listener.close()
        await self.runner.cleanup()
        self.connections.abort()

    async def open(self, number: int = 1) -> list[Opened]:
        made = [await asyncio.open_connection("127.0.0.1", self.listener.port) for _ in range(number)]
        self.opened += made
        wanted = min(len(self.opened), MOST)
        await eventually(lambda: len(self.connections) >= wanted, what="open")
        return made

    async def wait_closed(self, reason: str, number: int) -> None:
        is_so = lambda: self.connections.closed[reason] >= number  # noqa: E731 - asked again and again
        await eventually(is_so, what=f"{number} {reason}")

    def look(self) -> None:
        self.connections.look(is_outdated)


def is_outdated(_: Connection) -> bool:
    return False


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    made = Served()
    await made.begin()
    yield made
    await made.end()


async def test_one_that_sends_no_whole_request_is_closed(served: Served) -> None:
    ((silent, _), (slow, writer)) = await served.open(2)
    served.look()
    writer.write(REQUEST)
    served.clock.now += SILENT_SECONDS - 1
    served.look()
    assert served.connections.closed["silent"] == 0
    writer.write(b"X-Slow: a\r\n")
    served.clock.now += 1
    served.look()
    for reader in (silent, slow):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    assert served.connections.closed["silent"] == 2


async def test_one_that_waits_for_its_answer_is_not(served: Served) -> None:
    ((reader, writer),) = await served.open()
    writer.write(REQUEST + b"\r\n")
    await served.asked.wait()
    served.clock.now += 10 * SILENT_SECONDS
    served.look()
    served.release.set()
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")
    assert sum(served.connections.closed.values()) == 0


async def test_there_are_no_more_than_the_bound(served: Served) -> None:
    ((first, _),) = await served.open()
    served.clock.now += 1
    others = await served.open(MOST)
    with contextlib.suppress(ConnectionResetError):
        assert await first.read() == b""
    await served.wait_closed("too_many", 1)
    assert len(served.connections) == MOST
    reader, writer = others[-1]
    served.release.set()
    writer.write(REQUEST + b"\r\n")
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")


async def test_one_more_than_the_bound_is_turned_away_while_all_wait_for_their_answers(served: Served) -> None:
    opened = await served.open(MOST)
    for _, writer in opened:
        writer.write(REQUEST + b"\r\n")
    is_busy = lambda: served.connections.busy == MOST  # noqa: E731 - asked again and again
    await eventually(is_busy, what="busy")
    reader, writer = await asyncio.open_connection("127.0.0.1", served.listener.port)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()
    assert served.connections.closed["too_many"] == 1
    served.release.set()
    for reader, _ in opened:
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")


async def test_one_client_cannot_keep_the_others_out(served: Served) -> None:
    opened = await served.open(MOST)
    for _, writer in opened:
        writer.write(REQUEST + b"\r\n")
    is_busy = lambda: served.connections.busy == MOST  # noqa: E731 - asked again and again
    await eventually(is_busy, what="busy")
    for number in range(2, 5):
        other = await asyncio.open_connection("127.0.0.1", served.listener.port, local_addr=(f"127.0.0.{number}", 0))
        served.opened.append(other)
        other[1].write(REQUEST + b"\r\n")
    await served.wait_closed("too_many", 3)
    await eventually(is_busy, what="busy again")
    served.release.set()
    for reader, _ in served.opened[3:]:
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")
    assert served.connections.closed["too_many"] == 3


async def test_answers_that_nobody_reads_are_bounded_in_memory(served: Served) -> None:
    for number in range(8):
        served.clock.now += 1
        served.opened.append(await asyncio.open_connection("127.0.0.1", served.listener.port))
        served.opened[-1][1].write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        await served.wait_closed("unread", max(0, number - 3))
    assert served.connections.closed["unread"] == 4


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
