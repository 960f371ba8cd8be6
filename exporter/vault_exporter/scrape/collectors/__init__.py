"""The table of collectors. Each reads one area of one node and returns samples."""

from collections.abc import Iterator
from typing import Final

from vault_exporter.config.schema.model import NoAuth, Target, Telemetry
from vault_exporter.config.schema.watched import Watched
from vault_exporter.scrape.collectors import telemetry
from vault_exporter.scrape.collectors.audit_devices import AUDIT_DEVICES
from vault_exporter.scrape.collectors.barrier_key import BARRIER_KEY
from vault_exporter.scrape.collectors.certificate import CERTIFICATE
from vault_exporter.scrape.collectors.collector import Collector, Grant, Reading, Scope, policy
from vault_exporter.scrape.collectors.configured import CONFIGURED, configured
from vault_exporter.scrape.collectors.counters import CLIENTS, ENTITIES, TOKENS
from vault_exporter.scrape.collectors.ha_nodes import HA_NODES
from vault_exporter.scrape.collectors.health import HEALTH
from vault_exporter.scrape.collectors.host import HOST
from vault_exporter.scrape.collectors.in_flight import IN_FLIGHT
from vault_exporter.scrape.collectors.leader import LEADER
from vault_exporter.scrape.collectors.leases import LEASES
from vault_exporter.scrape.collectors.licensing import LICENSE
from vault_exporter.scrape.collectors.locked_users import LOCKED_USERS
from vault_exporter.scrape.collectors.mounts import AUTH_METHODS, MOUNTS
from vault_exporter.scrape.collectors.namespaces import NAMESPACES
from vault_exporter.scrape.collectors.operations import OPERATIONS
from vault_exporter.scrape.collectors.plugins import PLUGINS
from vault_exporter.scrape.collectors.policies import POLICIES
from vault_exporter.scrape.collectors.quotas import QUOTAS
from vault_exporter.scrape.collectors.raft import AUTOPILOT, RAFT
from vault_exporter.scrape.collectors.replication import REPLICATION
from vault_exporter.scrape.collectors.seal import SEAL
from vault_exporter.scrape.collectors.versions import VERSIONS
from vault_exporter.util.sightings import Sightings

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
    "configured",
    "policy",
]

COLLECTORS: Final = (
    HEALTH,
    SEAL,
    LEADER,
    CERTIFICATE,
    # About the node.
    HOST,
    IN_FLIGHT,
    # About the cluster, read at every scrape.
    HA_NODES,
    RAFT,
    AUTOPILOT,
    # Slowly changing or expensive for the node, read at an interval.
    OPERATIONS,
    LOCKED_USERS,
    REPLICATION,
    BARRIER_KEY,
    LEASES,
    MOUNTS,
    AUTH_METHODS,
    NAMESPACES,
    QUOTAS,
    TOKENS,
    ENTITIES,
    CLIENTS,
    POLICIES,
    PLUGINS,
    VERSIONS,
    LICENSE,
    AUDIT_DEVICES,
)
"""All collectors without settings of their own."""

REQUIRED: Final = frozenset({"health", "seal", "leader"})
"""Collectors that cannot be disabled, because alert rules need their samples."""


def chosen(
    target: Target,
    watched: Watched = Watched(),  # noqa: B008 - frozen
    settings: Telemetry = Telemetry(),  # noqa: B008 - frozen
    sightings: Sightings | None = None,
) -> tuple[Collector, ...]:
    """Return the collectors of a target, with its intervals.

    Args:
        target: the target.
        watched: settings of the collectors that run only if configured.
        settings: settings of the telemetry collector.
        sightings: finds requests in the followed audit logs; None if no log is followed.
    """
    return tuple(_chosen(target, watched, settings, sightings))


def _chosen(target: Target, watched: Watched, settings: Telemetry, sightings: Sightings | None) -> Iterator[Collector]:
    wanted = target.collectors
    own = (telemetry.collector(settings),) if settings.enabled else ()
    for collector in (*COLLECTORS, *configured(target, watched, sightings), *own):
        if collector.needs_token and isinstance(target.auth, NoAuth):
            continue
        if collector.name in wanted.disable or not (collector.default or collector.name in wanted.enable):
            continue
        interval = wanted.intervals.get(collector.name)
        yield collector if interval is None else collector._replace(interval=interval)
