"""Queries on declared metrics.

A query takes a family of the catalogue or of :mod:`dashboards.native`, never a name, so a metric that is renamed or
gone breaks the build and not the dashboard.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dashboards.native import Native, Summary
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Family

__all__ = [
    "ALL",
    "ALL_OR_NONE",
    "NOW",
    "PER_NODE",
    "RATE",
    "SHOWN",
    "Metric",
    "Query",
    "by",
    "by_node",
    "count_of",
    "happened",
    "if_active",
    "mean_seconds",
    "quantile",
    "rate",
    "ratio",
    "select",
    "sum_of",
]

Metric = Family | Native

ALL: Final = ".+"
"""What the variables' All is."""
ALL_OR_NONE: Final = ".*"
"""The same where series need not have such a label: `cluster` is the operator's to set, the root namespace is empty."""

RATE: Final = "$__rate_interval"
"""Grafana's window of a rate: at least four scrapes."""
NOW: Final = "5m"
"""Window of a rate that is one number: short for "now", and the same however long the time shown is."""
SHOWN: Final = "$__range"
"""The whole time that the dashboard shows."""

_EMPTY: Final = {"mount_type": "no mount", "mount_point": "no mount", "vault_namespace": "root"}
"""What audited requests that reached no mount, and those in the root namespace, are called."""

PER_NODE: Final = "{{instance}}"
"""Legend of series that :func:`by_node` made."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel; ``legend`` is Grafana's legend format."""

    expr: str
    legend: str


def select(metric: Metric, *matchers: str, window: str | None = None) -> str:
    """Select the metric's series of the chosen jobs, clusters and instances.

    Args:
        metric: what to select.
        matchers: further matchers, such as ``type="request"``.
        window: makes it a range of that length.
    """
    chosen = ",".join([*matchers, 'job=~"$job"', 'cluster=~"$cluster"', 'instance=~"$instance"'])
    return f"{metric.name}{{{chosen}}}" + (f"[{window}]" if window else "")


def rate(metric: Metric, *matchers: str, window: str = RATE) -> str:
    """Return the per-second rate of a counter."""
    return f"rate({select(metric, *matchers, window=window)})"


def happened(metric: Metric, *matchers: str) -> str:
    """Return by how much a counter grew in the time that is shown."""
    return f"increase({select(metric, *matchers, window=SHOWN)})"


def by(labels: str, expr: str, aggregate: str = "sum") -> str:
    """Aggregate over everything but ``labels``, as in ``by("mount_type", ...)``.

    Where a label may be empty, the result has a word for it, since a legend would show the label's name.
    """
    result = f"{aggregate} by ({labels}) ({expr})"
    for label in labels.split(", "):
        if label in _EMPTY:
            result = f'label_replace({result}, "{label}", "{_EMPTY[label]}", "{label}", "")'
    return result


def by_node(expr: str, aggregate: str = "sum") -> str:
    """Aggregate to one series a node."""
    return by("cluster, instance", expr, aggregate)


def ratio(part: str, whole: str) -> str:
    """Return the quotient; nothing where there was no whole."""
    return f"{part} / ({whole} > 0)"


def mean_seconds(summary: Summary) -> str:
    """Return how long one took on average, in seconds, per node; nothing where there was none."""
    time, number = (by_node(rate(part)) for part in (summary.sum, summary.count))
    return f"{ratio(time, number)} / 1000"


def count_of(histogram: Family) -> Native:
    """Return the series with the number of a histogram's observations."""
    return Native(histogram.series[1], histogram.labels, counter=True)


def sum_of(histogram: Family) -> Native:
    """Return the series with the sum of a histogram's observations."""
    return Native(histogram.series[2], histogram.labels, counter=True)


def if_active(metric: Metric, *matchers: str) -> str:
    """Select what only the active node says for its cluster.

    A former active node shows its last readings until they expire, and would count twice.
    """
    return f"({select(metric, *matchers)} and on (cluster, instance) {select(c.ACTIVE)} == 1)"


def quantile(rank: float, histogram: Family, labels: str = "", *matchers: str, window: str = RATE) -> str:
    """Return a quantile of a histogram over a window, by ``labels``; nothing where nothing was observed."""
    buckets = Native(histogram.series[0], (*histogram.labels, "le"), counter=True)
    together = ", ".join(_given(labels, "le"))
    return f"histogram_quantile({rank}, {by(together, rate(buckets, *matchers, window=window))}) >= 0"


def _given(*parts: str) -> Iterator[str]:
    return (part for part in parts if part)
