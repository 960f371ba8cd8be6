"""The nodes of an HA cluster as seen by the active node, from ``sys/ha-status``.

https://openbao.org/api-docs/system/ha-status/
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import ask
from vault_exporter.scrape.collectors.bounded import MOST_NODES
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client
from vault_exporter.vault.go import Time, timestamp

__all__ = ["GRANTS", "HA_NODES", "Status", "collect", "samples"]

GRANTS: Final = (Grant("sys/ha-status"),)


class Node(msgspec.Struct, frozen=True):
    """One node. Vault 1.18 and later report the heartbeat's duration and the clock skew."""

    hostname: str
    api_address: str
    active_node: bool
    last_echo: Time | None = None
    version: str = ""
    echo_duration_ms: float | None = None
    clock_skew_ms: float | None = None


class Status(msgspec.Struct, frozen=True):
    """Response of ``sys/ha-status``."""

    nodes: tuple[Node, ...]


async def collect(client: Client) -> Iterable[Sample]:
    """Read the nodes."""
    status = await ask(client, "sys/ha-status", Status)
    return () if status is None else samples(status)


def samples(status: Status) -> Iterator[Sample]:
    """Turn the nodes into samples. The active node has no heartbeat."""
    yield c.HA_NODES(len(status.nodes))
    for node in status.nodes[:MOST_NODES]:
        labels = (node.hostname, node.api_address)
        yield c.HA_NODE_INFO(1, *labels, node.version)
        yield c.HA_NODE_ACTIVE(node.active_node, *labels)
        if (echo := timestamp(node.last_echo)) is not None:
            yield c.HA_NODE_LAST_ECHO(echo, *labels)
            if node.echo_duration_ms is not None:
                yield c.HA_NODE_ECHO_DURATION(node.echo_duration_ms / 1000, *labels)
            if node.clock_skew_ms is not None:
                yield c.HA_NODE_CLOCK_SKEW(node.clock_skew_ms / 1000, *labels)


HA_NODES: Final = Collector("ha_nodes", "the nodes of the cluster and their heartbeats", collect, grants=GRANTS)
