"""The status page over HTTP: its filter, its own scrapes, what only authenticated users see, and its bounds."""

import html
import json
import re
from pathlib import Path

import pytest

from tests.lab.fake_node import HEALTH, SEAL_STATUS, Node, StartExporter, StartNode, target
from tests.lab.waiting import eventually
from tests.web.test_security import PROMETHEUS, USERS
from vault_exporter.config.schema.logins import ApproleAuth, TokenAuth
from vault_exporter.config.schema.model import Secret
from vault_exporter.scrape.history import Cadence, History
from vault_exporter.scrape.node_state import Health as Said
from vault_exporter.scrape.node_state import HealthReport, Mode, NodeState

LOGIN = {"Authorization": PROMETHEUS}


def names(page: str) -> list[str]:
    return re.findall(r'<a href="/targets/([^"]+)"', page)


async def test_the_page_asks_a_node_that_nobody_scrapes(node: Node, start_exporter: StartExporter) -> None:
    client = await start_exporter(target(node))
    assert not node.calls
    page = await (await client.get("/")).text()
    assert node.calls["sys/health"] == 1
    assert "serving, n1 is active" in page
    await client.get("/")
    assert node.calls["sys/health"] == 1  # the reading is fresh


async def test_it_does_not_where_that_is_off(node: Node, start_exporter: StartExporter) -> None:
    client = await start_exporter(target(node), status_page_scrapes=False)
    page = await (await client.get("/")).text()
    assert "nobody has asked its nodes lately" in page
    assert not node.calls


async def test_a_scrape_at_the_same_time_shares_its_flight(node: Node, start_exporter: StartExporter) -> None:
    client = await start_exporter(target(node, timeout=60.0))
    node.open.clear()
    page = await (await client.get("/")).text()  # it does not wait for long
    assert "not asked yet" in page
    node.open.set()
    await client.get("/probe?target=n1")
    await eventually(lambda: node.calls["sys/health"] >= 1, what="an answer")
    assert node.calls["sys/health"] <= 2
    assert "serving, n1 is active" in await (await client.get("/")).text()


async def test_the_filter(start_node: StartNode, start_exporter: StartExporter) -> None:
    nodes = [await start_node() for _ in range(4)]
    nodes[1].answers["sys/health"] = (503, HEALTH.replace('"sealed":false', '"sealed":true'))
    nodes[1].answers["sys/seal-status"] = (200, '{"sealed":true}')
    nodes[2].answers["sys/health"] = (200, "nonsense")
    given = [target(one, f"n{number}", cluster="a" if number < 3 else "b") for number, one in enumerate(nodes)]
    client = await start_exporter(*given)
    for query, expected in (
        ("", ["n2", "n1", "n0", "n3"]),
        ("state=problems", ["n2", "n1"]),
        ("state=sealed", ["n1"]),
        ("state=down", ["n2"]),
        ("state=active", ["n0", "n3"]),
        ("state=<script>", []),
        ("cluster=b", ["n3"]),
        ("cluster=a&state=down", ["n2"]),
        ("cluster=nothing", []),
    ):
        answer = await client.get(f"/?{query}")
        assert answer.status == 200
        page = await answer.text()
        assert names(page) == expected, query
        assert "<script>" not in page.replace("<script>(()=>{", "")


async def test_a_target_has_a_page(node: Node, start_exporter: StartExporter) -> None:
    client = await start_exporter(target(node, "a/b c"))
    page = html.unescape(await (await client.get("/targets/a%2Fb%20c")).text())
    for expected in ("<h1>a/b c</h1>", "2.7.2", "raft", node.address, "/probe?target=a%2Fb%20c", "seal"):
        assert expected in page
    for path in ("/targets/nothing", "/targets/%3Cscript%3E", "/targets/a"):
        answer = await client.get(path)
        assert answer.status == 404
        assert await answer.text() == "There is no such target. The status page (/) lists them.\n"


async def test_the_configuration_is_for_whoever_has_logged_in(
    node: Node, start_exporter: StartExporter, tmp_path: Path
) -> None:
    (tmp_path / "web.yml").write_text(USERS)
    one = target(node, auth=TokenAuth(token=Secret("hvs.planted")), proxy=Secret("http://u:planted@127.0.0.1:1"))
    two = target(node, "n2", ApproleAuth(role_id="role", secret_id=Secret("planted-id")))
    client = await start_exporter(one, two, web_file=tmp_path / "web.yml", status_page_scrapes=False)
    assert (await client.get("/config")).status == 401
    text = html.unescape(await (await client.get("/config", headers=LOGIN)).text())
    assert "planted" not in text
    assert "role_id: role" in text
    assert len(re.findall(r"(token|secret_id|proxy): <secret>", text)) == 3
    assert node.address in text


async def test_the_configuration_is_for_nobody_where_everybody_may_look(start_exporter: StartExporter) -> None:
    client = await start_exporter()
    answer = await client.get("/config")
    assert answer.status == 403
    assert "only to authenticated users" in await answer.text()
    assert "/config" not in await (await client.get("/")).text()


@pytest.mark.parametrize("path", ["/", "/runbooks/", "/targets/n1"])
async def test_the_policy_of_the_pages_allows_only_their_own_style_and_script(
    node: Node, start_exporter: StartExporter, path: str
) -> None:
    client = await start_exporter(target(node))
    answer = await client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    page = await answer.text()
    assert page.count("<style>") == 1
    without = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r'<script|\son\w+=|style="|src=', without)


async def test_what_is_wrong_with_the_storage_if_only_the_leader_says_so(
    node: Node, start_exporter: StartExporter
) -> None:
    client = await start_exporter(target(node), status_page_scrapes=False)
    node.answers["sys/seal-status"] = (200, json.dumps(json.loads(SEAL_STATUS) | {"storage_type": "postgresql"}))
    await client.get("/probe?target=n1")
    # OpenBao without its storage answers so on every node, for as long as that lasts.
    node.answers |= {
        "sys/health": (500, '{"errors":[]}'),
        "sys/seal-status": (500, '{"errors":[]}'),
        "sys/leader": (500, '{"errors":["failed to connect to `host=127.0.0.1`: dial error: connection refused"]}'),
    }
    await client.get("/probe?target=n1")
    assert "PostgreSQL refuses connections (says Vault)" in await (await client.get("/")).text()


def state(*, active: bool) -> NodeState:
    report = HealthReport(200 if active else 429, Said(initialized=True, sealed=False, standby=not active))
    return NodeState(health=report.health, status_code=report.status_code)


def test_history() -> None:
    seen = History().after(state(active=True), 10.0)
    assert (seen.mode, seen.since, seen.changed, seen.active_until) == (Mode.ACTIVE, 10.0, False, None)
    assert seen.after(state(active=True), 20.0) is seen
    lost = seen.after(state(active=False), 30.0)
    assert (lost.mode, lost.since, lost.changed, lost.active_until) == (Mode.STANDBY, 30.0, True, 30.0)
    back = lost.after(state(active=True), 40.0)
    assert (back.since, back.active_until) == (40.0, None)


def test_cadence() -> None:
    cadence = Cadence()
    for now, expected in ((0, None), (15, 15), (30, 15), (40, 15), (60, 20), (4000, 20), (4030, 30)):
        cadence.note(float(now))
        assert cadence.interval == expected
