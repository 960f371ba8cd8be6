"""High availability and leadership as seen by the node, from ``sys/leader``, which each node serves without a token.

For ``sys/leader``, a standby reads the lock in the storage. It serves ``sys/health`` and ``sys/seal-status`` from
memory: on OpenBao 2.7 with PostgreSQL stopped, no node served requests, but a standby still returned 429. So a failure
here detects a node that cannot reach its storage.

https://openbao.org/api-docs/system/leader/
"""

from collections.abc import Iterator
from typing import Final

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.collector import Collector, Reading, Scope
from vault_exporter.scrape.node_state import Leader
from vault_exporter.vault.client import Client
from vault_exporter.vault.go import timestamp

__all__ = ["LEADER", "collect", "samples"]

_OK = 200
_SEALED = 503


async def collect(client: Client) -> Reading:
    """Read the leader. A sealed node answers 503, which is not a failure."""
    answer = await client.get("sys/leader")
    if answer.status == _SEALED and answer.says("sealed"):
        return Reading()
    if answer.status != _OK:
        raise answer.failure()
    leader = answer.report(Leader)
    return Reading(tuple(samples(leader)), said=leader)


def samples(leader: Leader) -> Iterator[Sample]:
    """Turn the response into samples. The leader has samples only if high availability is enabled."""
    yield c.HA_ENABLED(leader.ha_enabled)
    if leader.ha_enabled:
        yield c.LEADER_IS_SELF(leader.is_self)
        if leader.is_self and (since := timestamp(leader.active_time)) is not None:
            yield c.ACTIVE_SINCE(since)
    if leader.raft_committed_index is not None:
        yield c.LEADER_RAFT_COMMITTED_INDEX(leader.raft_committed_index)
    if leader.raft_applied_index is not None:
        yield c.LEADER_RAFT_APPLIED_INDEX(leader.raft_applied_index)


LEADER: Final = Collector("leader", "high availability and leadership", collect, scope=Scope.EVERY)
