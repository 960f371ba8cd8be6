"""What completed scrapes have shown, so that Prometheus' ``increase()`` is right from the first event on.

Prometheus takes a counter's first sample for its beginning: a series that is 5 when it is first shown has lost 5. So
each new series is shown with 0 first. All samples of a page are counts up to one place in the logs. While a page has
new series, which show 0, the other counters therefore show what they did on the page before, and the page's place is
that of the page before. On the next page all show what was counted.
"""

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from vault_exporter.metrics.family import Distribution, Sample

__all__ = ["AcknowledgedCounters", "CountedPage"]

Place = TypeVar("Place")

_Series = tuple[str, tuple[str, ...]]


class CountedPage(NamedTuple, Generic[Place]):
    """The samples of one scrape, and what follows when it is completed."""

    number: int
    """Later pages have higher numbers."""
    samples: tuple[Sample, ...]
    place: Place
    """Up to where the samples count."""
    counted: dict[_Series, Sample]
    """The counters as they are, which the next page shows."""
    counted_place: Place
    """Up to where these count."""


class AcknowledgedCounters(Generic[Place]):
    """The counters that Prometheus knows, as far as scrapes were completed.

    Attributes:
        last: the newest page that was received in full.
    """

    def __init__(self, place: Place) -> None:
        """Begin with all counters at 0.

        Args:
            place: where reading begins.
        """
        self.last: CountedPage[Place] | None = None
        self._counted: dict[_Series, Sample] = {}
        self._place = place
        self._pages = 0

    def page(self, samples: Iterable[Sample], place: Place) -> CountedPage[Place]:
        """Make the page of a scrape.

        Args:
            samples: what was counted; gauges are passed on as they are.
            place: up to where.
        """
        self._pages += 1
        now = tuple(samples)
        counted = {(sample.family.name, sample.labels): sample for sample in now if sample.family.type != "gauge"}
        if counted.keys() <= self._counted.keys():
            return CountedPage(self._pages, now, place, counted, place)
        before = self._counted
        held = tuple(
            sample
            if sample.family.type == "gauge"
            else before.get((sample.family.name, sample.labels)) or _at_zero(sample)
            for sample in now
        )
        return CountedPage(self._pages, held, self._place, counted, place)

    def acknowledge(self, page: CountedPage[Place]) -> bool:
        """Note that a page was received in full.

        Returns:
            whether it is newer than all pages that were; an older one changes nothing.
        """
        if self.last is not None and page.number <= self.last.number:
            return False
        self._counted, self._place, self.last = page.counted, page.counted_place, page
        return True


def _at_zero(sample: Sample) -> Sample:
    if sample.distribution is None:
        return sample._replace(value=0)
    empty = Distribution((0,) * len(sample.distribution.counts), 0)
    return sample._replace(value=0, distribution=empty)
