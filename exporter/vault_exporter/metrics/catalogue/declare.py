"""How a family is declared."""

from typing import NamedTuple

from vault_exporter.metrics.family import Family

__all__ = ["Source", "counter", "gauge", "histogram"]


class Source(NamedTuple):
    """Where values come from."""

    text: str
    """An endpoint of Vault, or a part of the exporter; ``docs/metrics.md`` is grouped by it."""
    made_by: str
    """The collector that makes the samples, or the part of the exporter: audit, auth, backup, exporter, scrape."""


def gauge(name: str, source: Source, text: str, *labels: str, labels_optional: bool = False) -> Family:
    """Declare a gauge: its name, where it comes from, its help, its labels, and whether a sample may lack them."""
    return Family(name, "gauge", text, source.text, labels, labels_optional=labels_optional, made_by=source.made_by)


def counter(name: str, source: Source, text: str, *labels: str) -> Family:
    """Declare a counter; its name ends in ``_total``."""
    return Family(name, "counter", text, source.text, labels, made_by=source.made_by)


def histogram(name: str, source: Source, text: str, *labels: str, buckets: tuple[float, ...]) -> Family:
    """Declare a histogram; ``buckets`` are upper bounds in the name's unit, ascending, without ``+Inf``."""
    return Family(name, "histogram", text, source.text, labels, buckets, made_by=source.made_by)
