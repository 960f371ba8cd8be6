"""Faults of processes, files and configuration, and how they are undone."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from tests.faults import requests, settings
from tests.faults.lab import Lab, monotonic
from tests.lab import api
from tests.lab.bao import Bao
from tests.lab.nodes import Node, raft_node
from tests.lab.waiting import wait_until
from vault_exporter.demo.openbao import audit_file
from vault_exporter.demo.process import free_port

AWAY: Final = 30
"""Seconds."""
SLOW_INTERVAL: Final = 15
"""Seconds between scrapes: a minute, where the rules are four times as fast."""


def kill_all(lab: Lab) -> None:
    for node in lab.nodes:
        node.kill()


def hang(lab: Lab) -> None:
    server = lab.standby.server
    assert server is not None
    server.service.signal(signal.SIGSTOP)


def start_storage(lab: Lab) -> None:
    lab.cluster.postgres.start()
    lab.mend()


def kill_exporter(lab: Lab) -> None:
    lab.exporter.service.kill()


def start_exporter(lab: Lab) -> None:
    lab.exporter = lab.start_exporter()


def fill(lab: Lab) -> None:
    """Have each node log to a file system of 64 KiB, and fill it."""
    for node in lab.nodes:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "vault-exporter", node.audit_log.parent], check=True)
    _each(lab, signal.SIGHUP)
    for node in lab.nodes:
        wait_until(node.audit_log.exists, what=f"the log of {node.name}")
        with contextlib.suppress(OSError), _filler(node.audit_log).open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 512)


def make_room(lab: Lab) -> None:
    for node in lab.nodes:
        subprocess.run(["umount", "--lazy", node.audit_log.parent], check=True)
    _each(lab, signal.SIGHUP)


def hide_log(lab: Lab) -> None:
    """Put a directory in the log's place: Vault goes on writing its open file, and the exporter cannot open it."""
    log = lab.standby.audit_log
    log.rename(log.with_suffix(".aside"))
    log.mkdir()


def show_log(lab: Lab) -> None:
    for node in lab.nodes:
        if node.audit_log.is_dir():
            node.audit_log.rmdir()
            node.audit_log.with_suffix(".aside").rename(node.audit_log)


def snapshot(lab: Lab) -> None:
    """Take a snapshot, and restore it: of a node on raft, whose log the exporter follows, too."""
    directory = lab.directory / "snapshot"
    directory.mkdir()
    settled = {"audit": audit_file(lab.directory / settings.RAFT_LOG)}
    with raft_node(directory, settled) as node:
        token, keys = api.initialize(node.address)
        api.unseal(node.address, keys)
        wait_until(lambda: node.health() == 200, what="active")
        bao = Bao(node.address, token)
        for verb in ("save", "restore"):
            bao("operator", "raft", "snapshot", verb, str(directory / "snap"))


def short_certificate(lab: Lab) -> None:
    _present_certificate(lab, lab.standby, timedelta(hours=1))


def long_certificate(lab: Lab) -> None:
    for node in lab.nodes:
        _present_certificate(lab, node, timedelta(days=365))


def turn_telemetry_off(lab: Lab) -> None:
    node = lab.standby
    node.telemetry["prometheus_retention_time"] = "0s"
    _restart(lab, node)


def turn_telemetry_on(lab: Lab) -> None:
    for node in lab.nodes:
        if node.telemetry["prometheus_retention_time"] == "0s":
            node.telemetry["prometheus_retention_time"] = "24h"
            _restart(lab, node)


def restart_standby_again_and_again(lab: Lab) -> None:
    """One turn of a crash loop: it ends, starts, is unsealed, and serves for as long as Prometheus needs to see it."""
    _crash_and_serve(lab, [lab.standby])


def restart_all_again_and_again(lab: Lab) -> None:
    """One turn of a crash loop of every node: all end at once, and none is unsealed."""
    for node in lab.nodes:
        node.kill()
    _seen(lab, "vault_up", {node.name: 0 for node in lab.nodes})
    for node in lab.nodes:
        node.start()
    _seen(lab, "vault_up", {node.name: 1 for node in lab.nodes})


def _crash_and_serve(lab: Lab, nodes: Sequence[Node]) -> None:
    for node in nodes:
        node.kill()
    _seen(lab, "vault_up", {node.name: 0 for node in nodes})
    for node in nodes:
        node.start()
        api.unseal(node.address, lab.cluster.keys)
    _seen(lab, "vault_up == 1 and vault_sealed == 0", {node.name: 1 for node in nodes})


