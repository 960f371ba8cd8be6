"""Three real nodes on PostgreSQL: leadership, a killed leader, and a storage outage."""

import html
import re
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.screen import Screen
from tests.e2e.conftest import StartExporter, probe, reason
from tests.lab.api import call, metrics, unseal
from tests.lab.nodes import Cluster, Node, postgres_cluster
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.process import ServiceError, free_port
from vault_exporter.demo.prometheus import Prometheus


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with postgres_cluster() as cluster:
        yield cluster


def roles(exporter: ExporterProcess, nodes: list[Node]) -> list[tuple[str, float | None, float | None]]:
    """For each node: why it is down, and whether it is active and on standby."""
    pages = [probe(exporter, node.name) for node in nodes]
    return [(reason(page), page.value("vault_active"), page.value("vault_standby")) for page in pages]


def notices(node: Node) -> bool:
    """Whether a node says that its storage is gone, and no longer that it is active."""
    return node.health() != 200 and call(node.address, "GET", "sys/leader").status == 500


def cluster_leader(nodes: list[Node]) -> Node:
    (active,) = (node for node in nodes if node.health() == 200)
    return active


def sentence(exporter: ExporterProcess) -> str:
    """What the status page says first."""
    with urllib.request.urlopen(exporter.address, timeout=PATIENCE) as response:  # noqa: S310 - HTTP
        page = response.read().decode()
    (said,) = re.findall(r'<p class="say (?:ok|warn|bad)">(.*?)(?:<span class="do">.*?)?</p>', page, re.DOTALL)
    return html.unescape(" ".join(re.sub("<[^>]+>", "", said).split()))


ACTIVE, STANDBY = ("", 1, 0), ("", 0, 1)


def until_it_says(exporter: ExporterProcess, nodes: Sequence[Node], pattern: str) -> None:
    """Scrape until the page says so: it trusts no old reading, and a standby learns of a new leader a little later."""
    said: list[str] = []

    def says() -> bool:
        for node in nodes:
            probe(exporter, node.name)
        said.append(sentence(exporter))
        return re.fullmatch(pattern, said[-1]) is not None

    try:
        wait_until(says, what=pattern, interval=0.2)
    except ServiceError:
        pytest.fail(f"{said[-1]}\nand not: {pattern}")


@pytest.fixture
def screen(cluster: Cluster, start_exporter: StartExporter, tmp_path: Path) -> Iterator[Screen]:
    """The overview on a Prometheus that scrapes an exporter of its own: the page's trusts readings by their age."""
    exporter = start_exporter(targets=targets(cluster))
    (tmp_path / "prometheus").mkdir()
    jobs = [{"job_name": "vault", "http_sd_configs": [{"url": f"{exporter.address}/sd"}]}]
    with Prometheus(tmp_path / "prometheus", jobs, port=free_port()) as prometheus:
        yield Screen(prometheus)


def targets(cluster: Cluster) -> list[dict[str, Any]]:
    return [{"name": node.name, "address": node.address, "cluster": "prod"} for node in cluster.nodes]


UNAWARE = r"(, n\d knows no active node)?"
"""A standby that is asked in the moment of a takeover may say for minutes that it knows no active node."""
GOOD, BAD, SEALED = "light-green", "semi-dark-red", "orange"
"""Colours of the dashboards."""


def until_it_shows(screen: Screen, headlines: dict[str, list[str]], members: dict[str, str]) -> None:
    """Wait until the overview says so.

    Args:
        screen: the overview.
        headlines: values with their colours, by the panel's title.
        members: state and further columns of each row of the members' table, by the node.
    """
    shown: list[object] = []

    def shows() -> bool:
        rows = screen.rows("Members")
        nodes = {row["Node"]: " ".join(row[name] for name in COLUMNS if name in row) for row in rows}
        shown[:] = [{title: list(screen.stat(title).values()) for title in headlines}, nodes]
        return shown == [headlines, members] and len(rows) == len(members)

    try:
        wait_until(shows, what="the overview says it", interval=0.5)
    except ServiceError:
        assert shown == [headlines, members]
        raise


COLUMNS = ("State", "Why down", "Shares", "of")


