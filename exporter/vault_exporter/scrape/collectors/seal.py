"""The seal and the storage type, from ``sys/seal-status``: no token, answered by the node itself, also when sealed.

https://openbao.org/api-docs/system/seal-status/
"""

from collections.abc import Iterable, Iterator

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.vault.client import Client

__all__ = ["SealStatus", "collect", "samples"]

_OK = 200


class SealStatus(msgspec.Struct, frozen=True):
    """What ``sys/seal-status`` says."""

    sealed: bool
    type: str | None = None
    storage_type: str | None = None
    t: float | None = None
    n: float | None = None
    progress: float | None = None
    migration: bool | None = None
    recovery_seal: bool | None = None


async def collect(client: Client) -> Iterable[Sample]:
    """Ask the node."""
    answer = await client.get("sys/seal-status")
    if answer.status != _OK:
        raise answer.failure()
    return tuple(samples(answer.report(SealStatus)))


def samples(status: SealStatus) -> Iterator[Sample]:
    """Turn the status into samples."""
    yield c.SEALED(status.sealed)
    yield c.CORE_UNSEALED(not status.sealed)
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
