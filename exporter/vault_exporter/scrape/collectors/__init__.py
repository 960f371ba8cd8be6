"""The table of collectors: each asks one area of one node and turns the answer into samples."""

from collections.abc import Iterator
from typing import Final

from vault_exporter.config.schema.model import NoAuth, Target, Telemetry
from vault_exporter.config.schema.watched import Watched
from vault_exporter.scrape.collectors import (
    audit_devices,
    barrier_key,
    counters,
    ha_nodes,
    host,
    in_flight,
    leases,
    licensing,
    locked_users,
    mounts,
    namespaces,
    operations,
    plugins,
    policies,
    quotas,
    raft,
    replication,
    telemetry,
    versions,
)
from vault_exporter.scrape.collectors.certificate import CERTIFICATE
from vault_exporter.scrape.collectors.collector import Collector, Grant, Reading, Scope, policy
from vault_exporter.scrape.collectors.configured import CONFIGURED, configured
from vault_exporter.scrape.collectors.health import HEALTH
from vault_exporter.scrape.collectors.leader import LEADER
from vault_exporter.scrape.collectors.seal import SEAL

__all__ = [
    "COLLECTORS",
    "CONFIGURED",
    "HEALTH",
    "LEADER",
    "REQUIRED",
    "Collector",
    "Grant",
    "Reading",
    "Scope",
    "chosen",
    "policy",
]

COLLECTORS: Final = (
    HEALTH,
    SEAL,
    LEADER,
    CERTIFICATE,
    # Of the node.
    Collector(
        "host", "memory, disks and processors of the machine", host.collect, grants=host.GRANTS, scope=Scope.UNSEALED
    ),
    Collector(
        "in_flight", "the oldest request under way", in_flight.collect, grants=in_flight.GRANTS, scope=Scope.UNSEALED
    ),
    # Of the cluster, fresh at every scrape.
    Collector("ha_nodes", "the nodes of the cluster and their heartbeats", ha_nodes.collect, grants=ha_nodes.GRANTS),
    Collector("raft", "the servers of raft", raft.collect, grants=raft.GRANTS),
    Collector("autopilot", "health of the servers of raft", raft.collect_autopilot, grants=raft.AUTOPILOT_GRANTS),
    # What changes slowly, or costs the node something.
    Collector(
        "operations",
        "rekeying and root token generation in progress",
        operations.collect,
        grants=operations.GRANTS,
        interval=30,
    ),
    Collector(
        "locked_users",
        "users locked out after failed logins",
        locked_users.collect,
        grants=locked_users.GRANTS,
        interval=30,
    ),
    Collector(
        "replication",
        "replication (Vault Enterprise)",
        replication.collect,
        grants=replication.GRANTS,
        scope=Scope.ACTIVE_DR,
        interval=30,
    ),
    Collector(
        "barrier_key",
        "the key that encrypts the storage, and its rotation",
        barrier_key.collect,
        grants=barrier_key.GRANTS,
        interval=60,
    ),
    Collector("leases", "leases that cannot be revoked", leases.collect, grants=leases.GRANTS, interval=60),
    Collector("mounts", "secrets engines by type", mounts.collect, grants=mounts.GRANTS, interval=60),
    Collector("auth_methods", "auth methods by type", mounts.collect_auth, grants=mounts.AUTH_GRANTS, interval=60),
    Collector("namespaces", "namespaces and their seals", namespaces.collect, grants=namespaces.GRANTS, interval=60),
    Collector("quotas", "quotas", quotas.collect, grants=quotas.GRANTS, interval=60),
    Collector("tokens", "service tokens", counters.collect_tokens, grants=counters.TOKEN_GRANTS, interval=300),
    Collector("entities", "identity entities", counters.collect_entities, grants=counters.ENTITY_GRANTS, interval=300),
    Collector(
        "clients", "clients of the month (Vault)", counters.collect_clients, grants=counters.CLIENT_GRANTS, interval=300
    ),
    Collector("policies", "policies", policies.collect, grants=policies.GRANTS, interval=300),
    Collector("plugins", "plugins of the catalogue", plugins.collect, grants=plugins.GRANTS, interval=300),
    Collector("versions", "versions that the cluster has run", versions.collect, grants=versions.GRANTS, interval=300),
    Collector("license", "the license (Vault Enterprise)", licensing.collect, grants=licensing.GRANTS, interval=300),
    Collector(
        "audit_devices",
        "audit devices by type",
        audit_devices.collect,
        grants=audit_devices.GRANTS,
        default=False,
        interval=60,
    ),
)
"""Every collector that needs no settings of its own."""

REQUIRED: Final = frozenset({"health", "seal", "leader"})
"""Collectors that cannot be disabled: what rules compare comes from them."""


def chosen(
    target: Target,
    watched: Watched = Watched(),  # noqa: B008 - frozen
    settings: Telemetry = Telemetry(),  # noqa: B008 - frozen
) -> tuple[Collector, ...]:
    """Return the collectors that run for a target, with the intervals that it wants.

    Args:
        target: the target.
        watched: what to look after in targets of its cluster.
        settings: what to do with Vault's own telemetry.
    """
    return tuple(_chosen(target, watched, settings))


def _chosen(target: Target, watched: Watched, settings: Telemetry) -> Iterator[Collector]:
    wanted = target.collectors
    own = (telemetry.collector(settings),) if settings.enabled else ()
    for collector in (*COLLECTORS, *configured(target, watched), *own):
        if collector.needs_token and isinstance(target.auth, NoAuth):
            continue
        if collector.name in wanted.disable or not (collector.default or collector.name in wanted.enable):
            continue
        interval = wanted.intervals.get(collector.name)
        yield collector if interval is None else collector._replace(interval=interval)
