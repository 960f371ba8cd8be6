"""Namespaces and their seal state, from ``sys/namespaces``: OpenBao since 2.3, and Vault Enterprise.

https://openbao.org/api-docs/system/namespaces/, https://developer.hashicorp.com/vault/api-docs/system/namespaces
"""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import LARGE_ANSWER_BYTES, ask, data, is_empty_list
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client

__all__ = ["GRANTS", "NAMESPACES", "Listed", "collect", "samples"]

GRANTS: Final = (Grant("sys/namespaces", ("list",)), Grant("sys/namespaces/+/seal-status"))

_MOST: Final = 100
"""Limit of namespaces whose seal is read. It takes one call for each, so above it none is read."""


class Namespace(msgspec.Struct, frozen=True):
    """One namespace. Vault reports neither field."""

    locked: bool | None = None
    tainted: bool | None = None


class Listed(msgspec.Struct, frozen=True):
    """LIST response of ``sys/namespaces``. Older versions of Vault return only names."""

    keys: tuple[str, ...] = ()
    key_info: dict[str, Namespace] = {}


class Seal(msgspec.Struct, frozen=True):
    """Response of ``…/seal-status`` for a namespace with its own seal (OpenBao since 2.6)."""

    sealed: bool


async def collect(client: Client) -> Iterable[Sample]:
    """List the namespaces below the target's own, and read the seal status of each."""
    answer = await client.get("sys/namespaces?list=true", token=True, max_bytes=LARGE_ANSWER_BYTES)
    listed = Listed() if is_empty_list(answer) else data(answer, Listed)
    if listed is None:
        return ()
    if len(listed.keys) > _MOST:
        return samples(listed, None)
    return samples(listed, await asyncio.gather(*(_is_sealed(client, name) for name in listed.keys)))


def samples(listed: Listed, sealed: Iterable[bool] | None) -> Iterator[Sample]:
    """Count the namespaces.

    Args:
        listed: the namespaces.
        sealed: whether each one is sealed; None if it was not read.
    """
    yield c.NAMESPACES(len(listed.keys))
    if all(namespace.locked is not None for namespace in listed.key_info.values()):
        yield c.NAMESPACES_LOCKED(sum(namespace.locked is True for namespace in listed.key_info.values()))
    if sealed is not None:
        yield c.NAMESPACES_SEALED(sum(sealed))


async def _is_sealed(client: Client, name: str) -> bool:
    seal = await ask(client, f"sys/namespaces/{quote(name.rstrip('/'))}/seal-status", Seal)
    return seal is not None and seal.sealed


NAMESPACES: Final = Collector("namespaces", "namespaces and their seals", collect, grants=GRANTS, interval=60)
