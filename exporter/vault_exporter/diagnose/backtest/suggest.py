"""Find thresholds with which no alert fires more than so often a week."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from vault_exporter.alert_rules import Overrides, Rule, parameters
from vault_exporter.alert_rules.parameters import number
from vault_exporter.diagnose.backtest.run import Outcome
from vault_exporter.diagnose.backtest.states import Firing

__all__ = ["Suggestion", "busiest_week", "suggest"]

_WEEK: Final = 7 * 86_400_000
_DOUBLINGS: Final = 12
_HALVINGS: Final = 6
_ROUNDS: Final = 3
_DIGITS: Final = 3

Evaluate = Callable[[Overrides, frozenset[str]], Awaitable[Mapping[str, Outcome]]]
"""Evaluates some alerts with changed parameters."""


class Suggestion(msgspec.Struct, frozen=True):
    """Overrides with which the limit holds, and the alerts for which there are none."""

    overrides: Mapping[str, str]
    """Only the suggested ones."""
    why: Mapping[str, str]
    """By parameter."""
    left: Mapping[str, str]
    """Why an alert still fires more often, by alert."""


def busiest_week(firings: Iterable[Firing]) -> int:
    """Return the most firings that began within any seven days."""
    starts = sorted(one.start for one in firings)
    first = most = 0
    for last, start in enumerate(starts):
        while start - starts[first] >= _WEEK:
            first += 1
        most = max(most, last - first + 1)
    return most


async def suggest(
    limit: int,
    outcomes: Sequence[Outcome],
    rules: Mapping[str, Rule],
    given: Overrides,
    evaluate: Evaluate,
) -> Suggestion:
    """Search each threshold of an alert that fires too often, by evaluating the alert with other values.

    Args:
        limit: firings of one alert within any seven days.
        outcomes: of the rules as they are.
        rules: by alert.
        given: the overrides that these outcomes are with.
        evaluate: evaluates alerts with overrides.
    """
    found: dict[str, str] = {}
    why: dict[str, str] = {}
    counts = {one.alert.name: busiest_week(one.firings) for one in outcomes}
    first = dict(counts)
    errors = {one.alert.name: one.failed for one in outcomes if not one.refusal}
    unproven: set[str] = set()
    for _ in range(_ROUNDS):
        loud = [name for name, count in counts.items() if count > limit and name in rules]
        moved = False
        for name in loud:
            better = await _threshold(name, rules[name], limit, {**given, **found}, errors[name], evaluate)
            if better is not None:
                parameter, value, count = better
                found[parameter] = value
                why[parameter] = f"{name}: {first[name]} in its busiest week, {count} with it"
                moved = True
        if not moved:
            break
        # A parameter may be of several alerts.
        sharing = frozenset(
            name
            for name in counts
            if name in rules and any(f"{{{parameter}}}" in rules[name].template for parameter in found)
        )
        again = await evaluate({**given, **found}, sharing)
        counts |= {name: busiest_week(one.firings) for name, one in again.items()}
        unproven = {name for name, one in again.items() if name in errors and not _says(one, errors[name])}
    left = {
        name: f"{count} in its busiest week: "
        + ("no value of its thresholds was found" if _thresholds(rules[name]) else "it has no threshold")
        for name, count in counts.items()
        if count > limit and name in rules
    }
    left |= dict.fromkeys(sorted(unproven), "it cannot be evaluated as before with the values below")
    return Suggestion(found, why, left)


def _says(outcome: Outcome, errors: int) -> bool:
    """Return whether firings can be counted: evaluations that are errors hide them, beyond those that always are."""
    return not outcome.refusal and outcome.failed <= errors


def _thresholds(rule: Rule) -> list[tuple[str, bool]]:
    """Return the parameters in an expression, and whether a higher value means fewer firings."""
    declared = parameters()
    return [
        (found[2], not found[1].startswith("<"))
        for found in re.finditer(r"([<>]=?)?\s*(?:bool\s*)?\{([a-z_]+)\}", rule.template)
        if found[2] in declared
    ]


async def _threshold(
    name: str, rule: Rule, limit: int, given: Overrides, errors: int, evaluate: Evaluate
) -> tuple[str, str, int] | None:
    declared = parameters()
    for parameter, higher in _thresholds(rule):
        now = float(number(parameter, given[parameter]) if parameter in given else declared[parameter].value)
        whole = isinstance(declared[parameter].value, int)

        async def count(value: str, parameter: str = parameter) -> int:
            made = await evaluate({**given, parameter: value}, frozenset({name}))
            outcome = made[name]
            return busiest_week(outcome.firings) if _says(outcome, errors) else limit + 1

        bad, good, counted = now, None, 0
        step = 2.0 if higher else 0.5
        for _ in range(_DOUBLINGS):
            trial = float(_rounded((bad or 1) * step, whole=whole, up=higher))
            if trial == bad:
                break
            counted = await count(_text(trial))
            if counted <= limit:
                good = trial
                break
            bad = trial
        if good is None:
            continue
        for _ in range(_HALVINGS):
            middle = float(_rounded((good + bad) / 2, whole=whole, up=higher))
            if middle in {good, bad}:
                break
            tried = await count(_text(middle))
            if tried <= limit:
                good, counted = middle, tried
            else:
                bad = middle
        return parameter, _text(good), counted
    return None


def _rounded(value: float, *, whole: bool, up: bool) -> float:
    """Round to three digits, and away from the values that are too close."""
    exact = float(f"{value:.{_DIGITS}g}")
    if (exact < value) if up else (exact > value):
        unit = 10.0 ** (len(f"{int(value)}") - _DIGITS) if value >= 1 else value * 10**-_DIGITS
        exact = float(f"{exact + (unit if up else -unit):.{_DIGITS}g}")
    if not whole:
        return exact
    return float(int(exact) + (1 if up and exact % 1 else 0))


def _text(value: float) -> str:
    return str(int(value)) if value % 1 == 0 else f"{value:.10f}".rstrip("0")
