"""Raft servers and their autopilot health, from ``sys/storage/raft/``. Nodes with other storage have neither.

https://openbao.org/api-docs/system/storage/raft/, https://openbao.org/api-docs/system/storage/raftautopilot/
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
from vault_exporter.vault.go import Time, seconds, timestamp

__all__ = [
    "AUTOPILOT",
    "AUTOPILOT_GRANTS",
    "GRANTS",
    "RAFT",
    "Autopilot",
    "Configuration",
    "autopilot_samples",
    "collect",
    "collect_autopilot",
    "samples",
]

GRANTS: Final = (Grant("sys/storage/raft/configuration"),)
AUTOPILOT_GRANTS: Final = (Grant("sys/storage/raft/autopilot/state"),)


class Server(msgspec.Struct, frozen=True):
    """One server of raft's configuration."""

    node_id: str
    voter: bool
    leader: bool = False


class Servers(msgspec.Struct, frozen=True):
    """The Raft configuration."""

    servers: tuple[Server, ...]


class Configuration(msgspec.Struct, frozen=True):
    """Response of ``sys/storage/raft/configuration``."""

    config: Servers


class Judged(msgspec.Struct, frozen=True):
    """One server in autopilot's state."""

    healthy: bool
    status: str = ""
    version: str = ""
    last_contact: str = ""
    last_index: int | None = None
    stable_since: Time | None = None


class Autopilot(msgspec.Struct, frozen=True):
    """Response of ``sys/storage/raft/autopilot/state``."""

    healthy: bool
    failure_tolerance: int
    optimistic_failure_tolerance: int | None = None
    servers: dict[str, Judged] = {}


async def collect(client: Client) -> Iterable[Sample]:
    """Read raft's servers."""
    configuration = await ask(client, "sys/storage/raft/configuration", Configuration)
    return () if configuration is None else samples(configuration)


async def collect_autopilot(client: Client) -> Iterable[Sample]:
    """Read autopilot's state. Without autopilot the response has no data."""
    state = await ask(client, "sys/storage/raft/autopilot/state", Autopilot | None)  # type: ignore[arg-type]
    return () if state is None else autopilot_samples(state)


def samples(configuration: Configuration) -> Iterator[Sample]:
    """Turn raft's configuration into samples."""
    servers = configuration.config.servers
    yield c.RAFT_SERVERS(len(servers))
    yield c.RAFT_VOTERS(sum(server.voter for server in servers))
    for server in servers[:MOST_NODES]:
        yield c.RAFT_SERVER_VOTER(server.voter, server.node_id)
        yield c.RAFT_SERVER_LEADER(server.leader, server.node_id)


def autopilot_samples(state: Autopilot) -> Iterator[Sample]:
    """Turn autopilot's state into samples."""
    yield c.AUTOPILOT_HEALTHY(state.healthy)
    yield c.AUTOPILOT_FAILURE_TOLERANCE(state.failure_tolerance)
    if state.optimistic_failure_tolerance is not None:
        yield c.AUTOPILOT_OPTIMISTIC_FAILURE_TOLERANCE(state.optimistic_failure_tolerance)
    for node_id, server in sorted(state.servers.items())[:MOST_NODES]:
        yield c.AUTOPILOT_SERVER_HEALTHY(server.healthy, node_id)
        yield c.AUTOPILOT_SERVER_INFO(1, node_id, server.status, server.version)
        if server.last_contact:
            yield c.AUTOPILOT_SERVER_LAST_CONTACT(seconds(server.last_contact), node_id)
        if server.last_index is not None:
            yield c.AUTOPILOT_SERVER_LAST_INDEX(server.last_index, node_id)
        if (since := timestamp(server.stable_since)) is not None:
            yield c.AUTOPILOT_SERVER_STABLE_SINCE(since, node_id)


RAFT: Final = Collector("raft", "the servers of raft", collect, grants=GRANTS)
AUTOPILOT: Final = Collector("autopilot", "health of the servers of raft", collect_autopilot, grants=AUTOPILOT_GRANTS)
