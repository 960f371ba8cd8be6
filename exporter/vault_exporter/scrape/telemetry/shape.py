"""The series of one family: which lines are valid, which belong together, and which are stale."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from vault_exporter.scrape.telemetry.grammar import (
    GROWING,
    NUMBER,
    SUFFIXES,
    USUAL_SUMMARY,
    Labels,
    Series,
    parse_series,
)

__all__ = ["Group", "Identity", "Shape", "group_identity", "has_valid_bounds", "shape_of"]

Identity = Labels


class Group(NamedTuple):
    """Lines that restart together: a counter, or lines of a summary or histogram with equal labels, without quantiles.

    ``keys`` and ``places`` (indexes into a block split at its values) end with the sum and the count.
    """

    identity: Identity
    keys: tuple[bytes, ...]
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Shape:
    """The series of a family. Targets with the same series share the object."""

    keys: list[bytes]
    """The text between the values of the block; equal for equal series."""
    single: bytes | None
    """The only series, if there is exactly one."""
    is_usual_summary: bool
    """Whether its series are those of :data:`.grammar.USUAL_SUMMARY`."""
    between: int
    """Length of the text between the last two values, if they are the sum and the count of the only group; else 0."""
    groups: tuple[Group, ...]
    stale: tuple[int, ...]
    """Indexes of lines that a newer series replaces."""
    halves: frozenset[Identity]
    """Label sets without a sum or a count, whose restart cannot be detected."""


_SHORT_BYTES: Final = 512
"""Length of the series of a family that are worth remembering without its name."""

_shapes: Final[WeakValueDictionary[tuple[bytes, bytes, tuple[bytes, ...], bool], Shape]] = WeakValueDictionary()
"""Shapes that a target uses at present."""


def shape_of(name: bytes, kind: bytes, keys: list[bytes], *, duplicated: bool = False) -> Shape | None:
    """Parse the text between a block's values; None if the block is not regular.

    In a ``duplicated`` family, a series with an empty cluster is stale if another series names its cluster.
    """
    said = (name, kind, tuple(keys), duplicated)
    shape = _shapes.get(said)
    if shape is None:
        shape = _read(name, kind, keys, duplicated)
        if shape is not None:
            _shapes[said] = shape
    return shape


def _read(name: bytes, kind: bytes, keys: list[bytes], duplicated: bool) -> Shape | None:  # noqa: FBT001 - as above
    ends = _without_name(name, keys)
    if ends is None:
        return None
    # Nearly all of Vault's families have series that differ from those of others only in the family's name.
    pattern = (_short_pattern if sum(map(len, ends)) <= _SHORT_BYTES else _pattern)(kind, ends, duplicated)
    if pattern is None:
        return None
    groups = tuple(
        [Group(identity, tuple([name + end for end in own]), places) for identity, own, places in pattern.groups]
    )
    single = keys[0] if len(keys) == 2 else None  # noqa: PLR2004 - it, and what follows its value
    return Shape(keys, single, ends == USUAL_SUMMARY, _between(keys, groups), groups, pattern.stale, pattern.halves)


def _between(keys: list[bytes], groups: tuple[Group, ...]) -> int:
    last = 2 * len(keys) - 3
    if len(groups) != 1 or groups[0].places != (last - 2, last) or b" " in keys[-2]:
        return 0
    return len(keys[-2])


def _without_name(name: bytes, keys: list[bytes]) -> tuple[bytes, ...] | None:
    """Return each line without the family's name; None if a line does not begin with it."""
    if keys[-1] or len(keys) == 1:
        return None
    first, *others, _ = keys
    start, length = b"\n" + name, len(name)
    if not first.startswith(name) or not all(key.startswith(start) for key in others):
        return None
    return (first[length:], *[key[length + 1 :] for key in others])


class _Pattern(NamedTuple):
    """A shape without the family's name in front of its series."""

    groups: tuple[Group, ...]
    stale: tuple[int, ...]
    halves: frozenset[Identity]


