"""Faults of a cluster on raft, which is scraped beside the lab's own from then on."""

from tests.faults import settings
from tests.faults.lab import Lab
from tests.faults.machines import lasts
from tests.lab import api
from tests.lab.raft import RaftCluster, raft_cluster
from tests.lab.waiting import wait_until
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.process import free_port


def scrape_cluster(lab: Lab) -> None:
    """Start three nodes on raft, and have Prometheus see them as a cluster in good health."""
    cluster = _cluster(lab)
    lab.more_jobs.append(_job(lab, cluster))
    lab.scrape()
    good = f'vault_raft_autopilot_failure_tolerance{{cluster="{settings.RAFT}"}} == 1'
    lasts(lab, good, seconds=10)


def remove_peer(lab: Lab) -> None:
    (cluster,) = lab.raft
    away = cluster.nodes[2]
    path = "sys/storage/raft/remove-peer"
    assert api.call(cluster.nodes[0].address, "POST", path, cluster.root_token, server_id=away.name).status == 204
    wait_until(lambda: len(_servers(cluster)) == 2, what="two servers")


def join_anew(lab: Lab) -> None:
    """Have the node join again, with an empty directory, as its runbook says."""
    (cluster,) = lab.raft
    cluster.join_anew(cluster.nodes[2])
    wait_until(lambda: len(_servers(cluster)) == 3, what="three servers")


def _cluster(lab: Lab) -> RaftCluster:
    directory = lab.directory / "raft-cluster"
    directory.mkdir()
    lab.raft.append(lab.started.enter_context(raft_cluster(directory)))
    return lab.raft[0]


def _job(lab: Lab, cluster: RaftCluster) -> dict[str, object]:
    port = free_port()
    file = settings.raft_exporter(lab.directory, cluster, port)
    log = lab.directory / "raft-exporter.log"
    exporter = lab.started.enter_context(ExporterProcess(["--config", file], port=port, log=log))
    return settings.another_job(settings.RAFT, [node.name for node in cluster.nodes], exporter.address)


def _servers(cluster: RaftCluster) -> list[str]:
    reply = api.call(cluster.leader.address, "GET", "sys/storage/raft/configuration", cluster.root_token)
    return [server["node_id"] for server in reply.body["data"]["config"]["servers"]]
