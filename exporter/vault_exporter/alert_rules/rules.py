"""The rules in Prometheus' form."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
import yaml

from vault_exporter.alert_rules import build
from vault_exporter.alert_rules.source import Profile, RuleSource, sources
from vault_exporter.assets import alert_rules

__all__ = ["ADDRESSES", "Group", "PackError", "Rule", "WrongValuesError", "alerts", "load"]

ADDRESSES: Final = {
    "runbook_url": "http://vault-exporter:9410/runbooks/{name}",
    "dashboard_url": "http://grafana",
}
"""Addresses of the runbooks, which the exporter serves, and of Grafana, without a trailing slash."""


class PackError(ValueError):
    """An unknown parameter, or an invalid value."""


class WrongValuesError(PackError):
    """All parameters that are unknown or have an invalid value, a line each.

    Attributes:
        said: what is wrong, by name of the parameter.
    """

    def __init__(self, said: dict[str, str]) -> None:
        super().__init__("\n".join(said.values()))
        self.said = said


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, rename={"for_": "for"}):
    """One rule of Prometheus: an alert or a recording rule."""

    expr: str
    alert: str = ""
    record: str = ""
    for_: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    template: str = ""
    """The expression with the names of its thresholds in braces instead of their values."""
    profile: Profile = Profile.CORE
    why: str = ""
    """The reason for the expression, for a comment."""

    @property
    def name(self) -> str:
        """Name of the alert, or of the recorded series."""
        return self.alert or self.record


class Group(msgspec.Struct, frozen=True):
    """Rules that are evaluated in sequence."""

    name: str
    rules: tuple[Rule, ...]
    about: str = ""


class _File(msgspec.Struct, frozen=True):
    groups: tuple[Group, ...]


def load() -> tuple[Group, ...]:
    """Build the rules of the pack with their default thresholds, and add rules without a source.

    Raises:
        vault_exporter.assets.ResourceError: a file is missing from the installation.
    """
    files = sources()
    plain = (path for path in alert_rules() if path.stem not in files)
    values = {name: str(one.value) for file in files.values() for name, one in file.parameters.items()}
    return tuple(
        Group(
            f"vault-{category}", tuple(_rule(one, category, values) for one in file.rules), " ".join(file.about.split())
        )
        for category, file in files.items()
    ) + tuple(group for path in plain for group in msgspec.convert(yaml.safe_load(path.read_text()), _File).groups)


def alerts(groups: Iterable[Group]) -> dict[str, Rule]:
    """Return the alerts by name."""
    return {rule.alert: rule for group in groups for rule in group.rules if rule.alert}


def _rule(source: RuleSource, category: str, values: Mapping[str, str]) -> Rule:
    template = build.expression(source)
    expr, why = build.thresholds(template, values), " ".join(source.why.split())
    if source.record:
        return Rule(expr, record=source.record, template=template, why=why)
    return Rule(
        expr,
        alert=source.alert,
        for_=source.for_,
        labels=build.labels(source, category),
        annotations=build.annotations(source, category, *ADDRESSES.values()),
        template=template,
        profile=source.profile,
        why=why,
    )
