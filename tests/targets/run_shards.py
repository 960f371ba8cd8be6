"""2,000 targets over four exporters, as a StatefulSet of four pods with one configuration runs them."""

import asyncio
import contextlib
import json
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer

from tests.lab.waiting import PATIENCE
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.process import free_port
from vault_exporter.scrape.collectors import COLLECTORS, REQUIRED

TARGETS, SHARDS = 2000, 4
AT_ONCE = 16
HEALTH = '{"initialized":true,"sealed":false,"standby":false,"version":"2.7.2","cluster_name":"c"}'


@pytest.fixture
def calls() -> Counter[str]:
    """Number of scrapes of each node."""
    return Counter()


@pytest.fixture
async def nodes(aiohttp_server: AiohttpServer, calls: Counter[str]) -> TestServer:
    async def answer(request: web.Request) -> web.Response:
        if request.match_info["path"] != "sys/health":
            return web.Response(status=404, text='{"errors":[]}')
        calls[request.match_info["name"]] += 1
        return web.Response(text=HEALTH)

    app = web.Application()
    app.router.add_get("/{name}/v1/{path:.*}", answer)
    return await aiohttp_server(app)


async def test_each_target_is_scraped_by_exactly_one(nodes: TestServer, calls: Counter[str], tmp_path: Path) -> None:
    names = [f"n{number}" for number in range(TARGETS)]
    listed = [{"targets": [f"http://127.0.0.1:{nodes.port}/{name}"], "labels": {"instance": name}} for name in names]
    (tmp_path / "targets.json").write_text(json.dumps(listed))
    without = [collector.name for collector in COLLECTORS if collector.default and collector.name not in REQUIRED]
    config = {
        "discovery": [{"type": "file", "path": str(tmp_path / "targets.json"), "max_targets": TARGETS}],
        "defaults": {"collectors": {"disable": without}},
        "telemetry": {"enabled": False},
    }
    (tmp_path / "vault-exporter.yml").write_text(json.dumps(config))

    def start(ordinal: int) -> ExporterProcess:
        port = free_port()
        return ExporterProcess(
            ["--config", tmp_path / "vault-exporter.yml", "--listen", f"127.0.0.1:{port}"],
            port=port,
            log=tmp_path / f"{ordinal}.log",
            env={"VAULT_EXPORTER_SHARD": f"vault-exporter-{ordinal}/{SHARDS}"},
        )

    with contextlib.ExitStack() as stack:
        exporters = [stack.enter_context(await asyncio.to_thread(start, ordinal)) for ordinal in range(SHARDS)]
        room = asyncio.Semaphore(AT_ONCE)
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(timeout=timeout) as prometheus:

            async def probe(exporter: str, name: str) -> tuple[int, str]:
                async with room, prometheus.get(f"http://{exporter}/probe", params={"target": name}) as response:
                    return response.status, await response.text()

            found: list[tuple[str, str]] = []
            for exporter in exporters:
                async with prometheus.get(f"{exporter.address}/sd") as response:
                    groups = await response.json()
                found += [(group["targets"][0], group["labels"]["__param_target"]) for group in groups]
            assert Counter(name for _, name in found) == Counter(names)
            assert {exporter for exporter, _ in found} == {one.address.removeprefix("http://") for one in exporters}
            pages = await asyncio.gather(*(probe(*one) for one in found))
            assert {status for status, _ in pages} == {200}
            assert all("\nvault_up 1\n" in page for _, page in pages)
            assert calls == Counter(names)
            others = await asyncio.gather(*(probe(one.address.removeprefix("http://"), "n0") for one in exporters))
            assert sorted(status for status, _ in others) == [200, 421, 421, 421]
