"""Scenes for the status page: fake nodes in some state, an exporter in front of them, in an event loop of its own."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.audit.top.test_observers import line
from tests.lab.fake_node import HEALTH, LEADER, SEAL_STATUS, TELEMETRY, Node
from tests.web.served import Served, serving
from tests.web.test_security import USERS
from vault_exporter.config.parse.problems import ConfigError, Problem
from vault_exporter.config.schema.model import Audit, Config, FileDiscovery, Secret, Target, TokenAuth, Top

T = TypeVar("T")

NAMES = ("vault-1", "vault-2", "vault-3")
PLANTED = "hvs.planted-in-a-scene"

REFUSED = "failed to connect to `user=vault database=vault`: dial tcp 10.0.0.5:5432: connect: connection refused"
HOSTILE = "<script>alert(1)</script>\u202e\"'&{{7*7}}"


class Stage:
    """An event loop in a thread, since the browser's library blocks."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass
class Cluster:
    """Three fake nodes on PostgreSQL, the second of which is active."""

    nodes: list[Node] = field(default_factory=list)
    stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    servers: list[TestServer] = field(default_factory=list)

    async def start(self, count: int = 3) -> None:
        for _ in range(count):
            node = Node()
            node.open.set()
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", node.answer)
            server = TestServer(app)
            await server.start_server()
            self.stack.push_async_callback(server.close)
            self.servers.append(server)
            node.address = f"http://127.0.0.1:{server.port}"
            self.nodes.append(node)
        for number in range(count):
            self.unsealed(number, active=number == 1)

    def unsealed(self, number: int, *, active: bool) -> None:
        leader = json.loads(LEADER) | {"is_self": active, "leader_address": self.nodes[1].address}
        self.nodes[number].answers |= {
            "sys/health": (200 if active else 429, _with(HEALTH, standby=not active, clock_skew_ms=0)),
            "sys/seal-status": (200, _with(SEAL_STATUS, storage_type="postgresql", t=3, n=5)),
            "sys/leader": (200, json.dumps(leader)),
            "sys/metrics": (200, TELEMETRY),
        }

    def seal(self, number: int, progress: int = 0) -> None:
        sealed = (503, '{"errors":["Vault is sealed"]}')
        self.nodes[number].answers |= {
            "sys/health": (503, _with(HEALTH, sealed=True, standby=True)),
            "sys/seal-status": (
                200,
                _with(SEAL_STATUS, sealed=True, progress=progress, t=3, n=5, storage_type="postgresql"),
            ),
            "sys/leader": sealed,
            "sys/metrics": sealed,
        }

    def lose_storage(self) -> None:
        said = (500, json.dumps({"errors": [REFUSED]}))
        for node in self.nodes:
            node.answers |= {"sys/health": said, "sys/leader": said}

    async def kill(self, number: int) -> None:
        await self.servers[number].close()


def _with(text: str, **changes: Any) -> str:
    return json.dumps(json.loads(text) | changes)


@contextlib.asynccontextmanager
async def cluster(count: int = 3) -> AsyncIterator[Cluster]:
    made = Cluster()
    try:
        await made.start(count)
        yield made
    finally:
        await made.stack.aclose()


def targets(made: Cluster, names: tuple[str, ...] = NAMES, **settings: Any) -> tuple[Target, ...]:
    return tuple(
        Target(name=name, address=node.address, cluster="prod", timeout=2.0, **settings)
        for name, node in zip(names, made.nodes, strict=True)
    )


