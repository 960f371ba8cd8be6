"""The series of one target's telemetry whose values must go on, and their bounds."""

from collections.abc import Iterator
from typing import Final

from vault_exporter.scrape.telemetry.continuity import Track
from vault_exporter.scrape.telemetry.family import NativeFamily
from vault_exporter.scrape.telemetry.shape import Group, Identity, Shape

__all__ = ["SeriesTracker"]

_MOST_HELD_BYTES: Final = 8 << 20
"""Limit of the held lines of missing series in bytes, about ten thousand lines. They are on every page."""


class SeriesTracker:
    """Tracks counters and summaries over expiry. At the limits, the longest missing series is dropped first.

    A family knows its own series, present (``live``) and missing (``away``). The tracker moves them between the two.
    """

    tracked: int
    """Tracked series, present and missing."""

    def __init__(self, max_tracked: int) -> None:
        """Create a tracker without series.

        Args:
            max_tracked: limit of tracked series.
        """
        self._max_tracked = max_tracked
        self._away: dict[Track, tuple[NativeFamily, Identity]] = {}
        """Missing series, the longest missing first."""
        self._away_bytes = 0
        self._holders: dict[NativeFamily, None] = {}
        """Families that have missing series, or had some at the last page."""
        self.tracked = 0

    def update(self, family: NativeFamily, shape: Shape) -> None:
        """Find out which of a family's series are missing from its new shape, and which have returned."""
        for identity in shape.halves:
            self._forget_one(family, identity)
        staying = {group.identity for group in shape.groups}
        for identity in [identity for identity in family.live if identity not in staying]:
            self._leave(family, identity)
        for group in shape.groups if family.away else ():  # returned series free their places before new ones need one
            track = family.away.pop(group.identity, None)
            if track is not None:
                family.live[group.identity] = track
                self._drop_away(track)

    def follow(self, family: NativeFamily, group: Group) -> Track | None:
        """Return the continuity of a series, and start it if needed; None above the limit."""
        track = family.live.get(group.identity)
        if track is None:
            if not self._has_room():
                return None
            track = Track(group.keys)
            self.tracked += 1
        elif track.keys != group.keys:
            if family.kind == b"histogram":
                track = Track(group.keys)  # different buckets: a different histogram
            else:
                track.keys = group.keys  # the order of the labels changed
        family.live[group.identity] = track
        return track

    def leave_all(self, family: NativeFamily) -> None:
        """Hold the series of a family that is missing from the page."""
        for identity in tuple(family.live):
            self._leave(family, identity)

    def hand_over(self, old: NativeFamily, new: NativeFamily) -> None:
        """Move the series of a family whose help text changed to its new object."""
        new.live, new.away = old.live, old.away
        for identity, track in new.away.items():
            self._away[track] = (new, identity)
            self._holders[new] = None
        self._holders.pop(old, None)

    def forget(self, family: NativeFamily) -> None:
        """Drop all series of a family."""
        for identity in (*family.live, *family.away):
            self._forget_one(family, identity)

    def held(self) -> Iterator[tuple[NativeFamily, bytes]]:
        """Return the families with missing series, and the lines that are held for them."""
        for family in [family for family in self._holders if not family.away]:
            del self._holders[family]
        for family in self._holders:
            yield family, b"".join(track.held for track in family.away.values())

    def _has_room(self) -> bool:
        if self.tracked >= self._max_tracked and self._away:
            self._forget_one(*next(iter(self._away.values())))
        return self.tracked < self._max_tracked

    def _leave(self, family: NativeFamily, identity: Identity) -> None:
        track = family.live.pop(identity)
        track.leave(family.publish)
        family.away[identity] = track
        self._away[track] = (family, identity)
        self._holders[family] = None
        self._away_bytes += len(track.held)
        while self._away_bytes > _MOST_HELD_BYTES:
            self._forget_one(*next(iter(self._away.values())))

    def _drop_away(self, track: Track) -> None:
        del self._away[track]
        self._away_bytes -= len(track.held)

    def _forget_one(self, family: NativeFamily, identity: Identity) -> None:
        away = family.away.pop(identity, None)
        if away is not None:
            self._drop_away(away)
        if family.live.pop(identity, None) or away:
            self.tracked -= 1
