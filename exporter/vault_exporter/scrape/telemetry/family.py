"""One family of a target's telemetry, with its state between scrapes."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal
from weakref import WeakValueDictionary

from vault_exporter.scrape.telemetry.continuity import INFINITY, Track
from vault_exporter.scrape.telemetry.grammar import GROWING, split_at_values
from vault_exporter.scrape.telemetry.naming import PREFIX, PROCESS, USUAL, Naming
from vault_exporter.scrape.telemetry.page import Head, claims, openmetrics_claims
from vault_exporter.scrape.telemetry.shape import Group, Identity, Shape

__all__ = ["NativeFamily", "Verdict", "family_of"]

Verdict = Literal["", "filtered", "replaced", "invalid"]
"""Why a family is dropped; empty if it is passed on."""

# After an unseal Vault keeps the series with {cluster=""}, from before it knew the name, beside the series with a name.
_DUPLICATED: Final = frozenset({b"vault_core_active", b"vault_core_unsealed"})
_NO_SHAPE: Final = Shape([], (), (), frozenset())
_NONE_AWAY: Final[dict[Identity, Track]] = {}
"""Shared by all families without a missing series; nothing is put into it."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class _Title:
    """The first two lines of a family's block, shared by the pages of many targets."""

    name: bytes
    kind: bytes
    text: bytes
    """The lines."""
    canonical: bytes
    """The name with Vault's usual prefix."""
    duplicated: bool
    """Whether Vault may keep a stale series of it, from before an unseal."""
    grows: bool
    """Whether its series expire and restart, which is true for Vault's own telemetry.

    Metrics of the process and runtime (``go_``, ``process_``, ``python_``) never expire.
    """
    head: Head
    claims: frozenset[bytes]
    openmetrics_claims: frozenset[bytes]


_titles: Final[WeakValueDictionary[tuple[bytes, Naming, bool], _Title]] = WeakValueDictionary()
"""Titles that a target uses at present, by text and naming."""


