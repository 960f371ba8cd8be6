"""Static roles of database engines: last and next rotation of their passwords. Passwords are never read.

https://openbao.org/api-docs/secret/databases/#read-static-role
"""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial

import msgspec

from vault_exporter.config.schema.watched import Database
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import ask
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client
from vault_exporter.vault.go import Time, seconds, timestamp

__all__ = ["collector"]


class _StaticRole(msgspec.Struct, frozen=True):
    rotation_period: float | str = 0
    last_vault_rotation: Time | None = None


def collector(watched: Sequence[Database]) -> Collector:
    """Build the collector for these roles."""
    return Collector(
        "database",
        "rotation of static database roles",
        partial(_collect, tuple(watched)),
        grants=tuple(Grant(f"{one.mount}/static-roles/{role}") for one in watched for role in one.roles),
        interval=60,
    )


async def _collect(watched: tuple[Database, ...], client: Client) -> Iterable[Sample]:
    roles = [(one.mount, role) for one in watched for role in one.roles]
    found = await asyncio.gather(*(_role(mount, role, client) for mount, role in roles))
    return tuple(sample for part in found for sample in part)


async def _role(mount: str, role: str, client: Client) -> Iterable[Sample]:
    found = await ask(client, f"{mount}/static-roles/{role}", _StaticRole)
    last = timestamp(found.last_vault_rotation) if found else None
    if found is None or last is None:
        return ()
    period = seconds(found.rotation_period)  # 0 if the role has a schedule
    following = (c.DATABASE_NEXT_ROTATION(last + period, mount, role),) if period else ()
    return (c.DATABASE_LAST_ROTATION(last, mount, role), *following)
