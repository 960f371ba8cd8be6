"""A node whose answers the test decides, over real HTTP, and the exporter's application in front of it."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient, AiohttpServer

from tests.lab.waiting import eventually
from vault_exporter.app import Exporter
from vault_exporter.config.schema.model import Audit, Auth, Config, Discoveries, NoAuth, Target, Telemetry

HEALTH = (
    '{"initialized":true,"sealed":false,"standby":false,"performance_standby":false,'
    '"replication_performance_mode":"primary","replication_dr_mode":"disabled","server_time_utc":1795519873,'
    '"version":"2.7.2","cluster_name":"its-cluster","cluster_id":"8ed66dfc","echo_duration_ms":12,'
    '"clock_skew_ms":-250,"removed_from_cluster":false,"ha_connection_healthy":true}'
)
SEAL_STATUS = (
    '{"type":"shamir","initialized":true,"sealed":false,"t":2,"n":3,"progress":0,"nonce":"","recovery_seal":false,'
    '"version":"2.7.2","migration":false,"storage_type":"raft"}'
)
LEADER = (
    '{"ha_enabled":true,"is_self":true,"active_time":"2026-11-24T11:31:12.5Z","leader_address":"http://127.0.0.1:1",'
    '"raft_committed_index":42,"raft_applied_index":41}'
)
TELEMETRY = (
    "# HELP go_goroutines Number of goroutines that currently exist.\n"
    "# TYPE go_goroutines gauge\n"
    "go_goroutines 544\n"
    "# HELP vault_barrier_put vault_barrier_put\n"
    "# TYPE vault_barrier_put summary\n"
    'vault_barrier_put{quantile="0.5"} 0.02\n'
    "vault_barrier_put_sum 1.5\n"
    "vault_barrier_put_count 39\n"
    "# HELP vault_core_unsealed vault_core_unsealed\n"
    "# TYPE vault_core_unsealed gauge\n"
    'vault_core_unsealed{cluster=""} 0\n'
    'vault_core_unsealed{cluster="its-cluster"} 1\n'
)


@dataclass
class Node:
    """A fake node: set ``answers`` (path → status, body), read ``calls``."""

    answers: dict[str, tuple[int, str]] = field(
        default_factory=lambda: {
            "sys/health": (200, HEALTH),
            "sys/seal-status": (200, SEAL_STATUS),
            "sys/leader": (200, LEADER),
            "sys/metrics": (200, TELEMETRY),
        }
    )
    first: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """Answers that come before those, once each."""
    calls: Counter[str] = field(default_factory=Counter)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """Answers wait while this is cleared."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Every path that has an answer was asked for."""
    address: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix("/v1/")
        self.calls[path] += 1
        self.headers[path] = dict(request.headers)
        if self.calls.keys() >= self.answers.keys():
            self.asked.set()
        await self.open.wait()
        before = self.first.get(path)
        status, body = before.pop(0) if before else self.answers.get(path, (404, '{"errors":[]}'))
        headers = {"Location": "http://127.0.0.1:1/"} if 300 <= status < 400 else {}
        return web.Response(status=status, text=body, content_type="application/json", headers=headers)


def ha_status(*addresses: str) -> tuple[int, str]:
    nodes = ",".join(f'{{"hostname":"","api_address":"{address}"}}' for address in addresses)
    return 200, f'{{"data":{{"nodes":[{nodes}]}}}}'


class Waiter:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._wakes: asyncio.Queue[None] = asyncio.Queue()
        self.waiting = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        self.waiting.set()
        await self._wakes.get()
        self.now += seconds

    async def look_again(self) -> None:
        self.waiting.clear()
        self._wakes.put_nowait(None)
        await self.waiting.wait()


StartExporter = Callable[..., Awaitable[TestClient[web.Request, web.Application]]]


StartNode = Callable[..., Awaitable[Node]]


@pytest.fixture
def start_node(aiohttp_server: AiohttpServer) -> StartNode:
    async def start(tls: ssl.SSLContext | None = None) -> Node:
        fake = Node()
        fake.open.set()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", fake.answer)
        server = await aiohttp_server(app, ssl=tls)
        fake.address = f"{'https' if tls else 'http'}://127.0.0.1:{server.port}"
        return fake

    return start


@pytest.fixture
async def node(start_node: StartNode) -> Node:
    return await start_node()


@pytest.fixture
def start_exporter(aiohttp_client: AiohttpClient) -> StartExporter:
    async def start(
        *targets: Target,
        telemetry: Telemetry | None = None,
        audit: Audit | None = None,
        web_file: Path | None = None,
        discovery: tuple[Discoveries, ...] = (),
        **sections: Any,
    ) -> TestClient[web.Request, web.Application]:
        config = Config(
            targets=targets,
            telemetry=telemetry or Telemetry(),
            audit=audit or Audit(),
            web_config_file=web_file,
            discovery=discovery,
            **sections,
        )
        client = await aiohttp_client(Exporter(config).app)

        async def ready() -> bool:
            return (await client.get("/-/ready")).status != HTTPStatus.SERVICE_UNAVAILABLE

        await eventually(ready, what="the targets are found")
        return client

    return start


def target(node: Node, name: str = "n1", auth: Auth | None = None, **settings: Any) -> Target:
    return Target(name=name, address=node.address, auth=auth or NoAuth(), **settings)
