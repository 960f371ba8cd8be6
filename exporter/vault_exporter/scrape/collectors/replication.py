"""Replication, from ``sys/replication/status`` (Vault Enterprise), which answers without a token.

Only nodes whose health says that they replicate are asked. Others do not have the endpoint, or nothing to say.

https://developer.hashicorp.com/vault/api-docs/system/replication
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import data
from vault_exporter.scrape.collectors.collector import Collector, Scope
from vault_exporter.vault.client import Client

__all__ = ["REPLICATION", "Status", "collect", "samples"]


_OFF: Final = frozenset({"", "disabled", "unsupported"})
_PRIMARY: Final = "primary"
_CONNECTED: Final = "connected"


class Peer(msgspec.Struct, frozen=True):
    """The remote cluster."""

    connection_status: str = ""


class Kind(msgspec.Struct, frozen=True):
    """One kind of replication."""

    mode: str = ""
    state: str = ""
    last_wal: int | None = None
    last_dr_wal: int | None = None
    last_performance_wal: int | None = None
    last_remote_wal: int | None = None
    known_secondaries: tuple[str, ...] | None = None
    secondaries: tuple[Peer, ...] | None = None
    primaries: tuple[Peer, ...] | None = None
    corrupted_merkle_tree: bool | None = None


class Status(msgspec.Struct, frozen=True):
    """Response of ``sys/replication/status``."""

    dr: Kind = Kind()
    performance: Kind = Kind()


async def collect(client: Client) -> Iterable[Sample]:
    """Read the status of both kinds."""
    status = data(await client.get("sys/replication/status"), Status)
    return () if status is None else samples(status)


def samples(status: Status) -> Iterator[Sample]:
    """Turn the status into samples. A disabled kind has none."""
    for name, kind, wal in (
        ("dr", status.dr, status.dr.last_dr_wal),
        ("performance", status.performance, status.performance.last_performance_wal),
    ):
        if kind.mode not in _OFF:
            yield from _samples(name, kind, kind.last_wal if wal is None else wal)


def _samples(name: str, kind: Kind, wal: int | None) -> Iterator[Sample]:
    if kind.state:
        yield c.REPLICATION_STATE(1, name, kind.state)
    if wal is not None:
        yield c.REPLICATION_LAST_WAL(wal, name)
    if kind.corrupted_merkle_tree is not None:
        yield c.REPLICATION_MERKLE_CORRUPTED(kind.corrupted_merkle_tree, name)
    if kind.mode == _PRIMARY:
        yield c.REPLICATION_KNOWN_SECONDARIES(len(kind.known_secondaries or ()), name)
        if kind.secondaries is not None:
            connected = sum(peer.connection_status == _CONNECTED for peer in kind.secondaries)
            yield c.REPLICATION_CONNECTED_SECONDARIES(connected, name)
    else:
        if kind.last_remote_wal is not None:
            yield c.REPLICATION_LAST_REMOTE_WAL(kind.last_remote_wal, name)
        if kind.primaries is not None:
            connected = any(peer.connection_status == _CONNECTED for peer in kind.primaries)
            yield c.REPLICATION_PRIMARY_CONNECTED(connected, name)


REPLICATION: Final = Collector(
    "replication",
    "replication (Vault Enterprise)",
    collect,
    scope=Scope.ACTIVE_DR,
    with_token=False,
    interval=30,
    applies=lambda state: state.replicates,
)
