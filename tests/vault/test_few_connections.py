"""Requests at the same moment share a few connections, and slow ones hold up nobody."""

import asyncio
import ssl
from pathlib import Path
from random import Random

import trustme
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from vault_exporter.config.schema.model import Target, Tls
from vault_exporter.vault.connection import connect
from vault_exporter.vault.few_connections import FewConnections

LONG = 3600.0


class Request:
    """One that has its answer when the test says so."""

    def __init__(self, few: FewConnections) -> None:
        self.sent = False
        self._answer = asyncio.Event()
        self.task = asyncio.create_task(self._make(few))

    async def _make(self, few: FewConnections) -> None:
        async with few.turn():
            self.sent = True
            await self._answer.wait()

    async def end(self) -> None:
        self._answer.set()
        await self.task


async def sent(*requests: Request) -> list[bool]:
    """Say which of them are sent, when nothing more can happen at present."""
    for _ in range(10):
        await asyncio.sleep(0)
    return [request.sent for request in requests]


async def test_a_request_is_sent_when_another_ends() -> None:
    few = FewConnections(usual=2, seconds=LONG)
    first, second, third, fourth, fifth = (Request(few) for _ in range(5))
    assert await sent(first, second, third, fourth, fifth) == [True, True, False, False, False]
    third.task.cancel()
    await first.end()
    assert await sent(fourth, fifth) == [True, False]
    second.task.cancel()
    assert await sent(fifth) == [True]
    await fourth.end()
    await fifth.end()
    assert await sent(Request(few), Request(few), Request(few)) == [True, True, False]


async def test_slow_requests_hold_up_nobody() -> None:
    few = FewConnections(usual=1, seconds=0.01)
    slow, other, third = (Request(few) for _ in range(3))
    await asyncio.gather(other.end(), third.end())
    assert not slow.task.done()
    await slow.end()
    holder, late = Request(few), Request(few)
    assert await sent(holder, late) == [True, False]  # those without a turn gave none back
    await holder.end()
    assert await sent(late) == [True]
    await late.end()


async def test_requests_one_after_the_other_wait_once_for_slow_ones() -> None:
    few = FewConnections(usual=1, seconds=0.05)
    slow = Request(few)
    await sent(slow)
    async with few.turn():
        pass  # it waited
    for _ in range(100):
        one = Request(few)
        assert await sent(one) == [True]
        await one.end()
    assert not slow.task.done()
    await slow.end()


async def test_cancelled_requests_give_their_turns_back() -> None:
    """Whenever they are cancelled: while they wait, as they get their turn, and afterwards."""
    few, random = FewConnections(usual=3, seconds=0.002), Random(1)  # noqa: S311 - the same each time
    for _ in range(300):
        requests = [Request(few) for _ in range(6)]
        await asyncio.sleep(random.choice([0, 0, 0.001, 0.002, 0.003]))
        random.shuffle(requests)
        for request in requests:
            request.task.cancel()
            if random.random() < 0.5:
                await asyncio.sleep(0)
        await asyncio.gather(*(request.task for request in requests), return_exceptions=True)
    last = [Request(few) for _ in range(4)]
    assert await sent(*last) == [True, True, True, False]
    await asyncio.gather(*(request.end() for request in last))


async def test_the_requests_of_a_scrape_share_three_connections_with_tls(
    aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    connections = set()

    async def answer(request: web.Request) -> web.Response:
        connections.add(request.transport)
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = await aiohttp_server(app, ssl=context)
    client, _ = connect(Target("n1", f"https://127.0.0.1:{server.port}", tls=Tls(ca_cert=tmp_path / "ca.pem")))
    try:
        answers = await asyncio.gather(*(client.get(f"sys/{number}") for number in range(12)))
        assert {one.status for one in answers} == {200}
    finally:
        await client.close()
    assert len(connections) <= 3
