"""How a family is declared."""

from vault_exporter.metrics.family import Family

__all__ = ["counter", "gauge", "histogram"]


def gauge(name: str, source: str, text: str, *labels: str, labels_optional: bool = False) -> Family:
    """Declare a gauge: its name, where it comes from, its help, its labels, and whether a sample may lack them."""
    return Family(name, "gauge", text, source, labels, labels_optional=labels_optional)


def counter(name: str, source: str, text: str, *labels: str) -> Family:
    """Declare a counter; its name ends in ``_total``."""
    return Family(name, "counter", text, source, labels)


def histogram(name: str, source: str, text: str, *labels: str, buckets: tuple[float, ...]) -> Family:
    """Declare a histogram; ``buckets`` are upper bounds in the name's unit, ascending, without ``+Inf``."""
    return Family(name, "histogram", text, source, labels, buckets)
