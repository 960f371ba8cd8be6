"""Suggested thresholds, on histories that are written down: firings by the value of a threshold."""

import asyncio
from collections.abc import Callable, Mapping

from vault_exporter.alert_rules import Overrides, Rule, load, parameters
from vault_exporter.alert_rules.rules import alerts
from vault_exporter.diagnose.backtest.rules import Alert
from vault_exporter.diagnose.backtest.run import Outcome
from vault_exporter.diagnose.backtest.states import Firing
from vault_exporter.diagnose.backtest.suggest import Suggestion, suggest

MINUTE = 60_000
MEMORY = "memory_limit_bytes"
NOW = float(parameters()[MEMORY].value)


def test_the_value_closest_to_the_present_one_is_found() -> None:
    suggestion, tried = suggested({"VaultHighMemoryUsage": lambda value: outcome(5 if value < 3 * NOW else 2)})
    assert 3 * NOW <= float(suggestion.overrides[MEMORY]) < 3.1 * NOW
    assert suggestion.left == {}
    assert 4 * NOW <= max(tried) < 4.1 * NOW


def test_an_alert_that_fails_with_a_value_proves_nothing() -> None:
    suggestion, _ = suggested({"VaultHighMemoryUsage": lambda value: outcome(5, failed=0 if value == NOW else 1)})
    assert suggestion.overrides == {}
    assert suggestion.left == {"VaultHighMemoryUsage": "5 in its busiest week: no value of its thresholds was found"}


def test_errors_that_are_there_with_each_value_do_not_count() -> None:
    suggestion, _ = suggested({"VaultHighMemoryUsage": lambda value: outcome(5 if value == NOW else 1, failed=3)})
    assert float(suggestion.overrides[MEMORY]) > NOW
    assert suggestion.left == {}


def test_an_alert_that_another_ones_value_breaks_is_named() -> None:
    other = Rule("x > 1", alert="Other", template=f"x / {{{MEMORY}}}")
    of_refusal = {"Other": lambda value: outcome(0, refusal="" if value == NOW else "division"), **QUIET_WHEN_DOUBLED}
    suggestion, _ = suggested(of_refusal, other)
    assert MEMORY in suggestion.overrides
    assert suggestion.left == {"Other": "it cannot be evaluated as before with the values below"}


def test_an_alert_that_cannot_be_evaluated_at_all_is_not_named_again() -> None:
    other = Rule("x > 1", alert="Other", template=f"x / {{{MEMORY}}}")
    suggestion, _ = suggested({"Other": lambda _: outcome(0, refusal="ALERTS"), **QUIET_WHEN_DOUBLED}, other)
    assert suggestion.left == {}


def outcome(count: int, *, failed: int = 0, refusal: str = "") -> Outcome:
    firings = tuple(Firing((("alertname", "X"),), at * MINUTE, (at + 1) * MINUTE) for at in range(count))
    return Outcome(Alert("X", "g", "x", MINUTE), firings, refusal=refusal, failed=failed)


QUIET_WHEN_DOUBLED: Mapping[str, Callable[[float], Outcome]] = {
    "VaultHighMemoryUsage": lambda value: outcome(5 if value == NOW else 1)
}


def suggested(histories: Mapping[str, Callable[[float], Outcome]], *rules: Rule) -> tuple[Suggestion, list[float]]:
    tried = []

    def named(name: str, value: float) -> Outcome:
        one = histories[name](value)
        return Outcome(Alert(name, "g", "x", MINUTE), one.firings, refusal=one.refusal, failed=one.failed)

    async def evaluate(overrides: Overrides, names: frozenset[str]) -> Mapping[str, Outcome]:
        tried.append(float(overrides[MEMORY]))
        return {name: named(name, float(overrides[MEMORY])) for name in names}

    of_pack = {name: rule for name, rule in alerts(load()).items() if name in histories}
    every = of_pack | {rule.alert: rule for rule in rules}
    found = asyncio.run(suggest(2, [named(name, NOW) for name in histories], every, {}, evaluate))
    return found, tried
