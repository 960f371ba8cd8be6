"""Versions that the cluster has run, from ``sys/version-history``.

https://openbao.org/api-docs/system/version-history/
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import ask_list
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client
from vault_exporter.vault.go import Time

__all__ = ["GRANTS", "VERSIONS", "History", "collect", "samples"]

GRANTS: Final = (Grant("sys/version-history", ("list",)),)

_MOST: Final = 20
"""Limit of versions; the newest are shown."""


class Version(msgspec.Struct, frozen=True):
    """One version, with the time of its first run."""

    timestamp_installed: Time


class History(msgspec.Struct, frozen=True):
    """LIST response of ``sys/version-history``."""

    key_info: dict[str, Version] = {}


async def collect(client: Client) -> Iterable[Sample]:
    """Read the versions."""
    history = await ask_list(client, "sys/version-history", History)
    return () if history is None else samples(history)


def samples(history: History) -> Iterator[Sample]:
    """Turn the newest versions into samples."""
    installed = {name: version.timestamp_installed.timestamp() for name, version in history.key_info.items()}
    for name in sorted(installed, key=installed.__getitem__)[-_MOST:]:
        yield c.VERSION_INSTALLED(installed[name], name)


VERSIONS: Final = Collector("versions", "versions that the cluster has run", collect, grants=GRANTS, interval=300)
