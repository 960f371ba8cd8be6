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
        live = family.live
        for identity in shape.halves:
            self.tracked -= live.pop(identity, None) is not None
            self._forget_away(family, identity)
        staying = {group.identity for group in shape.groups}
        for identity in [identity for identity in live if identity not in staying]:
            self._leave(family, identity, live.pop(identity))
        for group in shape.groups if family.away else ():  # returned series free their places before new ones need one
            track = family.away.pop(group.identity, None)
            if track is not None:
                live[group.identity] = track
                self._drop_away(track)
        family.shape = shape
        family.tracks = tuple([live.get(group.identity) for group in shape.groups])

    def follow(self, kind: bytes, group: Group, track: Track | None) -> Track | None:
        """Return the continuity of a series, and start it if needed; None above the limit."""
        if track is None:
            if not self._has_room():
                return None
            track = Track(group.keys)
            self.tracked += 1
        elif track.keys != group.keys:
            if kind == b"histogram":
                return Track(group.keys)  # different buckets: a different histogram
            track.keys = group.keys  # the order of the labels changed
        return track

    def leave_all(self, family: NativeFamily) -> None:
        """Hold the series of a family that is missing from the page."""
        for identity, track in family.live.items():
            self._leave(family, identity, track)
        family.tracks = ()

    def hand_over(self, old: NativeFamily, new: NativeFamily) -> None:
        """Move the series of a family whose help text changed to its new object."""
        new.succeed(old)
        for identity, track in new.away.items():
            self._away[track] = (new, identity)
            self._holders[new] = None
        self._holders.pop(old, None)

    def forget(self, family: NativeFamily) -> None:
        """Drop all series of a family."""
        if live := family.live:
            self.tracked -= len(live)
            family.tracks = ()
        for identity in tuple(family.away):
            self._forget_away(family, identity)

    def held(self) -> Iterator[tuple[NativeFamily, bytes]]:
        """Return the families with missing series, and the lines that are held for them."""
        for family in [family for family in self._holders if not family.away]:
            del self._holders[family]
        for family in self._holders:
            yield family, b"".join(track.held for track in family.away.values())

    def _has_room(self) -> bool:
        if self.tracked >= self._max_tracked and self._away:
            self._forget_away(*next(iter(self._away.values())))
        return self.tracked < self._max_tracked

    def _leave(self, family: NativeFamily, identity: Identity, track: Track) -> None:
        track.leave(family.publish)
        family.put_away(identity, track)
        self._away[track] = (family, identity)
        self._holders[family] = None
        self._away_bytes += len(track.held)
        while self._away_bytes > _MOST_HELD_BYTES:
            self._forget_away(*next(iter(self._away.values())))

    def _drop_away(self, track: Track) -> None:
        del self._away[track]
        self._away_bytes -= len(track.held)

    def _forget_away(self, family: NativeFamily, identity: Identity) -> None:
        track = family.away.pop(identity, None)
        if track is not None:
            self._drop_away(track)
            self.tracked -= 1
