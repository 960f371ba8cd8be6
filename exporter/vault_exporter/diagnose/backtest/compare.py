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
    """Compare by name and labels. Firings that overlap are the same."""
    before, after = _by_labels(old), _by_labels(new)
    come = [one for key, them in after.items() for one in them if not _same(one, before.get(key, ()))]
    go = [one for key, them in before.items() for one in them if not _same(one, after.get(key, ()))]
    change = [
        (earlier[0], one)
        for key, them in after.items()
        for one in them
        if (earlier := _same(one, before.get(key, ())))
        and dict(earlier[0].labels).get("severity") != dict(one.labels).get("severity")
    ]
    return Changes(tuple(sorted(come, key=_order)), tuple(sorted(go, key=_order)), tuple(change))


def _by_labels(outcomes: Iterable[Outcome]) -> dict[Labels, list[Firing]]:
    made: dict[Labels, list[Firing]] = {}
    for outcome in outcomes:
        for one in outcome.firings:
            key = tuple((name, value) for name, value in one.labels if name not in _NOT_IDENTITY)
            made.setdefault(key, []).append(one)
    return made


def _same(one: Firing, others: Iterable[Firing]) -> list[Firing]:
    return [other for other in others if other.start < one.end and one.start < other.end]


def _order(one: Firing) -> tuple[int, Labels]:
    return one.start, one.labels
