"""Faults of processes, files and configuration, and how they are undone."""

import contextlib
import os
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

from tests.faults import settings
from tests.faults.lab import Lab
from tests.lab import api
from tests.lab.bao import Bao
from tests.lab.nodes import Node, raft_node
from tests.lab.waiting import wait_until
from vault_exporter.demo.openbao import audit_file


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
