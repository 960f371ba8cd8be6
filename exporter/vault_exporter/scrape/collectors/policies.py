"""Number of policies, from ``sys/policies/``.

https://openbao.org/api-docs/system/policies/, https://openbao.org/api-docs/system/policies-password/
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import ask_keys
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client

__all__ = ["GRANTS", "POLICIES", "collect"]

_TYPES: Final = ("acl", "password")

GRANTS: Final = tuple(Grant(f"sys/policies/{kind}", ("list",)) for kind in _TYPES)


async def collect(client: Client) -> Iterable[Sample]:
    """Read the names of the policies."""
    names = await asyncio.gather(*(ask_keys(client, f"sys/policies/{kind}") for kind in _TYPES))
    return tuple(c.POLICIES(len(keys), kind) for kind, keys in zip(_TYPES, names, strict=True) if keys is not None)


POLICIES: Final = Collector("policies", "policies", collect, grants=GRANTS, interval=300)
