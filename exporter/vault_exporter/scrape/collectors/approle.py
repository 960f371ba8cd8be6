"""The number and next expiry of the secret-ids of AppRole roles.

https://openbao.org/api-docs/auth/approle/
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import msgspec

from vault_exporter.config.schema.watched import AppRole
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import ask_keys, data
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client
from vault_exporter.vault.go import Time, timestamp

__all__ = ["collector"]


class _SecretId(msgspec.Struct, frozen=True):
    expiration_time: Time | None = None


def collector(watched: Sequence[AppRole]) -> Collector:
    """Build the collector for these roles."""
    return Collector(
        "approle",
        "secret-ids of AppRole roles",
        partial(_collect, tuple(watched)),
        grants=tuple(grant for one in watched for role in one.roles for grant in _grants(one.mount, role)),
        interval=300,
    )


async def _collect(watched: tuple[AppRole, ...], client: Client) -> Iterable[Sample]:
    roles = [(one, role) for one in watched for role in one.roles]
    found = await asyncio.gather(*(_role(one, role, client) for one, role in roles))
    return tuple(sample for part in found for sample in part)


async def _role(watched: AppRole, role: str, client: Client) -> Iterable[Sample]:
    where = f"auth/{watched.mount}/role/{role}"
    accessors = await ask_keys(client, f"{where}/secret-id")
    if accessors is None:
        return ()
    kept = accessors[: watched.max_secret_ids]
    times = await asyncio.gather(*(_expiry(client, where, accessor) for accessor in kept))
    return _samples(watched.mount, role, len(accessors), [time for time in times if time is not None])


def _samples(mount: str, role: str, number: int, expiries: list[float]) -> Iterator[Sample]:
    yield c.APPROLE_SECRET_IDS(number, mount, role)
    if expiries:
        yield c.APPROLE_NEXT_EXPIRY(min(expiries), mount, role)


async def _expiry(client: Client, where: str, accessor: str) -> float | None:
    """Return the expiry of a secret-id; None if it does not expire or no longer exists."""
    path = f"{where}/secret-id-accessor/lookup"
    secret_id = data(await client.send("POST", path, token=True, body={"secret_id_accessor": accessor}), _SecretId)
    return timestamp(secret_id.expiration_time) if secret_id else None


def _grants(mount: str, role: str) -> Iterator[Grant]:
    yield Grant(f"auth/{mount}/role/{role}/secret-id", ("list",))
    yield Grant(f"auth/{mount}/role/{role}/secret-id-accessor/lookup", ("update",))
