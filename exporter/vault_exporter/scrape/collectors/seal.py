"""The seal and the storage type, from ``sys/seal-status``, which each node serves without a token, also when sealed.

https://openbao.org/api-docs/system/seal-status/
"""

from collections.abc import Iterator
from typing import Final

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.collector import Collector, Reading, Scope
from vault_exporter.scrape.node_state import SealStatus
from vault_exporter.vault.client import Client

__all__ = ["SEAL", "collect", "samples"]

_OK = 200


async def collect(client: Client) -> Reading:
    """Read the seal status."""
    answer = await client.get("sys/seal-status")
    if answer.status != _OK:
        raise answer.failure()
    status = answer.report(SealStatus)
    return Reading(tuple(samples(status)), said=status)


def samples(status: SealStatus) -> Iterator[Sample]:
    """Turn the status into samples. Samples of the node's state come from :class:`.NodeState`."""
    if status.type:
        yield c.SEAL_INFO(1, status.type)
    if status.storage_type:
        yield c.STORAGE_INFO(1, status.storage_type)
    for family, value in (
        (c.SEAL_THRESHOLD, status.t),
        (c.SEAL_SHARES, status.n),
        (c.SEAL_PROGRESS, status.progress),
        (c.SEAL_MIGRATION, status.migration),
        (c.SEAL_RECOVERY, status.recovery_seal),
    ):
        if value is not None:
            yield family(value)


SEAL: Final = Collector("seal", "seal and storage type, unseal progress", collect, scope=Scope.EVERY)
