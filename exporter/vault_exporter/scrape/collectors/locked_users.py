"""Number of users locked out after failed logins, from ``sys/locked-users``, without their names.

https://openbao.org/api-docs/system/user-lockout/
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import LARGE_ANSWER_BYTES, ask
from vault_exporter.scrape.collectors.bounded import most_frequent
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client

__all__ = ["GRANTS", "LOCKED_USERS", "Locked", "collect", "samples"]

GRANTS: Final = (Grant("sys/locked-users"),)


class Mount(msgspec.Struct, frozen=True):
    """The number of users of one auth method."""

    mount_accessor: str
    counts: int


class Namespace(msgspec.Struct, frozen=True):
    """The auth methods of one namespace."""

    mount_accessors: tuple[Mount, ...] | None = None


class Locked(msgspec.Struct, frozen=True):
    """Response of ``sys/locked-users``."""

    total: int
    by_namespace: tuple[Namespace, ...] | None = None


async def collect(client: Client) -> Iterable[Sample]:
    """Read the number of locked users."""
    locked = await ask(client, "sys/locked-users", Locked, max_bytes=LARGE_ANSWER_BYTES)
    return () if locked is None else samples(locked)


def samples(locked: Locked) -> Iterator[Sample]:
    """Turn the numbers into samples."""
    yield c.LOCKED_USERS(locked.total)
    mounts: Counter[tuple[str, ...]] = Counter()
    for namespace in locked.by_namespace or ():
        for mount in namespace.mount_accessors or ():
            mounts[mount.mount_accessor,] += mount.counts
    for labels, number in most_frequent(mounts):
        yield c.MOUNT_LOCKED_USERS(number, *labels)


LOCKED_USERS: Final = Collector(
    "locked_users",
    "users locked out after failed logins",
    collect,
    grants=GRANTS,
    interval=30,
)
