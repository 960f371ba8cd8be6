"""Plugins of the catalogue, from ``sys/plugins/catalog``.

https://openbao.org/api-docs/system/plugins-catalog/
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

__all__ = ["GRANTS", "PLUGINS", "Catalogue", "collect", "samples"]

GRANTS: Final = (Grant("sys/plugins/catalog"),)


class Plugin(msgspec.Struct, frozen=True):
    """One plugin."""

    type: str
    builtin: bool = False
    deprecation_status: str = ""


class Catalogue(msgspec.Struct, frozen=True):
    """Response of ``sys/plugins/catalog``. Vault 1.12 and later include details."""

    detailed: tuple[Plugin, ...] | None = None


async def collect(client: Client) -> Iterable[Sample]:
    """Read the catalogue."""
    catalogue = await ask(client, "sys/plugins/catalog", Catalogue, max_bytes=LARGE_ANSWER_BYTES)
    return () if catalogue is None else samples(catalogue)


def samples(catalogue: Catalogue) -> Iterator[Sample]:
    """Count plugins."""
    kinds = Counter(
        (plugin.type, str(plugin.builtin).lower(), plugin.deprecation_status) for plugin in catalogue.detailed or ()
    )
    for kind, number in most_frequent(kinds):
        yield c.PLUGINS(number, *kind)


PLUGINS: Final = Collector("plugins", "plugins of the catalogue", collect, grants=GRANTS, interval=300)
