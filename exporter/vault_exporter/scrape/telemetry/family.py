"""One family of a target's telemetry, with its state between scrapes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal
from weakref import WeakValueDictionary

from vault_exporter.scrape.telemetry.continuity import INFINITY, Track, goes_on
from vault_exporter.scrape.telemetry.grammar import GROWING, match_usual_summary, match_value, split_at_values
from vault_exporter.scrape.telemetry.naming import PREFIX, PROCESS, USUAL, Naming
from vault_exporter.scrape.telemetry.page import Head, claims, openmetrics_claims
from vault_exporter.scrape.telemetry.shape import Group, Identity, Shape

__all__ = ["NativeFamily", "Reading", "Verdict", "family_of"]

Verdict = Literal["", "filtered", "replaced", "invalid"]
"""Why a family is dropped; empty if it is passed on."""

Reading = tuple[float | None, float]
"""The total and the count of a family's only counter or summary, as :class:`NativeFamily` has them."""
_NO_VALUES: Final[Reading] = (None, 0.0)

# After an unseal Vault keeps the series with {cluster=""}, from before it knew the name, beside the series with a name.
_DUPLICATED: Final = frozenset({b"vault_core_active", b"vault_core_unsealed"})
_MINUS, _N, _LINE_END = b"-N\n"
"""A single byte, as an integer, is found ten times faster than the text that begins with it."""
_NO_SHAPE: Final = Shape([], None, False, 0, (), (), frozenset())
_NONE_AWAY: Final[dict[Identity, Track]] = {}
"""Shared by all families without a missing series, so it is never changed."""


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class _Title:
    """The first two lines of a family's block, shared by the pages of many targets."""

    name: bytes
    kind: bytes
    text: bytes
    """The lines."""
    length: int
    """Of the lines."""
    canonical: bytes
    """The name with Vault's usual prefix."""
    duplicated: bool
    """Whether Vault may keep a stale series of it, from before an unseal."""
    grows: bool
    """Whether its series expire and restart, which is true for Vault's own telemetry.

    Metrics of the process and runtime (``go_``, ``process_``, ``python_``) never expire.
    """
    renamed: bool
    """Whether it is published under another name."""
    head: Head
    claims: frozenset[bytes]
    openmetrics_claims: frozenset[bytes]


_titles: Final[WeakValueDictionary[tuple[bytes, Naming, bool], _Title]] = WeakValueDictionary()
"""Titles that a target uses at present, by text and naming."""


@dataclass(frozen=True, slots=True)
class _Mode:
    """How a family is handled. There are a few dozen at most, which all families share."""

    verdict: Verdict
    clashes: bool
    """Whether another family claims one of its names in OpenMetrics."""
    plain: bool = False
    """Whether no series of it is tracked or stale, so that its samples are passed on for all values."""
    unsure: bool = False
    """Whether its values may be invalid for its type."""
    steady: bool = False
    """Whether all its series are tracked, and may be by their last lines alone."""
    sole: bool = False
    """Whether it is steady and consists of one counter or summary."""


_mode: Final = cache(_Mode)
"""Returns the one mode with these fields, which are given by position."""


class _Beyond:
    """What a family keeps beyond its last lines, for the few that need more."""

    __slots__ = ("away", "continued", "doubtful", "tracks")

    def __init__(self) -> None:
        self.tracks: tuple[Track | None, ...] | None = None
        """The continuity of each group of the shape, None if it is not tracked; None if the lines say it."""
        self.away: dict[Identity, Track] = _NONE_AWAY
        """The missing series that are held."""
        self.continued = 0
        self.doubtful = False


