"""The dashboards that the overview links to: one node, audit and security, storage and HA, the exporter, agents."""

from typing import Final

from grafanalib import core

from dashboards import frame
from dashboards.frame import dashboard
from dashboards.sections import agents, audit, exporter, leases, node, runtime, slo, storage, top, watched
from vault_exporter.metrics import catalogue as c

__all__ = [
    "AGENTS",
    "AUDIT",
    "EXPORTER",
    "NODE",
    "STORAGE",
    "agents_and_injector",
    "audit_log",
    "exporter_itself",
    "one_node",
    "storage_and_ha",
]

NODE: Final = "vault-node"
AUDIT: Final = "vault-audit"
STORAGE: Final = "vault-storage"
EXPORTER: Final = "vault-exporter"
AGENTS: Final = "vault-agents"

_NODE_GUIDE: Final = """\
Choose one node at *Instance*, or several to compare. *Members* says what each node is, why it is down and how far
unsealing is. Then: does it get requests, does it answer slowly, and is it short of memory, processor, files or disk?
*Requests in flight* that grow without traffic are requests that hang, on storage or on an audit device.
"""
_AUDIT_GUIDE: Final = """\
All of this is counted from the audit logs, so it ends where the exporter stops reading them: look at *Reading the
logs* first if something looks too quiet. *Events that happened* names what an operator should know of; who it was is
in the audit log itself. Errors of the classes *internal* and *sealed* are Vault's own and use up the error budget;
the others are what clients did wrong. *read_only_standby* is no failure: a standby forwards the write.
"""
_STORAGE_GUIDE: Final = """\
*Active for* drops at each change of leadership; a saw is flapping. *Mean storage latency* rising together with
request latency: the storage is slow, not Vault. What only the active node can say is empty while no node is active.
Rows of storages and features that your cluster does not have stay collapsed.
"""
_EXPORTER_GUIDE: Final = """\
*Failing collectors* lists what the exporter asks and does not get; `permission_denied` is a policy that lacks a path,
and `vault-exporter check --online` says which. *Telemetry status* other than ok empties the panels that rest on
Vault's own metrics. A *Configuration* that is wrong is not in force; the one before goes on.
"""
_AGENTS_GUIDE: Final = """\
*Failed injections* name the namespaces whose pods do not get a Vault Agent: look at the injector's log and at the
annotations of the pods. *Injections* that stop while pods start: Kubernetes does not reach the injector. Agents that
cannot log in go on with the token that they have until it ends; *Agents and proxies* has the worst first. *Requests
through agents* that Vault refuses are the application's mistake or a policy; those without an answer are Vault's or the
network's. Prometheus scrapes all of this itself; docs/agents.md says how.
"""


def one_node() -> core.Dashboard:
    """Return the dashboard to look at one node with; choose it by the variable `instance`."""
    return dashboard(
        "Node",
        NODE,
        "One node of Vault or OpenBao, or several to compare: its state, process and machine. From vault-exporter.",
        [node.state(), node.requests(), runtime.runtime(), runtime.machine()],
        guide=_NODE_GUIDE,
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
            slo.slo(),
            audit.calls(),
            audit.errors(),
            audit.logins(),
            audit.timing(),
            audit.reader(),
            top.top(),
            top.inputs(),
        ],
        guide=_AUDIT_GUIDE,
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
            leases.leases(),
            leases.inventory(),
            watched.watched(),
            watched.credentials(),
            storage.replication(),
        ],
        guide=_STORAGE_GUIDE,
    )


def exporter_itself() -> core.Dashboard:
    """Return the dashboard of the exporter."""
    return dashboard(
        "Exporter",
        EXPORTER,
        "What vault-exporter asks, what it gets, and what it costs.",
        [exporter.collectors(), exporter.telemetry(), exporter.login(), exporter.process(), exporter.discovery()],
        guide=_EXPORTER_GUIDE,
    )


def agents_and_injector() -> core.Dashboard:
    """Return the dashboard of Vault Agents, proxies and their injector."""
    return dashboard(
        "Agents",
        AGENTS,
        "Vault Agents, proxies and the injector: whether applications in pods get their secrets.",
        [agents.injector(), agents.logins(), agents.requests()],
        guide=_AGENTS_GUIDE,
        targets=frame.AGENTS,
    )
