"""Metric families and their samples: the catalogue declares families, collectors and the audit reader make samples."""

import unicodedata
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

__all__ = ["Distribution", "Exemplar", "Family", "Sample"]

MetricType = Literal["counter", "gauge", "histogram"]

_LONGEST_LABEL: Final = 1024
"""Characters of a label's value; longer ones are cut. Real names are below a hundred."""


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One metric family: everything that is said of a metric apart from its values.

    ``name`` is the full sample name (a counter's ends in ``_total``), ``source`` says where the values come from
    (an endpoint of Vault, or a part of the exporter) and is what ``docs/metrics.md`` is grouped by.

    Each is declared once, so it equals only itself. To hash its fields would cost more than all else of a sample.
    """

    name: str
    type: MetricType
    help: str
    source: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets, ascending, without ``+Inf``."""
    labels_optional: bool = False
    """A sample may be without all of its labels."""
    made_by: str = ""
    """The collector that makes the samples, or the part of the exporter: audit, auth, backup, exporter, scrape."""

    @property
    def series(self) -> tuple[str, ...]:
        """The names of its series."""
        if self.type == "histogram":
            return (f"{self.name}_bucket", f"{self.name}_count", f"{self.name}_sum")
        return (self.name,)

    def __call__(self, value: "float | Distribution", *labels: str) -> "Sample":
        """Make a sample, with label values in the order of ``labels``; long ones are cut.

        Raises:
            ValueError: the number of label values is not the family's, or its value is not of the family's type.
            OverflowError: the value is an integer that no float holds.
        """
        if len(labels) != len(self.labels) and (labels or not self.labels_optional):
            raise ValueError(f"{self.name} has labels {self.labels}, got {labels}")
        for label in labels:
            if len(label) > _LONGEST_LABEL or not label.isprintable():
                labels = tuple(_cut(_visible(value)) for value in labels)
                break
        if isinstance(value, Distribution):
            if self.type == "histogram":
                return Sample(self, labels, sum(value.counts), value)
        elif self.type != "histogram":
            return _make(Sample, (self, labels, float(value), None))
        raise ValueError(f"{self.name} is a {self.type}, got {type(value).__name__}")


class Exemplar(NamedTuple):
    """One observation of a bucket: where to look for an example of it. OpenMetrics only."""

    labels: tuple[tuple[str, str], ...]
    """Names and values, together at most 128 characters, or the exemplar is left out."""
    value: float
    timestamp: float
    """Seconds since the epoch."""


class Distribution(NamedTuple):
    """A histogram's value."""

    counts: tuple[int, ...]
    """Observations in each bucket by itself, not cumulated; the last is that of ``+Inf``."""
    sum: float
    exemplars: tuple[Exemplar | None, ...] = ()
    """One for each bucket, or none at all."""


class Sample(NamedTuple):
    """One value of a family, with label values in the family's order."""

    family: Family
    labels: tuple[str, ...]
    value: float
    """Of a histogram: how many observations."""
    distribution: Distribution | None = None


_make: Final = tuple.__new__
"""Makes a sample in a third of the time that its class takes."""


def _visible(value: str) -> str:
    r"""Write control characters as ``\x1b``, since they could steer a terminal; the formats have a line end's own."""
    return "".join(f"\\x{ord(c):02x}" if unicodedata.category(c) == "Cc" and c != "\n" else c for c in value)


def _cut(value: str) -> str:
    return value if len(value) <= _LONGEST_LABEL else value[: _LONGEST_LABEL - 3] + "..."