def _pattern(kind: bytes, ends: tuple[bytes, ...], duplicated: bool) -> _Pattern | None:  # noqa: FBT001 - as above
    lines = _lines(kind, ends)
    if lines is None or len({(series.name, series.identity) for series in lines}) != len(lines):
        return None
    stale = _stale(lines) if duplicated else ()
    if kind not in GROWING:
        return _Pattern((), stale, frozenset())
    identities = [group_identity(series, _ANY_NAME, kind) for series in lines]
    if kind != b"counter" and _is_split(identities):
        return None
    return _Pattern(*_groups(lines, identities, ends, kind, stale))


_short_pattern: Final = lru_cache(maxsize=1024)(_pattern)
_ANY_NAME: Final = b"_"
"""Stands for the family's name, which a series cannot do without."""


def _lines(kind: bytes, ends: tuple[bytes, ...]) -> list[Series] | None:
    """Parse each line, and return None if one is not regular or not of this family."""
    lines: list[Series] = []
    for end in ends:
        series = parse_series(_ANY_NAME + end)
        if series is None or not _belongs(series, _ANY_NAME, kind):
            return None
        lines.append(series)
    return lines


def group_identity(series: Series, name: bytes, kind: bytes) -> Identity:
    """Return the labels that the lines of one counter, summary or histogram share."""
    if kind == b"summary" and series.name == name:
        return series.identity_without(b"quantile")
    if kind == b"histogram" and series.name == name + b"_bucket":
        return series.identity_without(b"le")
    return series.identity


def has_valid_bounds(series: Series, name: bytes, kind: bytes) -> bool:
    """Return whether a quantile line has a valid quantile, and a bucket a valid upper bound."""
    if kind == b"summary" and series.name == name:
        quantile = series.label(b"quantile")
        return quantile is not None and NUMBER.fullmatch(quantile) is not None and 0 <= float(quantile) <= 1
    if kind == b"histogram" and series.name == name + b"_bucket":
        bound = series.label(b"le")
        return bound is not None and NUMBER.fullmatch(bound) is not None and bound != b"NaN"
    return True


def _belongs(series: Series, name: bytes, kind: bytes) -> bool:
    if not series.name.startswith(name) or series.name[len(name) :] not in SUFFIXES[kind]:
        return False
    return has_valid_bounds(series, name, kind)


def _is_split(identities: list[Identity]) -> bool:
    """Return whether the lines of a summary or histogram do not follow each other."""
    closed: set[Identity] = set()
    current: Identity | None = None
    for identity in identities:
        if identity != current:
            if identity in closed:
                return True
            closed.add(identity)
            current = identity
    return False


def _stale(lines: list[Series]) -> tuple[int, ...]:
    if not any(series.label(b"cluster") for series in lines):
        return ()
    return tuple(place for place, series in enumerate(lines) if series.label(b"cluster") == b"")


def _groups(
    lines: list[Series],
    identities: list[Identity],
    ends: tuple[bytes, ...],
    kind: bytes,
    stale: tuple[int, ...],
) -> tuple[tuple[Group, ...], tuple[int, ...], frozenset[Identity]]:
    members: dict[Identity, list[int]] = {}
    for line, identity in enumerate(identities):
        if line not in stale:
            growing = members.setdefault(identity, [])
            if kind != b"summary" or lines[line].name != _ANY_NAME:
                growing.append(line)
    groups, halves = [], []
    order = {_ANY_NAME + b"_sum": 1, _ANY_NAME + b"_count": 2}
    for identity, growing in members.items():
        if kind != b"counter":
            growing.sort(key=lambda line: order.get(lines[line].name, 0))
            if [lines[line].name for line in growing[-2:]] != list(order):
                halves.append(identity)
                continue
        own = tuple([ends[line] for line in growing])
        groups.append(Group(identity, own, tuple([2 * line + 1 for line in growing])))
    return tuple(groups), stale, frozenset(halves)
