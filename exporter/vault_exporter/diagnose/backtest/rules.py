"""The alert rules of a backtest: those of the pack, or those of a file of rules."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from vault_exporter.alert_rules import Group, PackError
from vault_exporter.diagnose.backtest.promql import CannotInlineError, Recorded, inlined, selectors, with_labels
from vault_exporter.util.fs import why_unreadable
from vault_exporter.util.yaml_loader import load_simple

__all__ = ["Alert", "RuleGroup", "intervals_of", "of_file", "of_pack", "prepared", "seconds"]

_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_DURATION: Final = re.compile(r"(?:\d{1,12}(?:ms|[smhdwy]))+|0?")


class _Rule(msgspec.Struct, frozen=True, rename={"for_": "for"}):
    expr: str | int | float
    alert: str = ""
    record: str = ""
    for_: str | int = ""
    keep_firing_for: str | int = ""
    labels: dict[str, str] = {}


class RuleGroup(msgspec.Struct, frozen=True):
    """A group of rules as Prometheus reads it, without what a backtest does not need."""

    name: str
    rules: tuple[_Rule, ...] = ()
    interval: str | int = ""


class _File(msgspec.Struct, frozen=True):
    groups: tuple[RuleGroup, ...]


class Alert(msgspec.Struct, frozen=True):
    """An alert rule with all that its evaluation needs."""

    name: str
    group: str
    expr: str
    """Without recorded series."""
    interval: int
    """Milliseconds from one evaluation to the next."""
    phase: int = 0
    """Milliseconds from a multiple of the interval to an evaluation."""
    wait: int = 0
    keep: int = 0
    labels: Mapping[str, str] = {}
    refusal: str = ""
    """Why it cannot be evaluated; empty if it can."""


def seconds(text: str | int) -> float:
    """Return the seconds of a duration.

    Raises:
        PackError: it is no duration.
    """
    if not _DURATION.fullmatch(str(text)):
        raise PackError(f"{text!r} is not a duration such as 5m")
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", str(text)))


def of_pack(groups: Iterable[Group]) -> tuple[RuleGroup, ...]:
    """Return the pack's groups."""
    return tuple(
        RuleGroup(
            group.name,
            tuple(_Rule(rule.expr, rule.alert, rule.record, rule.for_, labels=rule.labels) for rule in group.rules),
        )
        for group in groups
    )


def of_file(path: Path) -> tuple[RuleGroup, ...]:
    """Read a file of rules, or a PrometheusRule.

    Raises:
        PackError: the file cannot be read or has no rules.
    """
    try:
        read: Any = load_simple(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PackError(why_unreadable(path, error)) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PackError(f"{path}: not YAML: {error}") from None
    if isinstance(read, dict) and read.get("kind") == "PrometheusRule":
        read = read.get("spec")
    try:
        return msgspec.convert(read, _File).groups
    except msgspec.ValidationError as error:
        raise PackError(f"{path}: not a file of Prometheus' rules: {error}") from None


def intervals_of(groups: Iterable[RuleGroup], intervals: Mapping[str, float], interval: float) -> Mapping[str, float]:
    """Return the seconds between evaluations by group.

    Args:
        groups: the groups.
        intervals: seconds by group, as the server has them, for groups that do not say it.
        interval: seconds for other groups.

    Raises:
        PackError: a duration is wrong.
    """
    return {group.name: seconds(group.interval) or intervals.get(group.name, interval) for group in groups}


def prepared(
    groups: Iterable[RuleGroup], intervals: Mapping[str, float], phases: Mapping[str, int]
) -> tuple[Alert, ...]:
    """Return the alert rules with the expressions of recording rules in them.

    Args:
        groups: all groups that belong together.
        intervals: seconds between evaluations by group.
        phases: milliseconds from a multiple of the interval to an evaluation, by group.

    Raises:
        PackError: a duration is wrong.
    """
    groups = tuple(groups)
    recorded: dict[str, Recorded] = {}
    for group in groups:
        for rule in group.rules:
            if rule.record:
                expr = with_labels(str(rule.expr), rule.labels)
                one = Recorded(expr, intervals[group.name], phases[group.name])
                recorded[rule.record] = _both(recorded.get(rule.record), one)
    return tuple(
        _prepared(rule, group.name, round(intervals[group.name] * 1000), phases[group.name], recorded)
        for group in groups
        for rule in group.rules
        if rule.alert
    )


def _both(first: Recorded | None, second: Recorded) -> Recorded:
    """Return what rules with the same name record together, such as one rule a service."""
    if first is None:
        return second
    expr = f"(\n{first.expr}\n) or (\n{second.expr}\n)"
    return Recorded(expr, min(first.interval_seconds, second.interval_seconds), first.phase)


def _prepared(rule: _Rule, group: str, interval: int, phase: int, recorded: Mapping[str, Recorded]) -> Alert:
    expr, refusal = str(rule.expr), ""
    try:
        expr = inlined(expr, recorded)
    except CannotInlineError as error:
        refusal = str(error)
    if any(one.name in {"ALERTS", "ALERTS_FOR_STATE"} for one in selectors(expr)):
        refusal = "it depends on the states of other alerts (ALERTS)"
    wait, keep = (round(seconds(text) * 1000) for text in (rule.for_, rule.keep_firing_for))
    return Alert(rule.alert, group, expr, interval, phase, wait, keep, rule.labels, refusal)
