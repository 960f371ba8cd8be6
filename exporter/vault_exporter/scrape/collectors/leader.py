"""High availability and leadership as the node sees it, from ``sys/leader``: no token, answered by the node itself.

To tell who leads, a standby reads the lock in the storage each time, while it answers ``sys/health`` and
``sys/seal-status`` from memory, as seen on OpenBao 2.7 with its PostgreSQL stopped: all three nodes served nothing, and
a standby went on saying 429. So a node that is out of reach of its storage is known by its failure here.

https://openbao.org/api-docs/system/leader/
"""

from collections.abc import Iterable, Iterator

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collectors.go import Time
from vault_exporter.scrape.collectors.health import failure_reasons
from vault_exporter.vault.client import Client

__all__ = ["Leader", "collect", "floor", "samples"]

_OK = 200
_SEALED = 503
_ZERO_TIME_YEAR = 1  # Go's zero time, which Vault sends for "never"


class Leader(msgspec.Struct, frozen=True):
    """What ``sys/leader`` says. Without high availability only ``ha_enabled`` is there."""

    ha_enabled: bool
    is_self: bool = False
    active_time: Time | None = None
    leader_address: str = ""
    raft_committed_index: float | None = None
    raft_applied_index: float | None = None


async def collect(client: Client) -> Iterable[Sample]:
    """Ask the node; a sealed one answers 503, knows no leader, and that is no failure."""
    answer = await client.get("sys/leader")
    if answer.status == _SEALED and answer.says("sealed"):
        return ()
    if answer.status != _OK:
        raise answer.failure()
    return tuple(samples(answer.report(Leader)))


def floor(reason: Reason) -> Iterator[Sample]:
    """Say that a node is not up which cannot reach its storage, whatever its health says."""
    if reason in {Reason.HTTP_5XX, Reason.PROXY_ERROR}:
        yield c.UP(0)
        yield from failure_reasons(reason)


def samples(leader: Leader) -> Iterator[Sample]:
    """Turn the answer into samples; who leads is a question only where high availability is in use."""
    yield c.HA_ENABLED(leader.ha_enabled)
    if leader.ha_enabled:
        yield c.LEADER_KNOWN(bool(leader.leader_address))
        yield c.LEADER_IS_SELF(leader.is_self)
        if leader.is_self and leader.active_time and leader.active_time.year > _ZERO_TIME_YEAR:
            yield c.ACTIVE_SINCE(leader.active_time.timestamp())
    if leader.raft_committed_index is not None:
        yield c.LEADER_RAFT_COMMITTED_INDEX(leader.raft_committed_index)
    if leader.raft_applied_index is not None:
        yield c.LEADER_RAFT_APPLIED_INDEX(leader.raft_applied_index)
