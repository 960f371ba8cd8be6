"""The collectors that run only if configured."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from vault_exporter.config.schema.model import Target
from vault_exporter.config.schema.watched import Watched
from vault_exporter.scrape.collectors import approle, canary, database, kv, pki, watched_tokens
from vault_exporter.scrape.collectors.collector import Collector
from vault_exporter.util.sightings import Sightings

__all__ = ["CONFIGURED", "configured"]

CONFIGURED: Final[dict[str, Callable[[Any], Collector]]] = {
    "kv": kv.collector,
    "pki": pki.collector,
    "approle": approle.collector,
    "watched_tokens": watched_tokens.collector,
    "database": database.collector,
    "canary": canary.collector,
}
"""Factory of each collector by its name, which is also its key in the configuration."""


def configured(target: Target, watched: Watched, sightings: Sightings | None = None) -> Iterator[Collector]:
    """Yield the configured collectors of a target; ``sightings`` finds requests in the followed audit logs."""
    makers = CONFIGURED | {"canary": partial(canary.collector, sightings=sightings)}
    for name, collector in makers.items():
        settings = getattr(watched, name)
        listed = settings if isinstance(settings, tuple) else (settings,) if settings is not None else ()
        if mine := tuple(one for one in listed if not one.clusters or target.cluster in one.clusters):
            yield collector(mine)
