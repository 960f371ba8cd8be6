"""The collectors that run only where the configuration says what to look after."""

from collections.abc import Iterable, Iterator
from typing import Final, Protocol, TypeVar

from vault_exporter.config.schema.model import Target
from vault_exporter.config.schema.watched import Watched
from vault_exporter.scrape.collectors import approle, canary, database, kv, pki, watched_tokens
from vault_exporter.scrape.collectors.collector import Collector

__all__ = ["CONFIGURED", "configured"]

CONFIGURED: Final = ("kv", "pki", "approle", "watched_tokens", "database", "canary")
"""Their names, which are the keys that configure them."""


class _Clustered(Protocol):
    @property
    def clusters(self) -> tuple[str, ...]: ...


S = TypeVar("S", bound=_Clustered)


def configured(target: Target, watched: Watched) -> Iterator[Collector]:
    """Yield those that have something to look after in a target."""
    if secrets := _for(target, watched.kv):
        yield kv.collector(secrets)
    if engines := _for(target, watched.pki):
        yield pki.collector(engines)
    if methods := _for(target, watched.approle):
        yield approle.collector(methods)
    if tokens := _for(target, watched.watched_tokens):
        yield watched_tokens.collector(tokens)
    if databases := _for(target, watched.database):
        yield database.collector(databases)
    if watched.canary is not None and _for(target, (watched.canary,)):
        yield canary.collector(watched.canary)


def _for(target: Target, settings: Iterable[S]) -> tuple[S, ...]:
    return tuple(one for one in settings if not one.clusters or target.cluster in one.clusters)
