"""What scrapes have seen: so that Prometheus' ``increase()`` is right from the first event on, and over restarts.

Prometheus takes a counter's first sample for where it began, so a series that first shows 5 has lost 5. Here each
series first shows 0. A page is always what was counted up to one place in the logs, so while a page has new series,
which show 0, the others show what they did in the page before: that page's place is then what was shown. With the next
page all have caught up.
"""

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from vault_exporter.metrics.family import Distribution, Sample

__all__ = ["AcknowledgedCounters", "Page"]

Place = TypeVar("Place")

_Series = tuple[str, tuple[str, ...]]


class Page(NamedTuple, Generic[Place]):
    """Samples for one scrape, and what it means that they were received."""

    samples: tuple[Sample, ...]
    place: Place
    """Up to where the samples count."""
    counted: dict[_Series, Sample]
    """What will be shown by the page after, at the least."""
    counted_place: Place


class AcknowledgedCounters(Generic[Place]):
    """What the last scrape has seen; bounded as the series are.

    Args:
        place: where reading began, with all counters at 0.
    """

    def __init__(self, place: Place) -> None:
        self._counted: dict[_Series, Sample] = {}
        self._place = place
        self.last: Page[Place] | None = None
        """The last page that was received."""

    def page(self, samples: Iterable[Sample], place: Place) -> Page[Place]:
        """Make the page for a scrape.

        Args:
            samples: what was counted; gauges are passed on as they are.
            place: up to where.
        """
        now = tuple(samples)
        counted = {(sample.family.name, sample.labels): sample for sample in now if sample.family.type != "gauge"}
        if counted.keys() <= self._counted.keys():
            return Page(now, place, counted, place)
        before = self._counted
        held = tuple(
            sample
            if sample.family.type == "gauge"
            else before.get((sample.family.name, sample.labels)) or _at_zero(sample)
            for sample in now
        )
        return Page(held, self._place, counted, place)

    def received(self, page: Page[Place]) -> None:
        """Take note that a page reached Prometheus."""
        self._counted, self._place, self.last = page.counted, page.counted_place, page


def _at_zero(sample: Sample) -> Sample:
    if sample.distribution is None:
        return sample._replace(value=0)
    empty = Distribution((0,) * len(sample.distribution.counts), 0)
    return sample._replace(value=0, distribution=empty)
