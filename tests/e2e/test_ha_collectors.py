"""Who of a cluster's nodes says what, on raft and on PostgreSQL."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.conftest import StartExporter, probe
from tests.lab.api import call
from tests.lab.logged_in import LoggedIn
from tests.lab.nodes import Cluster, Node, postgres_cluster
from tests.lab.raft import RaftCluster, raft_cluster
from tests.lab.waiting import wait_until
from vault_exporter.config.schema.logins import UserpassAuth
from vault_exporter.config.schema.model import Target
from vault_exporter.config.schema.secret import Secret
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.page import ScrapedPage
from vault_exporter.scrape.collectors import COLLECTORS, Scope, policy, telemetry

NO_WAITING = {collector.name: "1ms" for collector in COLLECTORS if collector.scope is not Scope.EVERY}


@pytest.fixture(params=["raft", "postgresql"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster | RaftCluster]:
    with ExitStack() as stack:
        if request.param == "raft":
            yield stack.enter_context(raft_cluster(tmp_path))
        else:
            yield stack.enter_context(postgres_cluster())


def watch(start: StartExporter, cluster: Cluster | RaftCluster) -> ExporterProcess:
    """Start the exporter with the rules that its default collectors name, and no more."""
    address, root = cluster.nodes[0].address, cluster.root_token
    grants = [grant for collector in COLLECTORS if collector.default for grant in collector.grants]
    rules = "\n".join(map(str, policy([telemetry.GRANT, *grants])))
    call(address, "PUT", "sys/policies/acl/exporter", root, policy=rules)
    made = call(address, "POST", "auth/token/create-orphan", root, policies=["exporter"], period="1h").body
    auth = {"method": "token", "token": made["auth"]["client_token"]}
    targets = [
        {"name": node.name, "address": node.address, "auth": auth, "collectors": {"intervals": NO_WAITING}}
        for node in cluster.nodes
    ]
    return start(targets=targets)


def test_the_active_node_speaks_for_the_cluster(cluster: Cluster | RaftCluster, start_exporter: StartExporter) -> None:
    exporter = watch(start_exporter, cluster)
    on_raft = isinstance(cluster, RaftCluster)
    (leader,) = (node for node in cluster.nodes if node.health() == 200)
    standbys = [node for node in cluster.nodes if node is not leader]

    # The second heartbeat comes 5 s after the first.
    wait_until(lambda: len(echoes(probe(exporter, leader.name))) == 2, what="two heartbeats", interval=0.2)
    if on_raft:
        wait_until(
            lambda: probe(exporter, leader.name).value("vault_raft_voters") == 3,
            what="three voters",
            interval=0.2,
        )
    pages = {node.name: probe(exporter, node.name) for node in cluster.nodes}
    for page in pages.values():
        failed = [one.labels for one in page.series("vault_exporter_collector_success") if not one.value]
        assert failed == []
        # Each answers for its own machine.
        assert page.sum("vault_host_memory_total_bytes") > 0
    page = pages[leader.name]
    assert page.value("vault_ha_nodes") == 3
    active = {one.labels["api_address"]: one.value for one in page.series("vault_ha_node_active")}
    assert active == {node.address: node is leader for node in cluster.nodes}
    assert echoes(page).keys() == {node.address for node in standbys}
    assert all(abs(time.time() - echo) < 30 for echo in echoes(page).values())
    assert page.value("vault_barrier_key_term") == 1
    assert page.value("vault_raft_servers") == (3 if on_raft else None)
    for node in standbys:
        own = pages[node.name]
        for name in ("vault_ha_nodes", "vault_barrier_key_term", "vault_raft_servers", "vault_irrevocable_leases"):
            assert name not in own
        assert "vault_mounts" not in own
    a_login_is_good_at_once(leader, standbys[0], cluster.root_token)
    if on_raft:
        a_dead_server_is_seen(exporter, leader, standbys[0])


def a_login_is_good_at_once(leader: Node, standby: Node, root: str) -> None:
    """A standby on raft learns of the token that the active node made a moment later than the exporter."""
    user = {"password": "planted", "token_policies": ["exporter"]}
    for path, data in (("sys/auth/userpass", {"type": "userpass"}), ("auth/userpass/users/exporter", user)):
        assert call(leader.address, "POST", path, root, **data).status == 204
    auth = UserpassAuth(username="exporter", password=Secret("planted"))
    login = "auth/userpass/login/exporter"
    wait_until(lambda: call(standby.address, "POST", login, password="planted").status == 200, what="the user")

    async def ask() -> int:
        client = LoggedIn(Target(standby.name, standby.address, auth=auth))
        try:
            return (await client.get("sys/host-info", token=True)).status
        finally:
            await client.close()

    assert {asyncio.run(ask()) for _ in range(60)} == {200}


def a_dead_server_is_seen(exporter: ExporterProcess, leader: Node, dead: Node) -> None:
    page = probe(exporter, leader.name)
    wait_until(
        lambda: probe(exporter, leader.name).value("vault_raft_autopilot_failure_tolerance") == 1,
        what="a failure is tolerated",
        interval=0.2,
    )
    page = probe(exporter, leader.name)
    assert page.value("vault_raft_autopilot_healthy") == 1
    assert page.value("vault_raft_autopilot_server_healthy", node_id=dead.name) == 1
    dead.kill()
    wait_until(
        lambda: probe(exporter, leader.name).value("vault_raft_autopilot_server_healthy", node_id=dead.name) == 0,
        what="a dead server",
        interval=0.2,
    )
    page = probe(exporter, leader.name)
    assert page.value("vault_raft_autopilot_healthy") == 0
    assert page.value("vault_raft_autopilot_failure_tolerance") == 0
    (said,) = (one.labels for one in page.series("vault_raft_autopilot_server_info", node_id=leader.name))
    assert said["status"] == "leader"


def echoes(page: ScrapedPage) -> dict[str, float]:
    """API address → Unix time."""
    return {one.labels["api_address"]: one.value for one in page.series("vault_ha_node_last_echo_timestamp_seconds")}