def test_a_cluster_in_good_and_bad_days(cluster: Cluster, start_exporter: StartExporter, screen: Screen) -> None:
    nodes = cluster.nodes
    exporter = start_exporter(targets=targets(cluster), status_page_scrapes=False)
    leader = cluster.leader
    assert roles(exporter, nodes) == [ACTIVE if node is leader else STANDBY for node in nodes]
    assert [probe(exporter, node.name).value("vault_leader_known") for node in nodes] == [1, 1, 1]
    until_it_says(exporter, nodes, f"OK prod: serving, {leader.name} is active, 2 standbys")
    others = [node for node in nodes if node is not leader]
    well = {
        "Serving": [f"serves {GOOD}"],
        "Nodes": [f"3 {GOOD}", f"0 {GOOD}", f"0 {GOOD}"],  # unsealed, sealed, down
        "Failure tolerance": [f"2 {GOOD}"],
        "Failing collectors": [f"0 {GOOD}"],
    }
    until_it_shows(screen, well, {leader.name: "Active", **{node.name: "Standby" for node in others}})

    leader.kill()
    assert reason(probe(exporter, leader.name)) == "refused"
    wait_until(lambda: sorted(roles(exporter, others)) == [STANDBY, ACTIVE], what="a new leader", interval=0.2)
    new = cluster_leader(others)
    down = rf"{leader.name} is down \(nothing listens there\)"
    until_it_says(exporter, nodes, f"Warning prod: serving, {new.name} is active, 1 standby, {down}{UNAWARE}")
    (standby,) = (node for node in others if node is not new)
    lost = "Down refused: nothing listens"
    until_it_shows(
        screen,
        # A node that does not answer is one line of the members, and not a failure of each collector.
        well | {"Nodes": [f"2 {GOOD}", f"0 {GOOD}", f"1 {BAD}"], "Failure tolerance": [f"1 {GOOD}"]},
        {leader.name: lost, new.name: "Active", standby.name: "Standby"},
    )

    cluster.postgres.stop()
    # A node that was active answers as if nothing had happened until its lock in the storage runs out, 5 s or so. A
    # standby may say 429 for good. From the moment that a node says 500 anywhere, it is not up.
    wait_until(lambda: all(map(notices, others)), what="nodes notice the outage")
    pages = [probe(exporter, node.name) for node in others]
    assert [reason(page) for page in pages] == ["http_5xx"] * 2
    assert [page.value("vault_up") for page in pages] == [0, 0]
    assert [page.value("vault_active") for page in pages] == [0, 0]
    cause = r"PostgreSQL refuses connections \(says Vault\) since \d\d:\d\d UTC"
    until_it_says(exporter, nodes, f"Outage prod: no active node: {cause}")
    until_it_shows(
        screen,
        {
            "Serving": [f"no active node {BAD}"],
            "Nodes": [f"0 {BAD}", f"0 {GOOD}", f"3 {BAD}"],
            "Failure tolerance": [f"0 {BAD}"],
            "Failing collectors": ["no node answers text"],
        },
        {leader.name: lost, **{node.name: "Down storage out of reach" for node in others}},
    )
    # Vault's own telemetry has nothing to say about it.
    plain = "".join(metrics(node.address) for node in others)
    assert [line for line in plain.splitlines() if line.startswith("vault_core_unsealed") and line.endswith(" 1")]

    cluster.postgres.start()
    leader.start()
    wait_until(lambda: leader.health() == 503, what="sealed after its start")
    wait_until(lambda: sorted(roles(exporter, others)) == [STANDBY, ACTIVE], what="a leader again", interval=0.2)
    new = cluster_leader(others)
    until_it_says(
        exporter, nodes, f"Warning prod: serving, {new.name} is active, 1 standby, {leader.name} is sealed{UNAWARE}"
    )
    (standby,) = (node for node in others if node is not new)
    until_it_shows(
        screen,
        well | {"Nodes": [f"2 {GOOD}", f"1 {SEALED}", f"0 {GOOD}"], "Failure tolerance": [f"1 {GOOD}"]},
        {leader.name: "Sealed 0 2", new.name: "Active", standby.name: "Standby"},
    )
    unseal(leader.address, cluster.keys)
    wait_until(
        lambda: sorted(roles(exporter, nodes)) == [STANDBY, STANDBY, ACTIVE],
        what="one active, two standbys",
        interval=0.2,
    )
    until_it_says(exporter, nodes, rf"(OK|Warning) prod: serving, n\d is active, 2 standbys{UNAWARE}")
    (standby,) = (node for node in others if node is not new)
    until_it_shows(screen, well, {new.name: "Active", standby.name: "Standby", leader.name: "Standby"})
    log = exporter.service.log.read_text()
    assert "reason=http_5xx" in log
    assert log.count("collector works again") + log.count("node answers again") >= 2
