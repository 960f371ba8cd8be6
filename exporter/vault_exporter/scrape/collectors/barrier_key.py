"""The key that encrypts the storage, and its rotation, from ``sys/key-status`` and ``sys/rotate/config``.

https://openbao.org/api-docs/system/key-status/, https://openbao.org/api-docs/system/rotate-config/
"""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import ask
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client
from vault_exporter.vault.go import Time, seconds

__all__ = ["BARRIER_KEY", "GRANTS", "KeyStatus", "RotationConfig", "collect", "key_samples", "rotation_samples"]

GRANTS: Final = (Grant("sys/key-status"), Grant("sys/rotate/config"))


class KeyStatus(msgspec.Struct, frozen=True):
    """Response of ``sys/key-status``; ``encryptions`` exists since Vault 1.7."""

    term: int
    install_time: Time
    encryptions: int | None = None


class RotationConfig(msgspec.Struct, frozen=True):
    """Response of ``sys/rotate/config``."""

    enabled: bool
    max_operations: int
    interval: int | str = 0


async def collect(client: Client) -> Iterable[Sample]:
    """Read the state of the key and the settings of its rotation."""
    key, rotation = await asyncio.gather(
        ask(client, "sys/key-status", KeyStatus), ask(client, "sys/rotate/config", RotationConfig)
    )
    return (*(key_samples(key) if key else ()), *(rotation_samples(rotation) if rotation else ()))


def key_samples(key: KeyStatus) -> Iterator[Sample]:
    """Turn the key's status into samples."""
    yield c.BARRIER_KEY_TERM(key.term)
    yield c.BARRIER_KEY_INSTALLED(key.install_time.timestamp())
    if key.encryptions is not None:
        yield c.BARRIER_KEY_ENCRYPTIONS(key.encryptions)


def rotation_samples(config: RotationConfig) -> Iterator[Sample]:
    """Turn the settings of the rotation into samples."""
    yield c.BARRIER_KEY_ROTATION_ENABLED(config.enabled)
    yield c.BARRIER_KEY_ROTATION_INTERVAL(seconds(config.interval))
    yield c.BARRIER_KEY_ROTATION_MAX_OPERATIONS(config.max_operations)


BARRIER_KEY: Final = Collector(
    "barrier_key",
    "the key that encrypts the storage, and its rotation",
    collect,
    grants=GRANTS,
    interval=60,
)
