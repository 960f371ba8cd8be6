"""One family of a target's telemetry, with what is kept of it between scrapes."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal
from weakref import WeakValueDictionary

from vault_exporter.scrape.telemetry.continuity import INFINITY, Track
from vault_exporter.scrape.telemetry.grammar import split_at_values
from vault_exporter.scrape.telemetry.naming import PREFIX, USUAL, Naming
from vault_exporter.scrape.telemetry.page import Head, claims, openmetrics_claims
from vault_exporter.scrape.telemetry.shape import Group, Identity, Shape

__all__ = ["Family", "Verdict", "family_of"]

Verdict = Literal["", "filtered", "replaced", "invalid"]
"""Why a family is left out; empty if it is passed on."""

# The server's own process, not Vault's telemetry: as they are, they would be taken for the exporter's.
_PROCESS: Final = (b"go_", b"process_", b"promhttp_", b"python_")
# After an unseal Vault keeps {cluster=""}, set before it knew its cluster's name, beside the series with the name.
_DUPLICATED: Final = frozenset({b"vault_core_active", b"vault_core_unsealed"})
_NO_SHAPE: Final = Shape([], (), (), frozenset())
_GROWING: Final = frozenset({b"counter", b"summary", b"histogram"})


@dataclass(frozen=True, slots=True, weakref_slot=True)
class _Title:
    """What the first two lines of a family's block say, which is the same in the pages of many targets."""

    name: bytes
    kind: bytes
    text: bytes
    """The lines."""
    canonical: bytes
    """The name that Vault's telemetry has with its usual prefix."""
    grows: bool
    """Its series expire and restart: it comes from Vault's telemetry.

    What a server says of its process and runtime (``go_``, ``process_``, ``python_``) never expires.
    """
    head: Head
    claims: frozenset[bytes]
    openmetrics_claims: frozenset[bytes]


_titles: Final[WeakValueDictionary[tuple[bytes, Naming, bool], _Title]] = WeakValueDictionary()
"""Those that some target has at the moment, by their text and by how its families are named."""


