"""Several exporters that share the targets of one list."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from tests.lab.fake_node import TELEMETRY, Node, StartExporter, target
from vault_exporter.app import Exporter
from vault_exporter.checks import ConfigError, Flags, load
from vault_exporter.config.schema.model import Config, FileDiscovery
from vault_exporter.config.schema.shard import Shard

Client = TestClient[web.Request, web.Application]

NAMES = [f"vault-{number}.example.com:8200" for number in range(2000)]
MISDIRECTED = 421
SENT_ELSEWHERE = "Ask shard {}/3: a target of this name belongs to it. This exporter is shard {}/3.\n"
NOT_A_SHARD = (
    "not a shard; write ORDINAL/TOTAL, like 2/4, or the name of a StatefulSet's pod for the ordinal, "
    "like vault-exporter-2/4"
)
PUT = "vault_barrier_put_count"
WITHOUT_PUT = "\n".join(line for line in TELEMETRY.splitlines() if "barrier_put" not in line) + "\n"


async def names(client: Client) -> list[str]:
    response = await client.get("/sd")
    assert response.status == web.HTTPOk.status_code, await response.text()
    return [group["labels"]["__param_target"] for group in await response.json()]


async def page(client: Client, path: str) -> str:
    return await (await client.get(path)).text()


async def put_count(client: Client, name: str) -> float:
    lines = (await page(client, f"/probe?target={name}")).splitlines()
    (value,) = [line.rpartition(" ")[2] for line in lines if line.startswith(PUT)]
    return float(value)


@pytest.mark.parametrize("total", [1, 2, 4, 13])
def test_shares_are_about_equal(total: int) -> None:
    shares = Counter(Shard(0, total).owner(name) for name in NAMES)
    assert shares.keys() == set(range(total))
    even = len(NAMES) / total
    assert all(0.7 * even < share < 1.3 * even for share in shares.values()), shares


@pytest.mark.parametrize("total", [1, 2, 4, 13])
def test_a_further_shard_takes_its_share_and_moves_nothing_else(total: int) -> None:
    moved = [name for name in NAMES if Shard(0, total).owner(name) != Shard(0, total + 1).owner(name)]
    assert {Shard(0, total + 1).owner(name) for name in moved} == {total}
    assert 0.7 < len(moved) * (total + 1) / len(NAMES) < 1.3


def test_the_owner_is_the_same_in_every_version() -> None:
    """Replicas of two versions, as in a rolling update, must agree."""
    assert [Shard(0, 4).owner(f"n{number}") for number in range(12)] == [3, 0, 1, 2, 2, 3, 0, 1, 2, 3, 0, 3]


@pytest.mark.parametrize(
    ("text", "shard"),
    [
        ("0/1", Shard(0, 1)),
        ("3/4", Shard(3, 4)),
        ("vault-exporter-3/4", Shard(3, 4)),
        ("vault-exporter-10/11", Shard(10, 11)),
        ("999/1000", Shard(999, 1000)),
    ],
)
def test_what_a_shard_may_be(text: str, shard: Shard) -> None:
    assert load(None, Flags(address="http://n1:8200", shard=text), {}).shard == shard


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("4/4", "there is no shard 4 of 4; the ordinals are 0 to 3"),
        ("0/0", "the number of shards is not from 1 to 1000"),
        ("0/1001", "the number of shards is not from 1 to 1000"),
        *((wrong, NOT_A_SHARD) for wrong in ("", "1", "/4", "1/", "-1/4", "1/-4", "a/4", "1/4/5", " 1/4", "\uff11/4")),
        ("exporter/4", NOT_A_SHARD),
        ("exporter-/4", NOT_A_SHARD),
    ],
)
def test_what_a_shard_may_not_be(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(None, Flags(address="http://n1:8200", shard=text), {"VAULT_EXPORTER_SHARD": "0/1"})
    assert str(error.value) == f"--shard: {problem}"


def test_a_wrong_variable_is_named() -> None:
    environ = {"VAULT_EXPORTER_SHARD": "4/4", "VAULT_EXPORTER_LISTEN": ":x"}
    with pytest.raises(ConfigError) as error:
        load(None, Flags(address="http://n1:8200", shard="4/4", listen=":x"), environ)
    assert {str(problem).partition(": not")[0].partition(": there")[0] for problem in error.value.problems} == {
        "environment: VAULT_EXPORTER_LISTEN",
        "environment: VAULT_EXPORTER_SHARD",
    }


async def test_each_target_is_of_one_exporter(node: Node, start_exporter: StartExporter, tmp_path: Path) -> None:
    listed = [target(node, f"n{number}") for number in range(20)]
    file = tmp_path / "t.json"
    file.write_text(json.dumps([{"targets": [f"m{number}:8200" for number in range(20)]}]))
    source = FileDiscovery(path=file, scheme="http")
    clients = [await start_exporter(*listed, discovery=(source,), shard=Shard(ordinal, 3)) for ordinal in range(3)]
    shares = [await names(client) for client in clients]
    found = Counter(name for share in shares for name in share)
    assert found == Counter([one.name for one in listed] + [f"m{number}:8200" for number in range(20)])
    assert all(shares)
    for ordinal, (client, share) in enumerate(zip(clients, shares, strict=True)):
        own = await page(client, "/metrics")
        assert f"\nvault_exporter_targets {len(share)}\n" in own
        assert f"\nvault_exporter_shard_ordinal {ordinal}\n" in own
        assert "\nvault_exporter_shards 3\n" in own
        mine = next(name for name in share if name.startswith("n"))
        assert "\nvault_up 1\n" in await page(client, f"/probe?target={mine}")
        other = next(name for name in shares[ordinal - 1] if name.startswith("n"))
        response = await client.get(f"/probe?target={other}")
        assert (response.status, await response.text()) == (
            MISDIRECTED,
            SENT_ELSEWHERE.format((ordinal - 1) % 3, ordinal),
        )
        unknown = [await client.get(f"/probe?target=unknown-{number}") for number in range(6)]
        assert {response.status for response in unknown} == {web.HTTPBadRequest.status_code}


async def test_the_only_target_of_a_shard_is_not_on_its_own_page(node: Node, start_exporter: StartExporter) -> None:
    """Else the node would be scraped twice, by ``/metrics`` and by the probe that ``/sd`` lists."""
    client = await start_exporter(target(node), shard=Shard(0, 1))
    assert await names(client) == ["n1"]
    assert "vault_up" not in await page(client, "/metrics")
    without = await start_exporter(target(node))
    own = await page(without, "/metrics")
    assert "\nvault_up 1\n" in own
    assert "vault_exporter_shard" not in own


async def test_a_further_shard_takes_over_where_the_others_keep_their_counters(
    node: Node, aiohttp_client: AiohttpClient
) -> None:
    """A reload with another number of shards, as a key of the file.

    What stays keeps the continuity of its counters. What moves starts as after a restart of an exporter: with the value
    that Vault has, below the earlier one if the series had expired, which Prometheus takes for a reset.
    """
    listed = tuple(target(node, f"n{number}") for number in range(20))
    configs = [Config(targets=listed, shard=Shard(0, 1), web_enable_lifecycle=True)]
    first: Client = await aiohttp_client(Exporter(configs[0], lambda: configs[-1]).app)
    moving = next(one.name for one in listed if not Shard(0, 2).has(one.name))
    staying = next(one.name for one in listed if Shard(0, 2).has(one.name))

    async def counts(client: Client, *which: str) -> list[float]:
        return list(await asyncio.gather(*(put_count(client, name) for name in which)))

    assert await counts(first, moving, staying) == [39, 39]
    node.answers["sys/metrics"] = (200, WITHOUT_PUT)  # the series has expired
    assert await counts(first, moving, staying) == [39, 39]
    node.answers["sys/metrics"] = (200, TELEMETRY.replace(f"{PUT} 39", f"{PUT} 2"))
    assert await counts(first, moving, staying) == [41, 41]

    configs.append(Config(targets=listed, shard=Shard(0, 2), web_enable_lifecycle=True))
    assert (await first.post("/-/reload")).status == web.HTTPOk.status_code
    second: Client = await aiohttp_client(Exporter(Config(targets=listed, shard=Shard(1, 2))).app)
    assert (await first.get(f"/probe?target={moving}")).status == MISDIRECTED
    assert await counts(first, staying) == [41]
    assert await counts(second, moving) == [2]
    node.answers["sys/metrics"] = (200, TELEMETRY.replace(f"{PUT} 39", f"{PUT} 5"))
    assert await counts(first, staying) == [44]
    assert await counts(second, moving) == [5]


async def test_the_status_page_of_a_shard_judges_no_cluster(node: Node, start_exporter: StartExporter) -> None:
    shard = Shard(Shard(0, 2).owner("v1"), 2)
    exporter = await start_exporter(target(node, "v1"), shard=shard, clusters={"prod": 3})
    text = await (await exporter.get("/")).text()
    assert f"this exporter scrapes shard {shard}, a share of the nodes" in text
    assert "of 3 nodes" not in text
