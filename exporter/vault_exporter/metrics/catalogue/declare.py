"""How a family is declared."""

from vault_exporter.metrics.family import Family, MetricType

__all__ = ["counter", "gauge", "histogram"]


def gauge(name: str, source: str, text: str, *labels: str) -> Family:
    """Declare a gauge: its name, where it comes from, its help, its labels."""
    return _family("gauge", name, source, text, labels)


def counter(name: str, source: str, text: str, *labels: str) -> Family:
    """Declare a counter; its name ends in ``_total``."""
    return _family("counter", name, source, text, labels)


def histogram(name: str, source: str, text: str, *labels: str, buckets: tuple[float, ...]) -> Family:
    """Declare a histogram; ``buckets`` are upper bounds in the name's unit, ascending, without ``+Inf``."""
    return Family(name=name, type="histogram", help=text, source=source, labels=labels, buckets=buckets)


def _family(kind: MetricType, name: str, source: str, text: str, labels: tuple[str, ...]) -> Family:
    return Family(name=name, type=kind, help=text, source=source, labels=labels)
