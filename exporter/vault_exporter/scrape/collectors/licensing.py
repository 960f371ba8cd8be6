"""The license, from ``sys/license/status`` (Vault Enterprise).

https://developer.hashicorp.com/vault/api-docs/system/license
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import ask
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client
from vault_exporter.vault.go import Time

__all__ = ["GRANTS", "LICENSE", "Status", "collect", "samples"]

GRANTS: Final = (Grant("sys/license/status"),)


class License(msgspec.Struct, frozen=True):
    """One license. It expires first, and terminates later."""

    expiration_time: Time
    termination_time: Time | None = None


class Status(msgspec.Struct, frozen=True):
    """Response of ``sys/license/status``. Before Vault 1.8 a license was stored, not autoloaded."""

    autoloaded: License | None = None


async def collect(client: Client) -> Iterable[Sample]:
    """Read the license."""
    status = await ask(client, "sys/license/status", Status)
    return () if status is None or status.autoloaded is None else samples(status.autoloaded)


def samples(license_: License) -> Iterator[Sample]:
    """Turn the license into samples, with its expiry for nodes before Vault 1.13, whose health report lacks it."""
    yield c.LICENSE_EXPIRY(license_.expiration_time.timestamp())
    if license_.termination_time is not None:
        yield c.LICENSE_TERMINATION(license_.termination_time.timestamp())


LICENSE: Final = Collector("license", "the license (Vault Enterprise)", collect, grants=GRANTS, interval=300)
