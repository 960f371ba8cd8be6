"""The collectors that run only where the configuration says what to look after."""

from collections.abc import Iterable, Iterator
from typing import Final, Protocol, TypeVar

from vault_exporter.collectors import canary, kv
from vault_exporter.collectors.collector import Collector
from vault_exporter.config.model import Target
from vault_exporter.config.watched import Watched

__all__ = ["CONFIGURED", "configured"]

CONFIGURED: Final = ("kv", "canary")
"""Their names, which are the keys that configure them."""


class _Clustered(Protocol):
    @property
    def clusters(self) -> tuple[str, ...]: ...


S = TypeVar("S", bound=_Clustered)


def configured(target: Target, watched: Watched) -> Iterator[Collector]:
    """Yield those that have something to look after in a target."""
    if secrets := _for(target, watched.kv):
        yield kv.collector(secrets)
    if watched.canary is not None and _for(target, (watched.canary,)):
        yield canary.collector(watched.canary)


def _for(target: Target, settings: Iterable[S]) -> tuple[S, ...]:
    return tuple(one for one in settings if not one.clusters or target.cluster in one.clusters)
