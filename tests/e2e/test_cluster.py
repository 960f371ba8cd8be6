"""Three real nodes on PostgreSQL: leadership, a killed leader, and a storage outage."""

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import StartExporter, probe, reason
from tests.lab.api import call, metrics, unseal
from tests.lab.nodes import Cluster, Node, postgres_cluster
from tests.lab.waiting import wait_until
from vault_exporter.demo.exporter import Exporter


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with postgres_cluster() as cluster:
        yield cluster


def roles(exporter: Exporter, nodes: list[Node]) -> list[tuple[str, float | None, float | None]]:
    """For each node: why it is down, and whether it is active and on standby."""
    pages = [probe(exporter, node.name) for node in nodes]
    return [(reason(page), page.value("vault_active"), page.value("vault_standby")) for page in pages]


def notices(node: Node) -> bool:
    """Whether a node says that its storage is gone, and no longer that it is active."""
    return node.health() != 200 and call(node.address, "GET", "sys/leader").status == 500


ACTIVE, STANDBY = ("", 1, 0), ("", 0, 1)


def test_a_cluster_in_good_and_bad_days(cluster: Cluster, start_exporter: StartExporter) -> None:
    nodes = cluster.nodes
    exporter = start_exporter(targets=[{"name": node.name, "address": node.address} for node in nodes])
    leader = cluster.leader
    assert roles(exporter, nodes) == [ACTIVE if node is leader else STANDBY for node in nodes]
    assert [probe(exporter, node.name).value("vault_leader_known") for node in nodes] == [1, 1, 1]

    leader.kill()
    assert reason(probe(exporter, leader.name)) == "refused"
    others = [node for node in nodes if node is not leader]
    wait_until(lambda: sorted(roles(exporter, others)) == [STANDBY, ACTIVE], what="a new leader", interval=0.2)

    cluster.postgres.stop()
    # A node that was active answers as if nothing had happened until its lock in the storage runs out, 5 s or so. A
    # standby may say 429 for good. From the moment that a node says 500 anywhere, it is not up.
    wait_until(lambda: all(map(notices, others)), what="nodes notice the outage")
    pages = [probe(exporter, node.name) for node in others]
    assert [reason(page) for page in pages] == ["http_5xx"] * 2
    assert [page.value("vault_up") for page in pages] == [0, 0]
    assert [page.value("vault_active") for page in pages] == [0, 0]
    # Vault's own telemetry has nothing to say about it.
    plain = "".join(metrics(node.address) for node in others)
    assert [line for line in plain.splitlines() if line.startswith("vault_core_unsealed") and line.endswith(" 1")]

    cluster.postgres.start()
    leader.start()
    wait_until(lambda: leader.health() == 503, what="sealed after its start")
    unseal(leader.address, cluster.keys)
    wait_until(
        lambda: sorted(roles(exporter, nodes)) == [STANDBY, STANDBY, ACTIVE],
        what="one active, two standbys",
        interval=0.2,
    )
    log = exporter.service.log.read_text()
    assert "reason=http_5xx" in log
    assert log.count("collector works again") >= 2
