"""Number of mounted secrets engines and auth methods by type, from ``sys/mounts`` and ``sys/auth``.

https://openbao.org/api-docs/system/mounts/, https://openbao.org/api-docs/system/auth/
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Family, Sample
from vault_exporter.scrape.collectors.ask import LARGE_ANSWER_BYTES, ask
from vault_exporter.scrape.collectors.bounded import most_frequent
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client

__all__ = [
    "AUTH_GRANTS",
    "AUTH_METHODS",
    "GRANTS",
    "MOUNTS",
    "Mount",
    "auth_samples",
    "collect",
    "collect_auth",
    "samples",
]

GRANTS: Final = (Grant("sys/mounts"),)
AUTH_GRANTS: Final = (Grant("sys/auth"),)

_KV: Final = frozenset({"kv", "generic"})
_GOING: Final = frozenset({"deprecated", "pending-removal", "removed"})
"""Values of ``deprecation_status`` for a plugin that a later version removes."""


class Mount(msgspec.Struct, frozen=True):
    """One mount. The plugin's version exists since Vault 1.12, its deprecation status since 1.13."""

    type: str
    options: dict[str, str] | None = None
    plugin_version: str = ""
    running_plugin_version: str = ""
    deprecation_status: str = ""

    @property
    def version(self) -> str:
        """Version of the running plugin."""
        return self.running_plugin_version or self.plugin_version


async def collect(client: Client) -> Iterable[Sample]:
    """Read the secrets engines."""
    mounts = await ask(client, "sys/mounts", dict[str, Mount], max_bytes=LARGE_ANSWER_BYTES)
    return () if mounts is None else samples(mounts.values())


async def collect_auth(client: Client) -> Iterable[Sample]:
    """Read the auth methods."""
    mounts = await ask(client, "sys/auth", dict[str, Mount], max_bytes=LARGE_ANSWER_BYTES)
    return () if mounts is None else auth_samples(mounts.values())


def samples(mounts: Iterable[Mount]) -> Iterator[Sample]:
    """Count secrets engines."""
    mounts = tuple(mounts)
    yield from _counted(mounts, c.MOUNTS, c.MOUNTS_DEPRECATED)
    versions = Counter(((mount.options or {}).get("version", "1"),) for mount in mounts if mount.type in _KV)
    for labels, number in most_frequent(versions):
        yield c.KV_MOUNTS(number, *labels)


def auth_samples(mounts: Iterable[Mount]) -> Iterator[Sample]:
    """Count auth methods."""
    yield from _counted(tuple(mounts), c.AUTH_MOUNTS, c.AUTH_MOUNTS_DEPRECATED)


def _counted(mounts: tuple[Mount, ...], family: Family, deprecated: Family) -> Iterator[Sample]:
    kinds = Counter((mount.type, mount.version, mount.deprecation_status) for mount in mounts)
    for kind, number in most_frequent(kinds):
        yield family(number, *kind)
    yield deprecated(sum(mount.deprecation_status in _GOING for mount in mounts))


MOUNTS: Final = Collector("mounts", "secrets engines by type", collect, grants=GRANTS, interval=60)
AUTH_METHODS: Final = Collector("auth_methods", "auth methods by type", collect_auth, grants=AUTH_GRANTS, interval=60)