async def get(served: Served, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(served.url(path)) as response:
        return response.status, await response.text()


async def scrape(served: Served, names: tuple[str, ...] = NAMES) -> None:
    """Scrape all targets, as Prometheus does."""
    for name in names:
        assert (await get(served, f"/probe?target={quote(name)}"))[0] == 200


@contextlib.asynccontextmanager
async def healthy() -> AsyncIterator[Served]:
    async with cluster() as made, serving(Config(targets=targets(made))) as served:
        yield served


@contextlib.asynccontextmanager
async def one_sealed() -> AsyncIterator[Served]:
    async with cluster() as made, serving(Config(targets=targets(made))) as served:
        made.seal(2)
        yield served


@contextlib.asynccontextmanager
async def unsealing() -> AsyncIterator[Served]:
    async with cluster() as made, serving(Config(targets=targets(made))) as served:
        for number in range(3):
            made.seal(number, progress=int(number == 0))
        yield served


@contextlib.asynccontextmanager
async def storage_gone() -> AsyncIterator[Served]:
    async with cluster() as made, serving(Config(targets=targets(made), status_page_scrapes=False)) as served:
        await scrape(served)
        made.lose_storage()
        await scrape(served)
        yield served


@contextlib.asynccontextmanager
async def all_down() -> AsyncIterator[Served]:
    async with cluster() as made, serving(Config(targets=targets(made))) as served:
        for number in range(3):
            await made.kill(number)
        yield served


@contextlib.asynccontextmanager
async def empty() -> AsyncIterator[Served]:
    async with serving(Config()) as served:
        yield served


@contextlib.asynccontextmanager
async def stale() -> AsyncIterator[Served]:
    """Nobody has scraped for an hour, and the page may not."""
    ahead = [0.0]
    config = Config(status_page_scrapes=False)
    async with cluster() as made:
        config = msgspec.structs.replace(config, targets=targets(made))
        async with serving(config, clock=lambda: time.time() + ahead[0]) as served:
            await scrape(served)
            ahead[0] = 3600.0
            yield served


@contextlib.asynccontextmanager
async def reload_failed() -> AsyncIterator[Served]:
    def read() -> Config:
        raise ConfigError((Problem("vault-exporter.yml:7", "targets[0].adress is not a key; did you mean address?"),))

    async with cluster() as made, serving(Config(targets=targets(made)), read=read) as served:
        await served.exporter.reload()
        yield served


@contextlib.asynccontextmanager
async def hostile() -> AsyncIterator[Served]:
    """Names and errors that nodes, or whoever writes their configuration, may choose."""
    async with cluster() as made:
        for node in made.nodes:
            node.answers["sys/leader"] = (500, json.dumps({"errors": [HOSTILE]}))
        made.nodes[1].answers |= {
            "sys/health": (200, _with(HEALTH, version=HOSTILE)),
            "sys/leader": (200, _with(LEADER, is_self=False, leader_address=HOSTILE * 100)),
        }
        names = (HOSTILE, "a" * 200, "../../config")
        config = Config(
            targets=tuple(
                msgspec.structs.replace(one, cluster=HOSTILE if number else "b" * 200)
                for number, one in enumerate(targets(made, names))
            ),
            audit=Audit(logs=(Path(f"/nowhere/{HOSTILE.replace('/', '')}"),)),
        )
        async with serving(config) as served:
            yield served


@contextlib.asynccontextmanager
async def complete(directory: Path) -> AsyncIterator[Served]:
    """Everything that the page has, for somebody who has logged in."""
    log = directory / "audit.log"
    log.write_bytes(b"")
    (directory / "web.yml").write_text(USERS)
    audit = Audit(logs=(log, directory / "none.log"), checkpoint=directory / "checkpoint", top=Top(enabled=True))
    sources = (FileDiscovery(path=directory / "*.json", cluster="prod"),)
    async with cluster() as made:
        made.nodes[0].answers["sys/metrics"] = (403, '{"errors":["permission denied"]}')
        given = tuple(msgspec.structs.replace(one, auth=TokenAuth(token=Secret(PLANTED))) for one in targets(made))
        config = Config(targets=given, audit=audit, discovery=sources, web_config_file=directory / "web.yml")
        async with serving(config) as served:
            with log.open("ab") as file:
                file.writelines(
                    line(f"secret/data/{n % 3}", client=f"client-{n % 2}", at=time.time()) for n in range(9)
                )
            yield served


class Changing:
    """A healthy cluster whose third node is then sealed; Prometheus scrapes it."""

    def __init__(self) -> None:
        self._made: Cluster | None = None
        self._served: Served | None = None

    @contextlib.asynccontextmanager
    async def scene(self) -> AsyncIterator[Served]:
        async with cluster() as self._made, serving(Config(targets=targets(self._made))) as self._served:
            await scrape(self._served)
            yield self._served

    async def seal(self) -> None:
        assert self._made is not None
        assert self._served is not None
        self._made.seal(2)
        await scrape(self._served)
