"""Nodes of a cluster that come back with another address, such as restarted pods."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.lab.fake_node import Node, Waiter
from vault_exporter.config.schema.model import ClusterDiscovery, Secret, TokenAuth
from vault_exporter.targets.discovery import DiscoveryManager
from vault_exporter.vault.auth.shared import Shared

Seen = Callable[..., Awaitable[dict[str, str]]]
Listed = tuple[str, str, str]
"""Host name, host and port, last heartbeat; the active node has none."""

AUTH = TokenAuth(token=Secret("hvs.planted"))


async def nothing() -> None:
    """Is told of changes."""


def ha_status(*nodes: Listed) -> tuple[int, str]:
    listed = [
        {
            "hostname": hostname,
            "api_address": f"http://{address}",
            "active_node": not echo,
            "last_echo": f"2026-01-01T00:00:{echo}Z" if echo else None,
        }
        for hostname, address, echo in nodes
    ]
    return 200, json.dumps({"data": {"nodes": listed}})


@pytest.fixture
async def seen(node: Node) -> AsyncIterator[Seen]:
    """Answer the next look-up, and return the addresses of the targets by name."""
    time = Waiter()
    keeper = DiscoveryManager(
        [ClusterDiscovery(address=node.address, cluster="prod", auth=AUTH)], Shared(), nothing, wait=time.wait
    )
    is_started = False

    async def look(*nodes: Listed) -> dict[str, str]:
        nonlocal is_started
        node.answers["sys/ha-status"] = ha_status(*nodes)
        if is_started:
            await time.look_again()
        else:
            await keeper.start()
            await time.waiting.wait()
        is_started = True
        return {target.name: target.address.removeprefix("http://") for target in keeper.targets()}

    yield look
    await keeper.close()


V0, V1, V2 = ("v-0", "10.0.0.1:1", ""), ("v-1", "10.0.0.2:1", "01"), ("v-2", "10.0.0.3:1", "01")
THREE = {"v-0": "10.0.0.1:1", "v-1": "10.0.0.2:1", "v-2": "10.0.0.3:1"}


@pytest.mark.parametrize("address", ["10.0.0.9:1", "10.0.0.3:7"], ids=["another IP", "another port"])
async def test_a_restarted_node_keeps_its_name(seen: Seen, address: str) -> None:
    assert await seen(V0, V1, V2) == THREE
    # A node that is gone stays a target, since its alert must go on.
    assert await seen(V0, V1) == THREE
    assert await seen(V0, V1, ("v-2", address, "30")) == THREE | {"v-2": address}


async def test_the_old_address_is_listed_for_a_while(seen: Seen) -> None:
    assert await seen(V0, V1, V2) == THREE
    moved = THREE | {"v-2": "10.0.0.9:1"}
    assert await seen(V0, V1, V2, ("v-2", "10.0.0.9:1", "02")) == moved
    assert await seen(V0, V1, V2, ("v-2", "10.0.0.9:1", "07")) == moved
    assert await seen(V0, V1, ("v-2", "10.0.0.9:1", "12")) == moved


async def test_the_old_address_is_listed_when_the_exporter_starts(seen: Seen) -> None:
    both = {"10.0.0.3:1": "10.0.0.3:1", "10.0.0.9:1": "10.0.0.9:1"}
    assert await seen(V0, V2, ("v-2", "10.0.0.9:1", "02")) == {"v-0": "10.0.0.1:1"} | both
    assert await seen(V0, ("v-2", "10.0.0.9:1", "07")) == {"v-0": "10.0.0.1:1", "v-2": "10.0.0.9:1"}


async def test_several_nodes_on_one_machine_stay_apart(seen: Seen) -> None:
    three = {f"10.0.0.1:{port}": f"10.0.0.1:{port}" for port in (1, 2, 3)}
    assert await seen(("host", "10.0.0.1:1", "")) == {"host": "10.0.0.1:1"}
    await seen(("host", "10.0.0.1:1", ""), ("host", "10.0.0.1:2", "01"), ("host", "10.0.0.1:3", "01"))
    assert await seen(("host", "10.0.0.1:1", ""), ("host", "10.0.0.1:2", "06"), ("host", "10.0.0.1:3", "06")) == three
    # Two of them die, one after the other; both stay targets under their names.
    assert await seen(("host", "10.0.0.1:1", ""), ("host", "10.0.0.1:2", "11")) == three
    assert await seen(("host", "10.0.0.1:1", "")) == three


async def test_clusters_with_the_same_host_names_are_all_targets(node: Node) -> None:
    node.answers["sys/ha-status"] = ha_status(V0, ("", "10.0.0.7:1", "01"), ("no name", "10.0.0.8:1", "01"))
    sources = [ClusterDiscovery(address=node.address, cluster=cluster, auth=AUTH) for cluster in ("a", "b")]
    keeper = DiscoveryManager(sources, Shared(), nothing)
    try:
        await keeper.start()
        of_each = {("10.0.0.7:1", None), ("10.0.0.8:1", None)}
        named = {(target.name, target.cluster if target.name.startswith("v-") else None) for target in keeper.targets()}
        assert named == {("v-0.a", "a"), ("v-0.b", "b")} | of_each
    finally:
        await keeper.close()
