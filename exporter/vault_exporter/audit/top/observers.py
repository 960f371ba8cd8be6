"""Create the configured observers."""

import time
from collections.abc import Callable

from vault_exporter.audit.count.pipeline import Observer
from vault_exporter.audit.top.labels import ClientObserver, PathObserver
from vault_exporter.audit.top.sketches import TopObserver
from vault_exporter.config.schema.model import Audit

__all__ = ["make_observers"]


def make_observers(settings: Audit, clock: Callable[[], float] = time.time) -> tuple[Observer, ...]:
    """Create the configured observers. Without observers, lines are decoded faster.

    Args:
        settings: the observers and their limits.
        clock: Unix time in seconds.
    """
    observers: list[Observer] = []
    if settings.top.enabled:
        observers.append(TopObserver(settings.top.window, settings.top.tracked, clock))
    if settings.top.clients:
        observers.append(ClientObserver(settings.top.clients))
    if settings.paths:
        observers.append(PathObserver(settings.paths, settings.max_path_values))
    return tuple(observers)
