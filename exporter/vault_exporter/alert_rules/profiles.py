"""Select the alerts of a profile."""

import re
from collections.abc import Iterable

from vault_exporter.alert_rules.rules import Group, Rule
from vault_exporter.alert_rules.source import Profile

__all__ = ["RECORDED", "select"]

RECORDED = re.compile(r"\b(?:cluster|instance):[\w:]+")
"""Names of recorded series in an expression."""


def select(groups: Iterable[Group], profile: Profile) -> tuple[Group, ...]:
    """Return the alerts of a profile, and the recording rules that they need."""
    groups = tuple(groups)
    kept = [rule for group in groups for rule in group.rules if rule.alert and profile.includes(rule.profile)]
    wanted = _recorded(kept)
    records = {rule.record: rule for group in groups for rule in group.rules if rule.record}
    while more := _recorded(records[name] for name in wanted) - wanted:
        wanted |= more
    names = wanted | {rule.alert for rule in kept}
    chosen = (
        Group(group.name, tuple(rule for rule in group.rules if rule.name in names), group.about) for group in groups
    )
    return tuple(group for group in chosen if group.rules)


def _recorded(rules: Iterable[Rule]) -> set[str]:
    return {
        name for rule in rules for text in (rule.expr, *rule.annotations.values()) for name in RECORDED.findall(text)
    }
