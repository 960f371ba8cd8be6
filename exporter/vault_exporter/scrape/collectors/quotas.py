"""Quotas, from ``sys/quotas/``.

https://openbao.org/api-docs/system/rate-limit-quotas/,
https://developer.hashicorp.com/vault/api-docs/system/lease-count-quotas
"""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import ask, ask_keys
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client

__all__ = ["GRANTS", "QUOTAS", "collect"]

GRANTS: Final = (
    Grant("sys/quotas/rate-limit", ("list",)),
    Grant("sys/quotas/lease-count", ("list",)),
    Grant("sys/quotas/config"),
)


class Config(msgspec.Struct, frozen=True):
    """Response of ``sys/quotas/config``."""

    enable_rate_limit_audit_logging: bool | None = None


async def collect(client: Client) -> Iterable[Sample]:
    """Read the names of the quotas, and whether rejections are audited."""
    rate_limits, lease_counts, config = await asyncio.gather(
        ask_keys(client, "sys/quotas/rate-limit"),
        ask_keys(client, "sys/quotas/lease-count"),
        ask(client, "sys/quotas/config", Config),
    )
    return tuple(_samples(rate_limits, lease_counts, config))


def _samples(
    rate_limits: tuple[str, ...] | None, lease_counts: tuple[str, ...] | None, config: Config | None
) -> Iterator[Sample]:
    if rate_limits is not None:
        yield c.QUOTAS(len(rate_limits), "rate_limit")
    if lease_counts is not None:
        yield c.QUOTAS(len(lease_counts), "lease_count")
    if config is not None and config.enable_rate_limit_audit_logging is not None:
        yield c.QUOTA_AUDIT_LOGGING(config.enable_rate_limit_audit_logging)


QUOTAS: Final = Collector("quotas", "quotas", collect, grants=GRANTS, interval=60)
