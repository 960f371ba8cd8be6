"""More targets than are wanted, many at once, and targets that are looked for while the exporter serves already."""

import asyncio
import gc
import json
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from tests.lab.fake_node import Node, StartExporter, StartNode, Waiter, ha_status, target
from tests.lab.waiting import eventually
from vault_exporter.app import Exporter
from vault_exporter.config.schema.model import ClusterDiscovery, Config, FileDiscovery, Secret, Target, TokenAuth
from vault_exporter.targets.discovery import DiscoveryManager
from vault_exporter.targets.manager import Targets
from vault_exporter.vault.auth.shared import Shared

AUTH = TokenAuth(token=Secret("hvs.planted"))
NOT_YET = "The targets are not all known yet.\n"
MANY = 3000
_of_others: list[aiohttp.ClientSession] = []


@pytest.fixture(autouse=True)
def _know_sessions_of_others() -> Iterator[None]:
    """Know the sessions that tests of other files left open."""
    _of_others.extend(open_sessions())
    yield
    _of_others.clear()


async def test_what_is_too_much_is_left_out(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    time = Waiter()
    source = ClusterDiscovery(address=node.address, cluster="prod", auth=AUTH, keep=60.0, max_targets=3)

    async def changed() -> None:
        """Is told of changes."""

    keeper = DiscoveryManager(
        [source], Shared(), changed, wait=time.wait, clock=lambda: time.now, elapsed=lambda: time.now
    )

    async def seen(*numbers: int) -> tuple[list[str], float]:
        node.answers["sys/ha-status"] = ha_status(*(f"http://n{number}:1" for number in numbers))
        await time.look_again()
        (dropped,) = (sample.value for sample in keeper.samples() if sample.family.name.endswith("_dropped_targets"))
        return [target.name.partition(":")[0] for target in keeper.targets()], dropped

    try:
        node.answers["sys/ha-status"] = (500, "")
        await keeper.start()
        await time.waiting.wait()
        assert await seen(1, 2, 3) == (["n1", "n2", "n3"], 0)
        assert "max_targets" not in capsys.readouterr().out
        # Which is there comes before which was there, and those that are targets stay targets, however they are listed.
        assert await seen(5, 4, 3, 2) == (["n2", "n3", "n5"], 1 + 1)
        assert await seen(*range(9, 0, -1)) == (["n2", "n3", "n5"], 6)
        log = capsys.readouterr().out
        assert log.count("left targets out") == 1
        assert "raise max_targets" in log
        # What was found last is kept for its time where there is room.
        assert await seen(2, 7) == (["n2", "n3", "n7"], 1)
        assert await seen(2) == (["n2", "n3", "n7"], 0)
        assert capsys.readouterr().out.count("no targets are left out any more") == 1
    finally:
        await keeper.close()


async def test_a_mistake_of_ours_does_not_end_the_looking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    time = Waiter()
    file = tmp_path / "t.json"
    file.write_text('[{"targets": ["v1"]}]')
    told: list[int] = []

    async def changed() -> None:
        told.append(len(told))
        if len(told) == 1:
            raise ZeroDivisionError

    def success() -> float:
        (value,) = (sample.value for sample in keeper.samples() if sample.family.name.endswith("_success"))
        return value

    keeper = DiscoveryManager(
        [FileDiscovery(path=file)], Shared(), changed, wait=time.wait, clock=lambda: time.now, elapsed=lambda: time.now
    )
    try:
        await keeper.start()
        await time.waiting.wait()
        file.write_text('[{"targets": ["v2"]}]')
        await time.look_again()
        assert (told, success()) == ([0], 0)
        assert "(ZeroDivisionError); please report it" in capsys.readouterr().out
        await time.look_again()  # nothing is new, but that was not heard
        assert (told, success()) == ([0, 1], 1)
        await time.look_again()
        assert told == [0, 1]
    finally:
        await keeper.close()


async def test_as_many_as_an_answer_can_hold(
    node: Node, start_exporter: StartExporter, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(24_000)]
    node.answers["sys/ha-status"] = ha_status(*(f"http://{number}:1" for number in numbers))
    node.answers["sys/ha-status"] = (200, node.answers["sys/ha-status"][1].replace('"hostname":"",', ""))
    source = ClusterDiscovery(address=node.address, cluster="prod", auth=AUTH)
    client = await start_exporter(discovery=(source,))
    assert await names(client) == [f"{number}:1" for number in numbers[:1000]]
    page = await (await client.get("/metrics")).text()
    labels = f'{{type="cluster",source="{node.address}"}}'
    assert f"\nvault_exporter_discovery_targets{labels} 1000\n" in page
    assert f"\nvault_exporter_discovery_dropped_targets{labels} 23000\n" in page
    assert capsys.readouterr().out.count("left targets out") == 1


async def test_the_loop_is_not_held_by_many() -> None:
    config = Config(targets=tuple(Target(f"n{number}", f"http://n{number}:8200") for number in range(MANY)))
    targets = Targets()
    work = asyncio.create_task(targets.apply(config))
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 3  # it takes hundreds of milliseconds in all
    assert [scraper.target for scraper in targets] == list(config.targets)
    await targets.close()


async def test_two_changes_at_once_are_made_one_after_the_other() -> None:
    many = Config(targets=tuple(Target(f"n{number}", f"http://n{number}:8200") for number in range(MANY)))
    few = Config(targets=many.targets[-2:])
    targets = Targets()
    first = asyncio.create_task(targets.apply(many))
    await asyncio.sleep(0)
    assert len(targets) == 0  # there is no half of it
    await targets.apply(few)
    await first
    assert [scraper.target for scraper in targets] == list(few.targets)
    await targets.close()
    assert not open_sessions()


async def test_a_change_that_is_cut_short_leaves_all_as_it_was() -> None:
    one = Config(targets=(Target("n0", "http://n0:8200"),))
    many = Config(targets=tuple(Target(f"n{number}", f"http://n{number}:8200") for number in range(MANY)))
    targets = Targets()
    await targets.apply(one)
    work = asyncio.create_task(targets.apply(many))
    await asyncio.sleep(0)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert work.cancelled()
    assert len(targets) == len(open_sessions()) == 1
    await targets.close()
    assert not open_sessions()


async def test_what_is_leaving_is_closed_at_the_end() -> None:
    many = Config(targets=tuple(Target(f"n{number}", f"http://n{number}:8200") for number in range(9)))
    targets = Targets()
    await targets.apply(many)
    await targets.apply(Config())
    await targets.close()
    assert not open_sessions()


def open_sessions() -> list[aiohttp.ClientSession]:
    found = [one for one in gc.get_objects() if type(one) is aiohttp.ClientSession and not one.closed]
    return [one for one in found if not any(one is other for other in _of_others)]


async def test_the_exporter_serves_while_it_looks_for_the_first_time(
    start_node: StartNode, aiohttp_client: AiohttpClient
) -> None:
    listed, hung = await start_node(), await start_node()
    hung.open.clear()
    hung.answers["sys/ha-status"] = ha_status("http://n2:8200")
    source = ClusterDiscovery(address=hung.address, cluster="prod", auth=AUTH, timeout=60.0)
    config = Config(targets=(target(listed),), discovery=(source,), web_enable_lifecycle=True)
    client: TestClient[web.Request, web.Application] = await aiohttp_client(Exporter(config).app)

    async def get(path: str) -> tuple[int, str]:
        response = await client.get(path)
        return response.status, await response.text()

    assert (await get("/-/healthy"))[0] == 200
    assert await get("/-/ready") == (503, "vault-exporter is starting or stopping.\n")
    assert await get("/sd") == (503, NOT_YET)
    status, page = await get("/metrics")
    assert status == 200
    assert "vault_up" not in page
    assert "\nvault_exporter_targets 1\n" in page
    assert "\nvault_up 1\n" in (await get("/probe?target=n1"))[1]
    assert await get("/probe?target=n2:8200") == (503, NOT_YET)
    # A reload waits for its turn.
    reload = asyncio.create_task(client.post("/-/reload"))
    assert await get("/sd") == (503, NOT_YET)
    assert not reload.done()

    hung.open.set()

    async def ready() -> bool:
        return (await get("/-/ready"))[0] == 200

    await eventually(ready, what="the targets are found")
    assert await names(client) == ["n1", "n2:8200"]
    assert (await get("/probe?target=n3"))[0] == 400
    assert (await reload).status == 200
    assert hung.calls["sys/ha-status"] == 1


async def test_an_exporter_that_is_told_to_stop_while_it_looks(
    start_node: StartNode, aiohttp_client: AiohttpClient
) -> None:
    hung = await start_node()
    hung.open.clear()
    hung.answers = {"sys/ha-status": ha_status("http://n2:8200")}
    source = ClusterDiscovery(address=hung.address, cluster="prod", timeout=60.0)
    client: TestClient[web.Request, web.Application] = await aiohttp_client(Exporter(Config(discovery=(source,))).app)
    await hung.asked.wait()
    await client.close()
    assert not open_sessions()


async def test_a_file_that_changes_as_a_whole(node: Node, aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    file = tmp_path / "t.json"

    def write(prefix: str) -> list[str]:
        found = [f"{prefix}{number}:8200" for number in range(20)]
        file.write_text(json.dumps([{"targets": found}]))
        return found

    expected = write("a")
    source = FileDiscovery(path=file, interval=0.01, max_targets=10)
    client: TestClient[web.Request, web.Application] = await aiohttp_client(
        Exporter(Config(targets=(target(node),), discovery=(source,))).app
    )

    async def found() -> bool:
        return (await client.get("/sd")).status == 200

    async def changed() -> bool:
        return await names(client) == ["n1", *expected[:10]]

    await eventually(found, what="the targets are found")
    assert await changed()
    expected = write("b")
    await eventually(changed, what="the targets of the new file")
    assert "\nvault_up 1\n" in await (await client.get("/probe?target=n1")).text()


async def names(client: TestClient[web.Request, web.Application]) -> list[str]:
    response = await client.get("/sd")
    assert response.status == 200, await response.text()
    return [group["labels"]["__param_target"] for group in await response.json()]
