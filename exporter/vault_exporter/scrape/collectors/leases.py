"""Leases that cannot be revoked, from ``sys/leases/count``.

https://openbao.org/api-docs/system/leases/
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import LARGE_ANSWER_BYTES, ask
from vault_exporter.scrape.collectors.bounded import most_frequent
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client

__all__ = ["GRANTS", "LEASES", "Count", "collect", "samples"]

GRANTS: Final = (Grant("sys/leases/count"),)


class Count(msgspec.Struct, frozen=True):
    """Response of ``sys/leases/count``: the total, and the number by accessor of the mount."""

    lease_count: int
    counts: dict[str, int] = {}


async def collect(client: Client) -> Iterable[Sample]:
    """Read the number of irrevocable leases."""
    count = await ask(client, "sys/leases/count?type=irrevocable", Count, max_bytes=LARGE_ANSWER_BYTES)
    return () if count is None else samples(count)


def samples(count: Count) -> Iterator[Sample]:
    """Turn the numbers into samples."""
    yield c.IRREVOCABLE_LEASES(count.lease_count)
    for labels, number in most_frequent({(accessor,): number for accessor, number in count.counts.items()}):
        yield c.MOUNT_IRREVOCABLE_LEASES(number, *labels)


LEASES: Final = Collector("leases", "leases that cannot be revoked", collect, grants=GRANTS, interval=60)
