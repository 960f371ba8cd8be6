"""The targets, as Prometheus' HTTP service discovery wants them.

https://prometheus.io/docs/prometheus/latest/http_sd/
"""

from collections.abc import Iterable, Iterator
from typing import Any

from vault_exporter.config.model import Target

__all__ = ["service_discovery"]


def service_discovery(targets: Iterable[Target], exporter: str, scheme: str) -> list[dict[str, Any]]:
    """Return a group for each target, whose labels make Prometheus ask the exporter for it without relabelling.

    Args:
        targets: what there is.
        exporter: the exporter's host and port, as Prometheus reached it.
        scheme: the same way.
    """
    return [{"targets": [exporter], "labels": dict(_labels(target, scheme))} for target in targets]


def _labels(target: Target, scheme: str) -> Iterator[tuple[str, str]]:
    yield from target.labels.items()
    yield "__scheme__", scheme
    yield "__metrics_path__", "/probe"
    yield "__param_target", target.name
    yield "instance", target.name
    if target.cluster:
        yield "cluster", target.cluster
