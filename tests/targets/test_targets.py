"""Targets that come and go: discovery, ``/sd``, and reload."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from tests.lab.fake_node import Node, Waiter, ha_status, target
from tests.lab.waiting import eventually
from vault_exporter.app import Exporter
from vault_exporter.checks import Flags, load
from vault_exporter.config.parse.problems import ConfigError, Problem
from vault_exporter.config.schema.model import (
    ClusterDiscovery,
    Collectors,
    Config,
    FileDiscovery,
    Secret,
    Target,
    Telemetry,
    TokenAuth,
)
from vault_exporter.targets.discovery import DiscoveryManager
from vault_exporter.vault.auth.shared import Shared

AUTH = TokenAuth(token=Secret("hvs.planted"))
Client = TestClient[web.Request, web.Application]


async def names(client: Client) -> list[str]:
    response = await client.get("/sd")
    assert response.status == 200, await response.text()
    return [group["labels"]["__param_target"] for group in await response.json()]


async def test_service_discovery(node: Node, aiohttp_client: AiohttpClient) -> None:
    targets = (target(node, "n1", cluster="prod", labels={"zone": "a"}), target(node, "n2"))
    client = await aiohttp_client(Exporter(Config(targets=targets)).app)
    response = await client.get("/sd")
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    usual = {"__scheme__": "http", "__metrics_path__": "/probe"}
    exporter = [f"{client.host}:{client.port}"]
    assert await response.json() == [
        {
            "targets": exporter,
            "labels": {"zone": "a", **usual, "__param_target": "n1", "instance": "n1", "cluster": "prod"},
        },
        {"targets": exporter, "labels": {**usual, "__param_target": "n2", "instance": "n2"}},
    ]


async def test_a_cluster_by_one_address(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    time = Waiter()
    seed = node.address.removeprefix("http://")
    source = ClusterDiscovery(address=node.address, cluster="prod", auth=AUTH, keep=60.0)
    changes: list[int] = []

    async def changed() -> None:
        changes.append(1)

    keeper = DiscoveryManager(
        [source], Shared(), changed, wait=time.wait, clock=lambda: time.now, elapsed=lambda: time.now
    )

    async def seen(*addresses: str) -> list[str]:
        node.answers["sys/ha-status"] = ha_status(*addresses)
        await time.look_again()
        return [target.name for target in keeper.targets()]

    try:
        node.answers["sys/ha-status"] = (500, '{"errors":["context deadline exceeded"]}')
        await keeper.start()
        assert [target.name for target in keeper.targets()] == [seed]
        assert not keeper.complete
        await time.waiting.wait()

        assert await seen("http://n1:8200", "http://n2:8200", "") == ["n1:8200", "n2:8200"]
        assert keeper.complete
        assert changes == [1]
        assert {(target.address, target.cluster, target.auth) for target in keeper.targets()} == {
            ("http://n1:8200", "prod", AUTH),
            ("http://n2:8200", "prod", AUTH),
        }
        assert "X-Vault-No-Request-Forwarding" not in node.headers["sys/ha-status"]
        # A node that is gone is kept for a minute, that is for two look-ups.
        assert await seen("http://n1:8200", "http://n3:8200") == ["n1:8200", "n2:8200", "n3:8200"]
        assert await seen("http://n1:8200", "http://n3:8200") == ["n1:8200", "n2:8200", "n3:8200"]
        assert await seen("http://n1:8200", "http://n3:8200") == ["n1:8200", "n3:8200"]
        # A failure, however long, changes nothing.
        for _ in range(5):
            node.answers["sys/ha-status"] = (403, '{"errors":["permission denied"]}')
            await time.look_again()
            assert [target.name for target in keeper.targets()] == ["n1:8200", "n3:8200"]
        (lost,) = (line for line in capsys.readouterr().out.splitlines() if "discovery lost targets" in line)
        assert lost.split()[-4:] == ["count=1", "left=2", f"source={node.address}", "targets=n2:8200"]
        values = {
            sample.family.name.removeprefix("vault_exporter_discovery_"): sample.value for sample in keeper.samples()
        }
        assert values == {"success": 0, "targets": 2, "dropped_targets": 0, "last_success_timestamp_seconds": 1120}
        assert {sample.labels for sample in keeper.samples()} == {("cluster", node.address)}
    finally:
        await keeper.close()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((403, '{"errors":["permission denied"]}'), True),
        ((500, '{"errors":["no active node"]}'), False),
    ],
)
async def test_only_a_refused_look_up_says_what_to_grant(
    node: Node, capsys: pytest.CaptureFixture[str], answer: tuple[int, str], *, says: bool
) -> None:
    node.answers["sys/ha-status"] = answer
    keeper = DiscoveryManager([ClusterDiscovery(address=node.address, cluster="prod", auth=AUTH)], Shared(), nothing)
    try:
        await keeper.start()
        said = capsys.readouterr().out
        assert "cannot discover targets" in said
        assert ("it takes a token" in said) == says
    finally:
        await keeper.close()


async def nothing() -> None:
    """Is told of changes."""


async def test_the_size_that_a_cluster_should_have(node: Node, aiohttp_client: AiohttpClient) -> None:
    config = Config(targets=(target(node), target(node, "n2")), clusters={"prod": 3, "test": 1})
    page = await (await (await aiohttp_client(Exporter(config).app)).get("/metrics")).text()
    assert re.findall(r"^vault_exporter_cluster_expected_nodes.*", page, re.MULTILINE) == [
        'vault_exporter_cluster_expected_nodes{cluster="prod"} 3',
        'vault_exporter_cluster_expected_nodes{cluster="test"} 1',
    ]


async def test_prometheus_is_not_told_half_of_it(node: Node, aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    missing = FileDiscovery(path=tmp_path / "t.yml")
    client = await aiohttp_client(Exporter(Config(targets=(target(node),), discovery=(missing,))).app)
    assert (await client.get("/sd")).status == 503
    assert "vault_up 1" in await (await client.get("/probe?target=n1")).text()
    # Where targets are discovered, what is on /metrics does not change with their number.
    assert "vault_up" not in await (await client.get("/metrics")).text()


async def test_a_clock_that_is_set_holds_nothing_up(tmp_path: Path) -> None:
    time = Waiter()
    wall = [1_800_000_000.0]

    async def changed() -> None:
        pass

    there = FileDiscovery(path=tmp_path / "t.yml", keep=60.0)
    sources = [there, FileDiscovery(path=tmp_path / "none.yml")]
    there.path.write_text("- targets: [v1:8200]")
    keeper = DiscoveryManager(
        sources[:1], Shared(), changed, wait=time.wait, clock=lambda: wall[0], elapsed=lambda: time.now
    )
    silent = DiscoveryManager(
        sources[1:], Shared(), changed, wait=time.wait, clock=lambda: wall[0], elapsed=lambda: time.now
    )
    try:
        await silent.start()
        assert not silent.complete
        wall[0] -= 86_400
        time.now += 301
        assert silent.complete
        await silent.close()

        await keeper.start()
        await time.waiting.wait()
        there.path.write_text("- targets: [v2:8200]")
        wall[0] += 86_400
        await time.look_again()
        assert [target.name for target in keeper.targets()] == ["v1:8200", "v2:8200"]
    finally:
        await keeper.close()
        await silent.close()


class Settings:
    """What the exporter reads at a reload."""

    def __init__(self, config: Config) -> None:
        self.config: Config | ConfigError = config

    def read(self) -> Config:
        if isinstance(self.config, ConfigError):
            raise self.config
        return self.config


async def test_reload(
    node: Node, aiohttp_client: AiohttpClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node.answers["auth/token/lookup-self"] = (200, '{"data":{"ttl":0}}')
    first = Config(targets=(target(node, "n1", auth=AUTH), target(node, "n2")), web_enable_lifecycle=True)
    settings = Settings(first)
    client: Client = await aiohttp_client(Exporter(first, settings.read).app)

    async def reloaded() -> tuple[int, str]:
        status = (await client.post("/-/reload")).status
        page = await (await client.get("/metrics")).text()
        return status, "".join(re.findall(r"^vault_exporter_config_last_reload_successful (\d)$", page, re.MULTILINE))

    assert "vault_up 1" in await (await client.get("/probe?target=n1")).text()
    (tmp_path / "t.yml").write_text(f"- targets: ['{node.address}']\n  labels: {{instance: found}}\n")
    found = FileDiscovery(path=tmp_path / "t.yml")
    settings.config = Config(
        targets=(target(node, "n1", auth=AUTH), target(node, "n2", cluster="prod"), target(node, "n3")),
        discovery=(found,),
        web_enable_lifecycle=True,
    )
    assert await reloaded() == (200, "1")
    assert await names(client) == ["n1", "n2", "n3", "found"]
    for name in await names(client):
        assert "vault_up 1" in await (await client.get(f"/probe?target={name}")).text()
    assert node.calls["auth/token/lookup-self"] == 1  # n1 is as it was, and keeps its token

    settings.config = ConfigError((Problem("c.yml:1: targetz", "unknown key"),))
    assert await reloaded() == (500, "0")
    assert await names(client) == ["n1", "n2", "n3", "found"]
    assert "c.yml:1: targetz: unknown key" in capsys.readouterr().out

    settings.config = Config(targets=(target(node, "n3"),), telemetry=Telemetry(enabled=False))
    assert await reloaded() == (200, "1")
    assert await names(client) == ["n3"]
    assert (await client.get("/probe?target=n1")).status == 400
    assert await reloaded() == (403, "1")


async def test_a_reload_requests_missing_paths_again(node: Node, aiohttp_client: AiohttpClient) -> None:
    node.answers["sys/host-info"] = (404, '{"errors":["unsupported path"]}')
    config = Config(
        targets=(target(node, auth=AUTH, collectors=Collectors(intervals={"host": 0.001})),), web_enable_lifecycle=True
    )
    client: Client = await aiohttp_client(Exporter(config, lambda: config).app)
    for _ in range(2):
        assert "vault_up 1" in await (await client.get("/probe?target=n1")).text()
    assert node.calls["sys/host-info"] == 1
    assert (await client.post("/-/reload")).status == 200
    await client.get("/probe?target=n1")
    assert node.calls["sys/host-info"] == 2


async def test_reload_of_a_target_lets_its_scrape_end(node: Node, aiohttp_client: AiohttpClient) -> None:
    first = Config(targets=(target(node, "n1"),), web_enable_lifecycle=True)
    settings = Settings(first)
    client: Client = await aiohttp_client(Exporter(first, settings.read).app)
    node.open.clear()
    scrape = asyncio.create_task(_text(client, "/probe?target=n1"))
    await node.asked.wait()
    settings.config = Config(targets=(target(node, "n2"),))
    assert (await client.post("/-/reload")).status == 200
    assert await names(client) == ["n2"]
    node.open.set()
    assert "vault_up 1" in await scrape


async def test_a_name_that_is_taken_is_logged(
    aiohttp_client: AiohttpClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tmp_path / "targets.json"
    found.write_text('[{"targets": ["n1:8200", "n2:8200"]}]')
    listed = (
        Target("n1:8200", "http://elsewhere:8200"),
        Target("n2:8200", "http://n2:8200"),
    )
    config = Config(targets=listed, discovery=(FileDiscovery(path=found, scheme="http"),))
    client: Client = await aiohttp_client(Exporter(config).app)

    async def is_ready() -> bool:
        return (await client.get("/-/ready")).status == 200

    await eventually(is_ready, what="every discovery has looked")
    assert await names(client) == ["n1:8200", "n2:8200"]
    (taken,) = [line for line in capsys.readouterr().out.splitlines() if "names are taken" in line]
    assert "n1:8200" in taken
    assert "n2:8200" not in taken, "the same node twice is no mistake"


def test_the_file_says_where_to_look(tmp_path: Path) -> None:
    file = tmp_path / "c.yml"
    file.write_text(
        """
defaults: {namespace: ops, labels: {team: a}}
discovery:
  - {type: cluster, address: http://v:8200, cluster: prod}
  - {type: dns, name: vault-internal, port: 8300, scheme: http, interval: 1m}
  - {type: file, path: /t/*.yml, labels: {zone: b}, keep: 5m, max_targets: 50}
"""
    )
    shared: dict[str, Any] = {"namespace": "ops", "labels": {"team": "a"}}
    config = load(file, Flags(), {"VAULT_ADDR": "http://elsewhere"})
    assert config.targets == ()
    assert [source.keep for source in config.discovery] == [3600, None, 300]
    assert [source.interval for source in config.discovery] == [30, 60, 30]
    assert [source.max_targets for source in config.discovery] == [1000, 1000, 50]
    assert config.discovery[0] == ClusterDiscovery(address="http://v:8200", cluster="prod", **shared)
    assert config.discovery[2].labels == {"team": "a", "zone": "b"}


async def _text(client: Client, path: str) -> str:
    return await (await client.get(path)).text()