class NativeFamily:
    """A family, its last series, and the continuity of its counters.

    A scrape calls ``reshape`` if the series changed. If only values changed, it calls ``read_whole`` or ``read``, and
    then ``pass_on``, or else ``advance``.

    A target has hundreds of them, which are most of its memory. So what the title, the shape and the mode say, which
    targets share, is not kept here again. While all series of a family go on, their last values are read from its
    last lines; there are tracks only from the first restart on, if a series is missing, or if not all are tracked.
    """

    __slots__ = ("beyond", "body", "count", "mode", "raw", "shape", "title", "total")

    def __init__(self, title: _Title) -> None:
        self.title = title
        self.mode = _mode("", False)
        self.beyond: _Beyond | None = None
        self.forget_shape()

    def forget_shape(self) -> None:
        """Process the family from scratch in the next scrape."""
        self.tracks = ()
        if self.beyond is not None:
            self._note(self.beyond.tracks, continued=0, doubtful=False)
        self.mode = _mode(self.mode.verdict, self.mode.clashes)
        self.raw = b""
        """Its samples on the last page."""
        self.body = b""
        """Its published samples, without held ones."""
        self.total: float | None = None
        """In the last lines, the value of the only counter or the sum of the only summary, which take long to read.

        None if there is none, or it has not been read.
        """
        self.count = 0.0
        """The count of the only summary."""
        self.shape = _NO_SHAPE

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
    def tracks(self) -> tuple[Track | None, ...]:
        """The continuity of each group of the shape; None if it is not tracked, and empty if none is."""
        if self.beyond is not None and self.beyond.tracks is not None:
            return self.beyond.tracks
        return self._read_tracks() if self.mode.steady else ()

    @tracks.setter
    def tracks(self, tracks: tuple[Track | None, ...]) -> None:
        mode = self.mode
        if mode.steady:
            self.mode = _mode(mode.verdict, mode.clashes, mode.plain, mode.unsure)
        if tracks:
            self._more().tracks = tracks
        elif self.beyond is not None:
            self.beyond.tracks = None

    @property
    def live(self) -> dict[Identity, Track]:
        """The tracked series on the last page."""
        groups = zip(self.shape.groups, self.tracks, strict=False)  # no tracks at all where none is tracked
        return {group.identity: track for group, track in groups if track is not None}

    @property
    def away(self) -> dict[Identity, Track]:
        """The missing series that are held."""
        return self.beyond.away if self.beyond is not None else _NONE_AWAY

    def put_away(self, identity: Identity, track: Track) -> None:
        """Keep a missing series."""
        beyond = self._more()
        if beyond.away is _NONE_AWAY:
            beyond.away = {}
        beyond.away[identity] = track

    def succeed(self, old: "NativeFamily") -> None:
        """Take over the series of a family whose help text changed."""
        self.total = None
        self.shape, self.tracks = old.shape, old.tracks
        if old.away:
            self._more().away = old.away

    @property
    def verdict(self) -> Verdict:
        """Why it is dropped; empty if it is passed on."""
        return self.mode.verdict

    @verdict.setter
    def verdict(self, verdict: Verdict) -> None:
        mode = self.mode
        self.mode = _mode(verdict, mode.clashes, mode.plain, mode.unsure, mode.steady, mode.sole)

    @property
    def grows(self) -> bool:
        """Whether it is passed on, and its series expire and restart."""
        return self.title.grows and not self.verdict

    def publish(self, lines: bytes) -> bytes:
        """Return lines with the family's published name, without the leading line end."""
        title = self.title
        if not title.renamed:
            return lines
        published = title.head.name + lines[len(title.name) :]
        if _LINE_END not in lines:
            return published
        return published.replace(b"\n" + title.name, b"\n" + title.head.name)

    def fit_openmetrics(self, fits: bool) -> None:  # noqa: FBT001 - it is all this says
        """Set whether no other family claims one of its names in OpenMetrics."""
        # With the type unknown it would claim the same name in OpenMetrics.
        clashes = not fits and self.title.openmetrics_claims != {self.title.head.name}
        mode = self.mode
        if clashes != mode.clashes:
            self.mode = _mode(mode.verdict, clashes, mode.plain, mode.unsure, mode.steady, mode.sole)

    def reshape(self, follow: Callable[[bytes, Group, Track | None], Track | None]) -> None:
        """Adapt to the new shape; ``follow`` returns the continuity of a series, from the one so far, if any."""
        shape, kind = self.shape, self.kind
        tracks = [follow(kind, *one) for one in zip(shape.groups, self.tracks, strict=True)] if self.grows else []
        followed = len(tracks) - tracks.count(None)
        self.tracks = tuple(tracks) if followed else ()
        are_all_followed = kind != b"histogram" and not shape.halves and followed == len(shape.groups)
        unsure = kind in GROWING and not (self.grows and are_all_followed)
        steady = bool(followed) and not unsure
        sole = steady and followed == 1 and not shape.stale and (kind != b"counter" or shape.single is not None)
        plain = not (followed or shape.stale)
        self.mode = _mode(self.mode.verdict, self.mode.clashes, plain, unsure, steady, sole)

    def read(self, raw: bytes, parts: list[bytes]) -> Reading | None:
        """Return what ``pass_on`` keeps of new samples; None if they are not passed on as they are, but ``advance``.

        Changes nothing. The samples are given as a whole and split at their values, and their series are as before.
        """
        return self._read(raw, parts[1 if self.shape.single is not None else -4], parts[-2])

    def read_whole(self, raw: bytes) -> Reading | None:
        """Read new samples as :meth:`read` does, without splitting them; None if that needs a closer look.

        Most families have one series, or are a summary with the usual ones.
        """
        shape = self.shape
        if shape.single is not None:
            value = raw.removeprefix(shape.single)
            return self._read(raw, value, value) if match_value(value) else None
        if shape.is_usual_summary and (match := match_usual_summary(raw)) is not None:
            name, total, count = match.groups()
            return self._read(raw, total, count) if name == self.title.name else None
        return None

    def _read(self, raw: bytes, last_but_one: bytes, last: bytes) -> Reading | None:
        """Read the last two values, or the only one, in the usual cases.

        These are: no series is tracked, or the only counter or summary went on, and has not restarted so far.
        """
        mode = self.mode
        if mode.plain:
            return None if mode.unsure and self._may_be_invalid(raw, doubtful=True) else _NO_VALUES
        if not mode.sole or (self.beyond is not None and self.beyond.tracks is not None):
            return None
        shape, total_before, count_before = self.shape, self.total, self.count
        if shape.single is not None:
            value = float(last)
            if total_before is None:
                total_before = float(self.raw[len(shape.single) :])
            return (value, 0.0) if total_before <= value < INFINITY else None
        if not shape.between or _has_negative(raw):
            return None
        if total_before is None:
            _, before, text = self.raw.rsplit(b" ", 2)
            total_before, count_before = float(before[: -shape.between]), float(text)
        total, count = float(last_but_one), float(last)
        if count_before < count and total_before <= total < INFINITY and count.is_integer():
            return total, count
        return (total, count) if count == count_before and total == total_before else None

    def pass_on(self, raw: bytes, reading: Reading) -> None:
        """Update the samples, which are passed on as they are, with what :meth:`read` returned for them."""
        self.raw = raw
        self.body = self.publish(raw) if self.title.renamed else raw
        self.total, self.count = reading
        if self.beyond is not None:
            self._note(self.beyond.tracks, continued=0, doubtful=False)

    def advance(self, raw: bytes, parts: list[bytes]) -> None:
        """Update the samples, given as a whole and split at their values. The method may modify the parts."""
        reading = self.read(raw, parts)
        if reading is not None:
            self.pass_on(raw, reading)
        else:
            self._advance_closely(raw, parts)

    def _advance_closely(self, raw: bytes, parts: list[bytes]) -> None:
        continued, doubtful = 0, self.mode.unsure
        tracks = self.beyond.tracks if self.beyond is not None else None
        if tracks is None and self.mode.steady and not self._go_on(parts):
            tracks = self._read_tracks()
        steady = self.mode.steady
        for track, (_, _, places) in zip(tracks or (), self.shape.groups, strict=False):  # as in ``live``
            if track is None:
                continue
            new = _values(parts, places)
            if not track.went_on(new):
                track.take(new)
                doubtful = True
            if track.offset is not None or track.last != new:
                steady = False
            if track.offset is not None:
                for place, value in zip(places, track.published(new), strict=True):
                    parts[place] = b" " + value
                continued += len(places)
        body = b"".join(parts) if continued else raw
        if self.shape.stale:
            body = b"\n".join(line for at, line in enumerate(body.split(b"\n")) if at not in self.shape.stale)
        self.raw, self.body, self.total = raw, self.publish(body), None
        doubtful = self._may_be_invalid(body, doubtful=doubtful)
        self._note(None if steady else tracks, continued=continued, doubtful=doubtful)

    def _may_be_invalid(self, body: bytes, *, doubtful: bool) -> bool:
        """Return whether the samples may be invalid for the type, given whether a value may not have grown."""
        # Growing values are valid. A quantile may be negative, and untracked values may be invalid.
        if self.kind == b"counter":
            return doubtful and (_has_negative(body) or (_N in body and b" NaN" in body))
        return doubtful or (self.kind == b"summary" and _has_negative(body))

    def _go_on(self, parts: list[bytes]) -> bool:
        """Return whether all series have clearly not restarted since the last lines."""
        before = split_at_values(self.raw)
        return all(goes_on(_values(before, places), _values(parts, places)) for _, _, places in self.shape.groups)

    def _read_tracks(self) -> tuple[Track, ...]:
        """Read the continuity from the last lines."""
        parts = split_at_values(self.raw)
        return tuple([Track(keys, _values(parts, places)) for _, keys, places in self.shape.groups])

    def _note(self, tracks: tuple[Track | None, ...] | None, *, continued: int, doubtful: bool) -> None:
        """Keep what the lines do not say, if there is anything."""
        if tracks or continued or doubtful or self.away:
            beyond = self._more()
            beyond.tracks, beyond.continued, beyond.doubtful = tracks, continued, doubtful
        else:
            self.beyond = None

    def _more(self) -> _Beyond:
        if self.beyond is None:
            self.beyond = _Beyond()
        return self.beyond


def _has_negative(lines: bytes) -> bool:
    return _MINUS in lines and b" -" in lines


def _values(parts: list[bytes], places: tuple[int, ...]) -> tuple[float, ...]:
    return tuple([float(parts[place]) for place in places])


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
        length=len(match[0]),
        canonical=canonical,
        duplicated=canonical in _DUPLICATED,
        grows=kind in GROWING and not of_process,
        renamed=name != published,
        head=head,
        claims=claims(published, kind),
        openmetrics_claims=openmetrics_claims(published, kind),
    )
