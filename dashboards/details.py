"""The dashboards that the overview links to: one node, audit and security, storage and HA, the exporter itself."""

from typing import Final

from grafanalib import core

from dashboards.frame import dashboard
from dashboards.sections import audit, exporter, leases, node, runtime, storage, top, watched
from vault_exporter.metrics import catalogue as c

__all__ = ["AUDIT", "EXPORTER", "NODE", "STORAGE", "audit_log", "exporter_itself", "one_node", "storage_and_ha"]

NODE: Final = "vault-node"
AUDIT: Final = "vault-audit"
STORAGE: Final = "vault-storage"
EXPORTER: Final = "vault-exporter"


def one_node() -> core.Dashboard:
    """Return the dashboard to look at one node with; choose it by the variable `instance`."""
    return dashboard(
        "Node",
        NODE,
        "One node of Vault or OpenBao, or several to compare: its state, process and machine. From vault-exporter.",
        [node.state(), node.requests(), runtime.runtime(), runtime.machine()],
    )


def audit_log() -> core.Dashboard:
    """Return the dashboard of the audit logs."""
    return dashboard(
        "Audit and security",
        AUDIT,
        "Who asks what of Vault, what fails, who logs in, and what an operator should look at: the audit logs as "
        "vault-exporter reads them.",
        [
            audit.security(),
            audit.calls(),
            audit.errors(),
            audit.logins(),
            audit.timing(),
            audit.reader(),
            top.top(),
            top.inputs(),
        ],
        namespaces=c.AUDIT_NAMESPACE_ENTRIES,
    )


def storage_and_ha() -> core.Dashboard:
    """Return the dashboard of what a cluster rests on."""
    return dashboard(
        "Storage and HA",
        STORAGE,
        "What a cluster of Vault or OpenBao rests on: leadership, storage, keys, and what is mounted. From "
        "vault-exporter.",
        [
            storage.availability(),
            storage.barrier(),
            storage.postgresql(),
            storage.raft(),
            storage.keys(),
            leases.inventory(),
            watched.watched(),
            watched.credentials(),
            storage.replication(),
        ],
    )


def exporter_itself() -> core.Dashboard:
    """Return the dashboard of the exporter."""
    return dashboard(
        "Exporter",
        EXPORTER,
        "What vault-exporter asks, what it gets, and what it costs.",
        [exporter.collectors(), exporter.telemetry(), exporter.login(), exporter.process(), exporter.discovery()],
    )
