"""Operations in progress that collect key shares: rekeying, and root token generation.

OpenBao has ``sys/rotate/root/init``, ``sys/rotate/recovery/init`` and ``sys/generate-root-token/attempt``; Vault has
``sys/rekey/init``, ``sys/rekey-recovery-key/init`` and ``sys/generate-root/attempt``, which OpenBao disables.

https://openbao.org/api-docs/system/rotate/, https://developer.hashicorp.com/vault/api-docs/system/rekey
"""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import data
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client, VaultError

__all__ = ["GRANTS", "OPERATIONS", "Progress", "collect", "samples"]

_PATHS: Final = {
    "rekey": ("sys/rotate/root/init", "sys/rekey/init"),
    "rekey_recovery": ("sys/rotate/recovery/init", "sys/rekey-recovery-key/init"),
    "generate_root": ("sys/generate-root-token/attempt", "sys/generate-root/attempt"),
}
"""Paths of each operation; the first existing one is used."""

GRANTS: Final = tuple(Grant(path) for paths in _PATHS.values() for path in paths)


class Progress(msgspec.Struct, frozen=True):
    """Progress of an operation in key shares."""

    started: bool
    progress: int = 0
    required: int | None = None


async def collect(client: Client) -> Iterable[Sample]:
    """Read the progress of each operation."""
    found = await asyncio.gather(*(_ask(client, paths) for paths in _PATHS.values()))
    return tuple(
        sample
        for operation, progress in zip(_PATHS, found, strict=True)
        if progress is not None
        for sample in samples(operation, progress)
    )


def samples(operation: str, progress: Progress) -> Iterator[Sample]:
    """Turn an operation's progress into samples."""
    yield c.OPERATION_IN_PROGRESS(progress.started, operation)
    yield c.OPERATION_PROGRESS(progress.progress if progress.started else 0, operation)
    if progress.required is not None:
        yield c.OPERATION_REQUIRED(progress.required, operation)


async def _ask(client: Client, paths: Iterable[str]) -> Progress | None:
    for path in paths:
        answer = await client.get(path, token=True)
        try:  # Vault's older endpoints have no ``data`` wrapper
            return answer.json(Progress)
        except VaultError:
            progress = data(answer, Progress)
        if progress is not None:
            return progress
    return None


OPERATIONS: Final = Collector(
    "operations",
    "rekeying and root token generation in progress",
    collect,
    grants=GRANTS,
    interval=30,
)
