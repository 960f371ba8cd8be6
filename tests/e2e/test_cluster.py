"""Three real nodes on PostgreSQL: leadership, a killed leader, and a storage outage."""

import html
import re
import urllib.request
from collections.abc import Iterator, Sequence

import pytest

from tests.e2e.conftest import StartExporter, probe, reason
from tests.lab.api import call, metrics, unseal
from tests.lab.nodes import Cluster, Node, postgres_cluster
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.process import ServiceError


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


def test_a_cluster_in_good_and_bad_days(cluster: Cluster, start_exporter: StartExporter) -> None:
    nodes = cluster.nodes
    exporter = start_exporter(
        targets=[{"name": node.name, "address": node.address, "cluster": "prod"} for node in nodes],
        status_page_scrapes=False,
    )
    leader = cluster.leader
    assert roles(exporter, nodes) == [ACTIVE if node is leader else STANDBY for node in nodes]
    assert [probe(exporter, node.name).value("vault_leader_known") for node in nodes] == [1, 1, 1]
    until_it_says(exporter, nodes, f"OK prod: serving, {leader.name} is active, 2 standbys")

    leader.kill()
    assert reason(probe(exporter, leader.name)) == "refused"
    others = [node for node in nodes if node is not leader]
    wait_until(lambda: sorted(roles(exporter, others)) == [STANDBY, ACTIVE], what="a new leader", interval=0.2)
    new = cluster_leader(others)
    down = rf"{leader.name} is down \(nothing listens there\)"
    until_it_says(exporter, nodes, f"Warning prod: serving, {new.name} is active, 1 standby, {down}")

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
    # Vault's own telemetry has nothing to say about it.
    plain = "".join(metrics(node.address) for node in others)
    assert [line for line in plain.splitlines() if line.startswith("vault_core_unsealed") and line.endswith(" 1")]

    cluster.postgres.start()
    leader.start()
    wait_until(lambda: leader.health() == 503, what="sealed after its start")
    wait_until(lambda: sorted(roles(exporter, others)) == [STANDBY, ACTIVE], what="a leader again", interval=0.2)
    new = cluster_leader(others)
    until_it_says(exporter, nodes, f"Warning prod: serving, {new.name} is active, 1 standby, {leader.name} is sealed")
    unseal(leader.address, cluster.keys)
    wait_until(
        lambda: sorted(roles(exporter, nodes)) == [STANDBY, STANDBY, ACTIVE],
        what="one active, two standbys",
        interval=0.2,
    )
    until_it_says(exporter, nodes, r"OK prod: serving, n\d is active, 2 standbys")
    log = exporter.service.log.read_text()
    assert "reason=http_5xx" in log
    assert log.count("collector works again") + log.count("node answers again") >= 2
