"""Keep counters and summaries continuous across Vault's expiry.

Vault deletes a series that is not updated for ``prometheus_retention_time``, and restarts it at zero with the next
event. Prometheus then sees a gap and a 1 after a 1, which is no increase. This module keeps the last value of an
expired series. The value is published while the series is missing, and added when the series returns.
"""

import math
from collections.abc import Callable
from typing import Final

from vault_exporter.scrape.telemetry.grammar import number

__all__ = ["INFINITY", "Track", "goes_on"]

INFINITY: Final = math.inf


def goes_on(last: tuple[float, ...], new: tuple[float, ...]) -> bool:
    """Return whether a series has clearly not restarted between two readings. False for histograms."""
    if len(new) == 1:
        return last[0] <= new[0] < INFINITY
    if len(new) == 2:  # noqa: PLR2004 - a sum and a count
        return (last[1] < new[1] and last[0] <= new[0] < INFINITY and new[1].is_integer()) or new == last
    return False


class Track:
    """The continuity of one counter, or of one summary's or histogram's sum, count and buckets together.

    Values are in the order of ``keys``: buckets, sum, count. The published value is ``offset`` + the raw value.
    """

    __slots__ = ("held", "keys", "last", "offset")

    def __init__(self, keys: tuple[bytes, ...], last: tuple[float, ...] | None = None) -> None:
        self.keys = keys
        self.last = last or (0.0,) * len(keys)
        """The last raw values; zeros while the series is missing."""
        self.held = b""
        """The lines of a missing series, each after a line end."""
        self.offset: tuple[float, ...] | None = None
        """Sum of the values before each restart; None before the first, so that the text is passed on unchanged."""

    def went_on(self, new: tuple[float, ...]) -> bool:
        """Update the raw values if the series has clearly not restarted; return whether it has not."""
        steady = goes_on(self.last, new)
        if steady:
            self.last = new
        return steady

    def take(self, new: tuple[float, ...]) -> None:
        """Update the raw values after a possible restart of the series.

        Invalid values of a counter (not finite, negative, a fractional count) are ignored.
        """
        if not self._is_plausible(new):
            return
        if self._has_restarted(new):
            self.fold()
        self.last = new

    def fold(self) -> None:
        """Handle a restart: add the last values to the offset."""
        self.offset = self._plus(self.last)
        self.last = (0.0,) * len(self.last)

    def published(self, raw: tuple[float, ...]) -> list[bytes]:
        """Return the published values for raw values."""
        return [number(value) for value in self._plus(raw)]

    def leave(self, publish: Callable[[bytes], bytes]) -> None:
        """Mark the series as missing; ``publish`` converts its lines to their published names."""
        self.fold()
        values = self.published(self.last)
        lines = (b"%b %b" % line for line in zip(self.keys, values, strict=True))
        self.held = b"\n" + publish(b"\n".join(lines))

    def _plus(self, raw: tuple[float, ...]) -> tuple[float, ...]:
        if self.offset is None:
            return raw
        return tuple(before + value for before, value in zip(self.offset, raw, strict=True))

    def _is_plausible(self, new: tuple[float, ...]) -> bool:
        if not all(map(math.isfinite, new)):
            return False
        if len(new) == 1:
            return new[0] >= 0
        *buckets, _, count = new  # a sum may be negative if observations can be
        return count >= 0 and count.is_integer() and all(bucket >= 0 for bucket in buckets)

    def _has_restarted(self, new: tuple[float, ...]) -> bool:
        if len(new) == 1:
            return new[0] < self.last[0]
        *buckets, total, count = new
        *buckets_before, total_before, count_before = self.last
        return (
            count < count_before
            or (count == count_before and total != total_before)
            or 0 <= total < total_before
            or any(now < before for now, before in zip(buckets, buckets_before, strict=True))
        )
