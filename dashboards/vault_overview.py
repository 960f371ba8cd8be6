"""The dashboard ``vault-overview``: is Vault all right, and if not, where?"""

from typing import Final

from grafanalib import core

from dashboards.frame import dashboard
from dashboards.sections import audit, exporter, health, leases, runtime, slo, storage, traffic, watched
from vault_exporter.metrics import catalogue as c

__all__ = ["UID", "overview"]

UID: Final = "vault-overview"


def overview() -> core.Dashboard:
    """Return the dashboard as grafanalib has it."""
    return dashboard(
        "Overview",
        UID,
        "Health, performance and audit log of HashiCorp Vault and OpenBao, from vault-exporter.",
        [
            health.health(),
            traffic.traffic(),
            traffic.latency(),
            storage.availability(),
            storage.barrier(),
            storage.postgresql(),
            storage.raft(),
            leases.leases(),
            audit.analysis(),
            slo.slo(),
            runtime.runtime(),
            exporter.overview(),
            watched.watched(),
            watched.credentials(),
            storage.replication(),
        ],
        namespaces=c.AUDIT_NAMESPACE_ENTRIES,
    )