def _seen(lab: Lab, expression: str, expected: Mapping[str, float]) -> None:
    """Wait until Prometheus has seen this of each node."""

    def seen() -> bool:
        found = {value.labels["instance"]: value.value for value in lab.prometheus.query(expression)}
        return found.items() >= expected.items()

    wait_until(seen, what=f"{expression}: {expected}", interval=0.5)


def take_node_from_targets(lab: Lab) -> None:
    away = lab.standby.name
    jobs = lab.jobs()
    for target in jobs[0]["static_configs"]:
        target["targets"] = [name for name in target["targets"] if name != away]
    lab.scrape(jobs)


def scrape_another_cluster(lab: Lab) -> None:
    """Scrape the nodes once more, as another cluster, until the rules know it."""
    add_cluster_to_targets(lab)
    lasts(lab, 'up{cluster="other"} == 1', seconds=30)


def add_cluster_to_targets(lab: Lab) -> None:
    _scrape_as_another_cluster(lab, [node.name for node in lab.nodes])


def take_cluster_from_targets(lab: Lab) -> None:
    """Leave its job without targets, as discovery does.

    The series of a job that is removed from the configuration would last for five minutes more.
    """
    _scrape_as_another_cluster(lab, [])


def _scrape_as_another_cluster(lab: Lab, names: Sequence[str]) -> None:
    lab.scrape([*lab.jobs(), settings.another_job("other", names, lab.exporter.address)])


def lasts(lab: Lab, expression: str, seconds: float) -> None:
    """Wait until an expression has held for so long."""
    since = monotonic()

    def held() -> bool:
        nonlocal since
        if not lab.prometheus.query(expression):
            since = monotonic()
        return monotonic() - since > seconds

    wait_until(held, what=expression, interval=1)


def block_own_page(lab: Lab) -> None:
    """Have Prometheus find nothing where the exporter's own page was, as behind a firewall; nodes are still scraped."""
    jobs = lab.jobs()
    jobs[1]["static_configs"][0]["targets"] = [f"127.0.0.1:{free_port()}"]
    jobs[1]["relabel_configs"] = [{"target_label": "instance", "replacement": "exporter"}]
    lab.scrape(jobs)


def scrape_as_usual(lab: Lab) -> None:
    lab.scrape()


def use_root_while_prometheus_is_away(lab: Lab) -> None:
    """For as long as eight minutes are at the pace of the rules, and longer than any of their windows looks back."""
    lab.prometheus.service.signal(signal.SIGSTOP)
    requests.use_root(lab)
    began = monotonic()
    wait_until(lambda: monotonic() - began > AWAY, what="a while", interval=1)
    lab.prometheus.service.signal(signal.SIGCONT)


def start_sidecar_of_the_active_node(lab: Lab) -> None:
    """Scrape the active node through an exporter of its own."""
    lab.sidecars.append(lab.start_sidecar())
    jobs = lab.jobs()
    active = lab.leader.name
    address = lab.sidecars[-1].address.removeprefix("http://")
    jobs[0]["relabel_configs"].append(
        {"source_labels": ["instance"], "regex": active, "target_label": "__address__", "replacement": address}
    )
    lab.scrape(jobs)
    lasts(lab, f'vault_active{{instance="{active}"}} == 1', seconds=6)


def kill_sidecar(lab: Lab) -> None:
    lab.sidecars[-1].service.kill()


def scrape_slowly(lab: Lab) -> None:
    lab.scrape(interval=SLOW_INTERVAL)


def age_backup(lab: Lab) -> None:
    two_hours_ago = time.time() - 7200
    os.utime(lab.directory / "backups" / settings.BACKUP, (two_hours_ago, two_hours_ago))


def back_up(lab: Lab) -> None:
    (lab.directory / "backups" / settings.BACKUP).touch()


def restart_one_by_one(lab: Lab) -> None:
    leader = lab.leader
    for node in [*(node for node in lab.nodes if node is not leader), leader]:
        _restart(lab, node)


def _each(lab: Lab, number: signal.Signals) -> None:
    for node in lab.nodes:
        assert node.server is not None
        node.server.service.signal(number)


def _filler(log: Path) -> Path:
    return log.with_name("filler")


def _present_certificate(lab: Lab, node: Node, good_for: timedelta) -> None:
    lab.certificates.issue(good_for)
    assert node.server is not None
    node.server.service.signal(signal.SIGHUP)


def _restart(lab: Lab, node: Node) -> None:
    node.stop()
    node.start()
    wait_until(lambda: node.health() == 503, what=node.name)
    api.unseal(node.address, lab.cluster.keys)
    wait_until(lab.serves, what=f"{node.name} restarted")