class Family:
    """A family, its series as last seen, and the continuity of those that only grow.

    ``reshape`` and ``advance`` are called for a scrape in which its series or values are not those of the last one.
    """

    __slots__ = (
        "away",
        "body",
        "canonical",
        "claims",
        "continued",
        "doubtful",
        "duplicated",
        "head",
        "head_length",
        "head_text",
        "kind",
        "live",
        "name",
        "openmetrics_claims",
        "plain",
        "raw",
        "renamed",
        "routes",
        "samples",
        "shape",
        "single",
        "sole",
        "title",
        "unsure",
        "verdict",
    )

    def __init__(self, title: _Title) -> None:
        self.title = title
        self.name = title.name
        self.kind = title.kind
        self.head_text = title.text
        """The block's first two lines."""
        self.head_length = len(title.text)
        self.canonical = title.canonical
        self.duplicated = title.canonical in _DUPLICATED
        self.renamed = title.name != title.head.name
        self.head = title.head
        self.claims = title.claims
        self.openmetrics_claims = title.openmetrics_claims
        self.verdict: Verdict = ""
        self.live: dict[Identity, Track] = {}
        self.away: dict[Identity, Track] = {}
        self.forget_shape()

    def forget_shape(self) -> None:
        """Look at the family anew in the next scrape."""
        self.raw = b""
        """Its samples as they were in the last page."""
        self.body = b""
        """Its samples as they are passed on, without the held ones."""
        self.shape = _NO_SHAPE
        self.routes: tuple[tuple[Track, tuple[int, ...]], ...] = ()
        self.samples = self.continued = 0
        self.doubtful = self.unsure = False
        self.sole: tuple[Track, tuple[int, ...]] | None = None
        """The only counter or summary, if there is one."""
        self.single: bytes | None = None
        """The only series, if there is one."""
        self.plain = False
        """Its samples are passed on as they are, whatever their values."""

    @property
    def grows(self) -> bool:
        """Its series expire and restart, and it is passed on."""
        return self.title.grows and not self.verdict

    def publish(self, lines: bytes) -> bytes:
        """Return lines (the first without the line end before it) with the family's published name."""
        if not self.renamed:
            return lines
        return self.head.name + lines[len(self.name) :].replace(b"\n" + self.name, b"\n" + self.head.name)

    def fit_openmetrics(self, fits: bool) -> None:  # noqa: FBT001 - it is all this says
        """Say whether no other family claims a name that this one claims in OpenMetrics."""
        fits = fits or self.openmetrics_claims == {self.head.name}  # shown as unknown it would claim no less
        if fits != self.head.fits_openmetrics:
            self.head = replace(self.head, fits_openmetrics=fits)

    def reshape(self, shape: Shape, track: Callable[["Family", Group], Track | None]) -> None:
        """Take in which series there are now; ``track`` gives the continuity of one, if it is kept."""
        self.shape = shape
        self.samples = len(shape.keys) - 1 - len(shape.stale)
        self.single = shape.keys[0] if len(shape.keys) == 2 else None  # noqa: PLR2004 - it, and what follows its value
        routes = []
        if self.grows:
            for group in shape.groups:
                known = track(self, group)
                if known is not None:
                    routes.append((known, group.places))
        self.routes = tuple(routes)
        followed = self.kind != b"histogram" and not shape.halves and len(routes) == len(shape.groups)
        self.unsure = self.kind in _GROWING and not (self.grows and followed)
        self.plain = not (self.renamed or self.unsure or self.routes or shape.stale)
        sole = len(routes) == 1 and not (self.unsure or shape.stale or (self.kind == b"counter" and not self.single))
        self.sole = self.routes[0] if sole else None

    def advance(self, raw: bytes, parts: list[bytes] | None) -> None:
        """Take in the samples of a page, given whole and (unless there is one only) split at their values.

        The parts may be rewritten.
        """
        self.raw = raw
        if self.plain or (self.sole is not None and self._just_grew(raw, parts, *self.sole)):
            self.body = self.publish(raw)
            self.continued, self.doubtful = 0, False
        else:
            self._advance_closely(raw, parts if parts is not None else split_at_values(raw))

    def _just_grew(self, raw: bytes, parts: list[bytes] | None, track: Track, places: tuple[int, ...]) -> bool:
        """Try the usual case first: one counter or summary, in its first life, that went on."""
        if track.offset is not None:
            return False
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
        for track, places in self.routes:
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
        # Values that grow are right for their type; what remains is a negative quantile, or a value not followed.
        if self.kind == b"counter":
            doubtful = doubtful and (b" -" in body or b" NaN" in body)
        elif self.kind == b"summary":
            doubtful = doubtful or b" -" in body
        self.doubtful = doubtful


def family_of(match: re.Match[bytes], naming: Naming = USUAL, *, keep_prefix: bool = False) -> Family:
    """Make the family of a block.

    Args:
        match: of :data:`.grammar.HEAD` with the block's first two lines.
        naming: how the target's families are named.
        keep_prefix: publish the family under the target's own name.
    """
    key = (match[0], naming, keep_prefix)
    title = _titles.get(key)
    if title is None:
        title = _titles[key] = _title(match, naming, keep_prefix=keep_prefix)
    return Family(title)


def _title(match: re.Match[bytes], naming: Naming, *, keep_prefix: bool) -> _Title:
    name, kind, help_text = match["name"], match["kind"], match["help"].strip()
    of_process = name.startswith(_PROCESS)
    canonical = PREFIX + name if of_process else naming.canonical(name, kind)
    published = name if keep_prefix and not of_process else canonical
    head = Head(published, kind, published if help_text == name else help_text)
    return _Title(
        name=name,
        kind=kind,
        text=match[0],
        canonical=canonical,
        grows=kind in _GROWING and not of_process,
        head=head,
        claims=claims(published, kind),
        openmetrics_claims=openmetrics_claims(published, kind),
    )
