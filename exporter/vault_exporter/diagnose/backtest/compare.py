"""Which firings come and go with other rules."""

from collections.abc import Iterable

import msgspec

from vault_exporter.diagnose.backtest.labels import Labels
from vault_exporter.diagnose.backtest.run import Outcome
from vault_exporter.diagnose.backtest.states import Firing

__all__ = ["Changes", "compared"]

_NOT_IDENTITY = frozenset({"severity", "category"})


class Changes(msgspec.Struct, frozen=True):
    """Firings of one of two sets of rules, and of both with different severities."""

    come: tuple[Firing, ...]
    go: tuple[Firing, ...]
    change: tuple[tuple[Firing, Firing], ...]
    """The old one and the new one."""


def compared(old: Iterable[Outcome], new: Iterable[Outcome]) -> Changes:
    """Compare by name and labels. Firings that overlap are the same.

    Two alerts may have one name and different severities. So a severity changes only where no firing has all labels.
    """
    before = [one for outcome in old for one in outcome.firings]
    after = [one for outcome in new for one in outcome.firings]
    only_before, only_after = _without(before, after, frozenset()), _without(after, before, frozenset())
    come = _without(only_after, only_before, _NOT_IDENTITY)
    go = _without(only_before, only_after, _NOT_IDENTITY)
    earlier = _by_labels(only_before, _NOT_IDENTITY)
    change = [
        (same[0], one)
        for one in only_after
        if (same := _same(one, earlier.get(_key(one, _NOT_IDENTITY), ())))
        and dict(same[0].labels).get("severity") != dict(one.labels).get("severity")
    ]
    return Changes(tuple(sorted(come, key=_order)), tuple(sorted(go, key=_order)), tuple(change))


def _without(firings: Iterable[Firing], others: Iterable[Firing], ignored: frozenset[str]) -> list[Firing]:
    """Return the firings that are not among others."""
    there = _by_labels(others, ignored)
    return [one for one in firings if not _same(one, there.get(_key(one, ignored), ()))]


def _by_labels(firings: Iterable[Firing], ignored: frozenset[str]) -> dict[Labels, list[Firing]]:
    made: dict[Labels, list[Firing]] = {}
    for one in firings:
        made.setdefault(_key(one, ignored), []).append(one)
    return made


def _key(one: Firing, ignored: frozenset[str]) -> Labels:
    return tuple((name, value) for name, value in one.labels if name not in ignored)


def _same(one: Firing, others: Iterable[Firing]) -> list[Firing]:
    return [other for other in others if other.start < one.end and one.start < other.end]


def _order(one: Firing) -> tuple[int, Labels]:
    return one.start, one.labels
