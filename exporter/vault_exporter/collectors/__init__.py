"""The table of collectors: each asks one area of one node and turns the answer into samples."""

from collections.abc import Iterator
from typing import Final

from vault_exporter.collectors import audit_devices, barrier_key, health, leader, mounts, seal
from vault_exporter.collectors.collector import Asked, Collector, Grant, policy
from vault_exporter.config.model import NoAuth, Target

__all__ = ["COLLECTORS", "HEALTH", "REQUIRED", "Asked", "Collector", "Grant", "chosen", "policy"]

HEALTH: Final = Collector(
    "health", "state of the node, its version and replication", health.collect, health.floor, asked=Asked.EVERY
)
"""The collector that the others go by: it tells whether a node is unsealed and active."""

COLLECTORS: Final = (
    HEALTH,
    Collector("seal", "seal and storage type, unseal progress", seal.collect, asked=Asked.EVERY),
    Collector("leader", "high availability and leadership", leader.collect, leader.floor, asked=Asked.EVERY),
    Collector(
        "barrier_key",
        "the key that encrypts the storage, and its rotation",
        barrier_key.collect,
        grants=barrier_key.GRANTS,
    ),
    Collector("mounts", "secrets engines by type", mounts.collect, grants=mounts.GRANTS, interval=60),
    Collector("auth_methods", "auth methods by type", mounts.collect_auth, grants=mounts.AUTH_GRANTS, interval=60),
    Collector(
        "audit_devices", "audit devices by type", audit_devices.collect, grants=audit_devices.GRANTS, default=False
    ),
)
"""Every collector that needs no settings of its own. Where two make the same sample, the later one is believed."""

REQUIRED: Final = frozenset({"health", "seal", "leader"})
"""Collectors that cannot be disabled: what rules compare comes from them."""


def chosen(target: Target) -> tuple[Collector, ...]:
    """Return the collectors that run for a target, with the intervals that it wants."""
    return tuple(_chosen(target))


def _chosen(target: Target) -> Iterator[Collector]:
    wanted = target.collectors
    for collector in COLLECTORS:
        if collector.needs_token and isinstance(target.auth, NoAuth):
            continue
        if collector.name in wanted.disable or not (collector.default or collector.name in wanted.enable):
            continue
        yield collector._replace(interval=wanted.intervals.get(collector.name, collector.interval))
