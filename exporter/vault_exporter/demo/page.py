"""A page of metrics, parsed by prometheus_client, for the demo's table and verdict."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from prometheus_client import parser
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser

from vault_exporter.metrics.exposition import Format
from vault_exporter.metrics.family import Family

__all__ = ["ALLOCATED", "GOROUTINES", "ScrapedPage", "Series", "parse"]

ALLOCATED: Final = "vault_runtime_alloc_bytes"
"""Vault's own name for the bytes it has allocated."""
GOROUTINES: Final = "vault_runtime_num_goroutines"
"""Vault's own name for the number of its goroutines."""


class Series(NamedTuple):
    """One sample of a page."""

    name: str
    labels: dict[str, str]
    value: float


class ScrapedPage:
    """The samples of one page."""

    def __init__(self, series: Iterable[Series] = ()) -> None:
        self._by_name: dict[str, list[Series]] = {}
        for one in series:
            self._by_name.setdefault(one.name, []).append(one)

    def __len__(self) -> int:
        return sum(map(len, self._by_name.values()))

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def series(self, metric: Family | str, **labels: str) -> Iterator[Series]:
        """Yield the series of a name that have at least the given labels."""
        for one in self._by_name.get(metric if isinstance(metric, str) else metric.name, ()):
            if labels.items() <= one.labels.items():
                yield one

    def values(self, metric: Family | str, **labels: str) -> tuple[float, ...]:
        """Return the values of these series."""
        return tuple(one.value for one in self.series(metric, **labels))

    def value(self, metric: Family | str, **labels: str) -> float | None:
        """Return the value where there is exactly one such series."""
        values = self.values(metric, **labels)
        return values[0] if len(values) == 1 else None

    def sum(self, metric: Family | str, **labels: str) -> float:
        """Return the sum of the values of these series, 0 where there are none."""
        return sum(self.values(metric, **labels))

    def label(self, metric: Family | str, name: str) -> str:
        """Return a label of the only series of a name, empty where there is none."""
        found = tuple(self.series(metric))
        return found[0].labels.get(name, "") if len(found) == 1 else ""


def parse(body: bytes, fmt: Format) -> ScrapedPage:
    """Read a page.

    Raises:
        ValueError: it is not a valid page of that format.
    """
    parsing: Any = parser if fmt is Format.TEXT else openmetrics_parser
    try:
        families: tuple[Metric, ...] = tuple(parsing.text_string_to_metric_families(body.decode()))
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        # The parsers raise these for text that is too broken for their own errors.
        raise ValueError(f"{type(error).__name__} in the parser") from error
    return ScrapedPage(
        Series(sample.name, sample.labels, float(sample.value)) for family in families for sample in family.samples
    )
