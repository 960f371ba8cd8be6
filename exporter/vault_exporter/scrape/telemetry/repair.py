"""Filter and repair one target's telemetry, with its state between scrapes.

A page is cut into blocks, one per family. Most blocks have the same series as on the last page: the text between the
values is equal, and only the values are read. Otherwise (a new family, a new or removed series, irregular text) only
that family, or the page, is parsed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from operator import attrgetter, eq
from types import MappingProxyType
from typing import Final, NamedTuple

from vault_exporter.config.schema import model
from vault_exporter.scrape.telemetry.birth import not_born
from vault_exporter.scrape.telemetry.choice import FamilyChoice
from vault_exporter.scrape.telemetry.family import NativeFamily, Reading, family_of
from vault_exporter.scrape.telemetry.grammar import HEAD, split_at_values
from vault_exporter.scrape.telemetry.naming import PREFIX, USUAL, Naming, find_naming
from vault_exporter.scrape.telemetry.normalise import normalise
from vault_exporter.scrape.telemetry.page import Head, TelemetryPage
from vault_exporter.scrape.telemetry.process import Process
from vault_exporter.scrape.telemetry.series import SeriesTracker
from vault_exporter.scrape.telemetry.shape import Shape, shape_of

__all__ = ["TelemetryRepair"]

_DROPPED: Final = ("filtered", "stale", "replaced", "invalid")
_REPAIRED: Final = ("renamed", "continued", "held", "started")

_NOTHING: Final = TelemetryPage(
    0, dict.fromkeys(_DROPPED, 0), dict.fromkeys(_REPAIRED, 0), False, 0, (), (), frozenset(), frozenset()
)


class _Cut(NamedTuple):
    """A page cut into families, and the differences from the page before."""

    families: list[NativeFamily]
    # Lists, because a tuple for each family would start Python's garbage collector several times on a large page.
    raws: list[bytes]
    """The samples of each family."""
    readings: list[Reading | None]
    """For each family with new samples that are passed on as they are, what it has read of them."""
    moved: list[tuple[NativeFamily, bytes, list[bytes]]]
    """Other families with new samples, given as a whole and split at the values."""
    shapes: dict[NativeFamily, Shape]
    """The families among them whose series changed."""
    naming: Naming
    named: bool
    """Whether the prefixes were detected on this page, not taken from the last one."""


_BLOCK_START: Final = b"\n# HELP "


class TelemetryRepair:
    """Repairs the pages of one target, in the order of their fetches.

    Kept between scrapes, bounded by the last page and ``max_tracked_series``: for each counter and summary, the last
    value, and the value before its last expiry. A page without any family changes nothing. When
    :class:`.process.Process` detects a restart of Vault, the state is dropped.

    An expired series is held until a restart, or until a new series needs its place; the longest missing one is dropped
    first. If no series is missing, a new series above the limit is passed on untracked. So is a series whose lines
    exceed the limit of bytes.
    """

    def __init__(self, settings: model.Telemetry, replaced: frozenset[str]) -> None:
        """Create the state for one target.

        Args:
            settings: filters, and the limit of tracked series.
            replaced: names of the exporter's own families. Vault's families of these names are dropped.
        """
        self._choice = FamilyChoice(settings.drop, replaced)
        self._max_tracked = settings.max_tracked_series
        self._keep_prefix = settings.keep_prefix
        self._process = Process()
        self._forget_everything()

    def repair(self, page: bytes, given_up: Callable[[], bool] = lambda: False) -> TelemetryPage:
        """Filter and repair a page of any text.

        The page is complete, so its last line is valid with or without a line end.
        Not for concurrent use, since each page is compared with the one before.

        Args:
            page: the response's body.
            given_up: called repeatedly while an irregular page is read; returns whether to stop.

        Raises:
            GivenUpError: ``given_up`` returned True. The next page is compared with the page before this one.
        """
        if b"\r" in page:
            page = page.replace(b"\r\n", b"\n")
        if not page.endswith(b"\n"):
            page += b"\n"
        if self._process.has_restarted(page):
            self._forget_everything()
        invalid = 0
        blocks = _split(page)
        cut = self._cut(blocks) if blocks is not None else None
        if cut is None:
            blocks, invalid = normalise(page, given_up)
            cut = self._cut(blocks)
        if cut is None or not cut.families:
            return replace(_NOTHING, dropped={**_NOTHING.dropped, "invalid": invalid}, tracked=self._series.tracked)
        self._take(cut)
        return self._assemble(invalid)

    def _forget_everything(self, naming: Naming = USUAL) -> None:
        self._naming = naming
        self._named = False
        self._families: list[NativeFamily] = []
        """Families of the last page, in its order."""
        self._texts: list[bytes] = []
        """The first two lines of each."""
        self._absent: tuple[NativeFamily, ...] = ()
        """Families that are missing from the last page, with held series."""
        self._passing: list[NativeFamily] = []
        self._heads: list[Head] = []
        """Of the families that pass."""
        self._clashing: list[int] = []
        """Indexes of these families with a name in OpenMetrics that another family claims."""
        self._left_out: list[NativeFamily] = []
        self._series = SeriesTracker(self._max_tracked)
        self._started: list[tuple[Head, bytes]] = []
        """Counters published as 0 before their first event, with their lines."""
        self._count()

    def _cut(self, blocks: list[bytes]) -> _Cut | None:
        """Identify the families of a page and compare them with the last page; None if the page is not regular.

        Changes no state, so that the page can be cut again after it is normalised.
        """
        naming, named = self._naming, self._named
        families = self._families
        raws = list(map(bytes.removeprefix, blocks, self._texts))
        if len(blocks) != len(families) or any(map(eq, raws, blocks)):
            heads = list(filter(None, map(HEAD.match, blocks)))
            found = find_naming(((head["name"], head["kind"]) for head in heads), self._naming)
            naming, named = found or self._naming, found is not None
            known = self._by_name()
            families = [self._identify(head, naming, known) for head in heads]
            if len({family.name for family in families}) != len(blocks):
                return None
            raws = [block[family.title.length :] for family, block in zip(families, blocks, strict=True)]
        cut = _Cut(families, raws, [], [], {}, naming, named)
        return cut if self._compare(cut) else None

    def _compare(self, cut: _Cut) -> bool:
        """Compare the samples of each family with those on the last page; return whether they are regular."""
        rearranged, readings = cut.families is not self._families, cut.readings
        for family, raw in zip(cut.families, cut.raws, strict=True):
            reading = None
            if raw != family.raw and (rearranged or (reading := family.read_whole(raw)) is None):
                changed, parts = rearranged, split_at_values(raw)
                keys = parts[::2]
                if keys != family.shape.keys:
                    changed = True
                    shape = shape_of(family.name, family.kind, keys, duplicated=family.title.duplicated)
                    if shape is None:
                        return False
                    cut.shapes[family] = shape
                if changed or (reading := family.read(raw, parts)) is None:
                    cut.moved.append((family, raw, parts))
            readings.append(reading)
        return True

    def _by_name(self) -> dict[bytes, NativeFamily]:
        """Return the families of the last page, and those with held series."""
        return {family.name: family for family in (*self._families, *self._absent)}

    def _identify(self, head: re.Match[bytes], naming: Naming, known: Mapping[bytes, NativeFamily]) -> NativeFamily:
        family = family_of(head, naming, keep_prefix=self._keep_prefix)
        before = known.get(family.name)
        return before if before is not None and before.title is family.title else family

    def _take(self, cut: _Cut) -> None:
        """Update the state from a page: families, added and removed series, and values."""
        if cut.naming != self._naming:
            self._forget_everything(cut.naming)
        self._named = cut.named
        arranged = cut.families is not self._families
        if arranged:
            self._arrange(cut)
        for family, shape in cut.shapes.items():
            self._series.update(family, shape)
        for family in cut.shapes:
            family.reshape(self._series.follow)
        for family, raw, reading in zip(cut.families, cut.raws, cut.readings, strict=True):
            if reading is not None:
                family.pass_on(raw, reading)
        for family, raw, parts in cut.moved:
            family.advance(raw, parts)
        if arranged or cut.shapes:
            self._count()

    def _count(self) -> None:
        """Update the counts that change only with the series."""
        self._samples = sum(family.samples for family in self._passing)
        self._dropped = dict(_NOTHING.dropped)
        self._dropped["stale"] = sum(len(family.shape.stale) for family in self._passing)
        for family in self._left_out:
            self._dropped[family.verdict] += len(family.shape.keys) - 1
        self._repaired = dict(_NOTHING.repaired)
        self._repaired["renamed"] = sum(family.samples for family in self._passing if family.title.renamed)

    def _arrange(self, cut: _Cut) -> None:
        """Update the families."""
        present = {family.name: family for family in cut.families}
        before = self._by_name()
        for name, old in before.items():
            new = present.get(name)
            if new is None:
                self._series.leave_all(old)
                old.forget_shape()
            elif new is not old and new.kind == old.kind:
                self._series.hand_over(old, new)
            elif new is not old:
                self._series.forget(old)
        absent = [old for name, old in before.items() if name not in present and old.away]
        self._families, self._absent = cut.families, tuple(absent)
        self._texts = [family.title.text for family in cut.families]
        moved = {family for family, *_ in cut.moved}
        candidates = [*sorted(present.values(), key=lambda family: family.title.renamed), *absent]
        changed = self._choice.choose(candidates, self._naming)
        for family in filter(attrgetter("verdict"), candidates):
            self._series.forget(family)
        for family in changed:
            if present.get(family.name) is family and family not in cut.shapes:
                cut.shapes[family] = family.shape
                if family not in moved:
                    cut.moved.append((family, family.raw, split_at_values(family.raw)))
        self._left_out = [family for family in cut.families if family.verdict]
        self._passing = [family for family in cut.families if not family.verdict] if self._left_out else cut.families
        self._heads = [family.title.head for family in self._passing]
        self._clashing = [place for place, family in enumerate(self._passing) if family.mode.clashes]
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Update the counters without an event so far."""
        titles = [family.title for family in (*self._families, *self._absent)]
        taken = self._choice.reserved.union(*(title.claims | title.openmetrics_claims for title in titles))
        unborn = not_born({title.canonical for title in titles}, taken) if self._named else ()
        self._started = [
            birth.publish(self._naming.others if self._keep_prefix else PREFIX)
            for birth in unborn
            if not self._choice.is_filtered(PREFIX + birth.name)
        ]

    def _assemble(self, invalid: int) -> TelemetryPage:
        """Build the page from the state of each family."""
        heads = self._heads.copy()
        bodies = [family.body for family in self._passing]
        dropped, repaired = self._dropped | {"invalid": self._dropped["invalid"] + invalid}, dict(self._repaired)
        doubtful, clashing = set(), set(self._clashing)
        for place, family in enumerate(self._passing):
            if (beyond := family.beyond) is not None:
                repaired["continued"] += beyond.continued
                if beyond.doubtful:
                    doubtful.add(place)
        holding = dict(self._series.held())
        places = {family: place for place, family in enumerate(self._passing) if family in holding} if holding else {}
        for family, held in holding.items():
            repaired["held"] += held.count(b"\n")
            place = places.get(family, len(heads))
            if place == len(heads):
                heads.append(family.title.head)
                bodies.append(held[1:])
            else:
                bodies[place] += held
            if b" -" in held or family.kind == b"histogram":
                doubtful.add(place)
            if family.mode.clashes:
                clashing.add(place)
        for head, lines in self._started:
            heads.append(head)
            bodies.append(lines)
            repaired["started"] += lines.count(b"\n") + 1
        return TelemetryPage(
            samples=self._samples + repaired["held"] + repaired["started"],
            dropped=MappingProxyType(dropped),
            repaired=MappingProxyType(repaired),
            named=self._named,
            tracked=self._series.tracked,
            _heads=tuple(heads),
            _bodies=tuple(bodies),
            _doubtful=frozenset(doubtful),
            _clashing=frozenset(clashing),
        )


def _split(page: bytes) -> list[bytes] | None:
    """Split a page into blocks as :func:`.normalise.normalise` returns them; None if they cannot be regular."""
    if not page.startswith(_BLOCK_START[1:]) or b"\0" in page or not _is_utf8(page):
        return None
    blocks = page.split(_BLOCK_START)
    blocks[0] = blocks[0][len(_BLOCK_START) - 1 :]
    blocks[-1] = blocks[-1][:-1]
    return blocks


def _is_utf8(page: bytes) -> bool:
    if page.isascii():
        return True
    try:
        page.decode()
    except UnicodeDecodeError:
        return False
    return True