class NativeFamily:
    """A family, its last series, and the continuity of its counters.

    A scrape calls ``reshape`` if the series changed, and ``advance`` if the values changed.

    A target has hundreds of them, which are most of its memory. So what the title and the shape say, which targets
    share, is not kept here again, and series are kept in the order of the shape instead of in a mapping.
    """

    __slots__ = (
        "away",
        "body",
        "continued",
        "doubtful",
        "head",
        "head_length",
        "plain",
        "raw",
        "renamed",
        "shape",
        "single",
        "sole",
        "title",
        "tracks",
        "unsure",
        "verdict",
    )

    def __init__(self, title: _Title) -> None:
        self.title = title
        self.head_length = len(title.text)
        self.renamed = title.name != title.head.name
        self.head = title.head
        self.verdict: Verdict = ""
        self.away: dict[Identity, Track] = _NONE_AWAY
        """The missing series that are held."""
        self.forget_shape()

    def forget_shape(self) -> None:
        """Process the family from scratch in the next scrape."""
        self.raw = b""
        """Its samples on the last page."""
        self.body = b""
        """Its published samples, without held ones."""
        self.shape = _NO_SHAPE
        self.tracks: tuple[Track | None, ...] = ()
        """The continuity of each group of the shape; None if it is not tracked, and empty if none is."""
        self.continued = 0
        self.doubtful = self.unsure = False
        self.sole: Track | None = None
        """The only counter or summary, if there is exactly one."""
        self.single: bytes | None = None
        """The only series, if there is exactly one."""
        self.plain = False
        """Whether its samples are passed on unchanged for all values."""

    @property
    def name(self) -> bytes:
        """The name on the target's page."""
        return self.title.name

    @property
    def kind(self) -> bytes:
        """The type."""
        return self.title.kind

    @property
    def samples(self) -> int:
        """Number of published samples, without held ones."""
        return max(0, len(self.shape.keys) - 1 - len(self.shape.stale))

    @property
    def live(self) -> dict[Identity, Track]:
        """The tracked series on the last page."""
        groups = zip(self.shape.groups, self.tracks, strict=False)  # no tracks at all where none is tracked
        return {group.identity: track for group, track in groups if track is not None}

    def put_away(self, identity: Identity, track: Track) -> None:
        """Keep a missing series."""
        if self.away is _NONE_AWAY:
            self.away = {}
        self.away[identity] = track

    @property
    def grows(self) -> bool:
        """Whether it is passed on, and its series expire and restart."""
        return self.title.grows and not self.verdict

    def publish(self, lines: bytes) -> bytes:
        """Return lines with the family's published name, without the leading line end."""
        if not self.renamed:
            return lines
        return self.head.name + lines[len(self.name) :].replace(b"\n" + self.name, b"\n" + self.head.name)

    def fit_openmetrics(self, fits: bool) -> None:  # noqa: FBT001 - it is all this says
        """Set whether no other family claims one of its names in OpenMetrics."""
        fits = fits or self.title.openmetrics_claims == {self.head.name}  # as type unknown it would claim the same name
        if fits != self.head.fits_openmetrics:
            self.head = replace(self.head, fits_openmetrics=fits)

    def reshape(self, follow: Callable[[bytes, Group, Track | None], Track | None]) -> None:
        """Adapt to the new shape; ``follow`` returns the continuity of a series, from the one so far, if any."""
        shape, kind = self.shape, self.kind
        self.single = shape.keys[0] if len(shape.keys) == 2 else None  # noqa: PLR2004 - it, and what follows its value
        tracks = [follow(kind, *one) for one in zip(shape.groups, self.tracks, strict=True)] if self.grows else []
        followed = len(tracks) - tracks.count(None)
        self.tracks = tuple(tracks) if followed else ()
        are_all_followed = kind != b"histogram" and not shape.halves and followed == len(shape.groups)
        self.unsure = kind in GROWING and not (self.grows and are_all_followed)
        self.plain = not (self.renamed or self.unsure or followed or shape.stale)
        sole = followed == 1 and not (self.unsure or shape.stale or (kind == b"counter" and not self.single))
        self.sole = self.tracks[0] if sole else None

    def advance(self, raw: bytes, parts: list[bytes] | None) -> None:
        """Update the samples, given as a whole and (unless there is only one) split at their values.

        The method may modify the parts.
        """
        self.raw = raw
        if self.plain or (self.sole is not None and self._just_grew(raw, parts, self.sole)):
            self.body = self.publish(raw)
            self.continued, self.doubtful = 0, False
        else:
            self._advance_closely(raw, parts if parts is not None else split_at_values(raw))

    def _just_grew(self, raw: bytes, parts: list[bytes] | None, track: Track) -> bool:
        """Handle the usual case: one counter or summary, without a restart so far, that continued."""
        if track.offset is not None:
            return False
        places = self.shape.groups[0].places
        if parts is None or len(places) == 1:
            value = float(raw[len(self.shape.keys[0]) :])
            if not track.last[0] <= value < INFINITY:
                return False
            track.last = (value,)
            return True
        before, count_before = track.last
        total, count = float(parts[places[0]]), float(parts[places[1]])
        if not (count_before < count and before <= total < INFINITY and count.is_integer()) or b" -" in raw:
            return False
        track.last = (total, count)
        return True

    def _advance_closely(self, raw: bytes, parts: list[bytes]) -> None:
        self.continued = 0
        doubtful = self.unsure
        for track, (_, _, places) in zip(self.tracks, self.shape.groups, strict=False):  # as in ``live``
            if track is None:
                continue
            new = tuple([float(parts[place]) for place in places])
            if not track.went_on(new):
                track.take(new)
                doubtful = True
            if track.offset is not None:
                for place, value in zip(places, track.published(new), strict=True):
                    parts[place] = b" " + value
                self.continued += len(places)
        body = b"".join(parts) if self.continued else raw
        if self.shape.stale:
            body = b"\n".join(line for at, line in enumerate(body.split(b"\n")) if at not in self.shape.stale)
        self.body = body = self.publish(body)
        # Growing values are valid for their type. A quantile may be negative, and untracked values may be invalid.
        if self.kind == b"counter":
            doubtful = doubtful and (b" -" in body or b" NaN" in body)
        elif self.kind == b"summary":
            doubtful = doubtful or b" -" in body
        self.doubtful = doubtful


def family_of(match: re.Match[bytes], naming: Naming = USUAL, *, keep_prefix: bool = False) -> NativeFamily:
    """Build the family of a block.

    Args:
        match: match of :data:`.grammar.HEAD` with the block's first two lines.
        naming: the prefixes of the target's metric names.
        keep_prefix: publish the family under the target's own name.
    """
    key = (match[0], naming, keep_prefix)
    title = _titles.get(key)
    if title is None:
        title = _titles[key] = _title(match, naming, keep_prefix=keep_prefix)
    return NativeFamily(title)


def _title(match: re.Match[bytes], naming: Naming, *, keep_prefix: bool) -> _Title:
    name, kind, help_text = match["name"], match["kind"], match["help"].strip()
    canonical = naming.canonical(name, kind)
    of_process = canonical == name and name.startswith(PROCESS)  # a metrics_prefix may begin with one of these words
    canonical = PREFIX + name if of_process else canonical
    published = name if keep_prefix and not of_process else canonical
    head = Head(published, kind, published if help_text == name else help_text)
    return _Title(
        name=name,
        kind=kind,
        text=match[0],
        canonical=canonical,
        duplicated=canonical in _DUPLICATED,
        grows=kind in GROWING and not of_process,
        head=head,
        claims=claims(published, kind),
        openmetrics_claims=openmetrics_claims(published, kind),
    )
