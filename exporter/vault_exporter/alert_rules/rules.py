"""The rules as Prometheus has them."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
import yaml

from vault_exporter.alert_rules import build
from vault_exporter.alert_rules.source import Profile, Source, sources
from vault_exporter.assets import alert_rules

__all__ = ["ADDRESSES", "Group", "PackError", "Rule", "alerts", "load"]

ADDRESSES: Final = {"runbook_url": "{{ $externalURL }}/user/vault/runbooks", "dashboard_url": "http://grafana"}
"""Where the runbooks are, and Grafana; without a slash at the end."""


class PackError(ValueError):
    """What the user asks of the pack cannot be: an unknown parameter, or a value that is none."""


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, rename={"for_": "for"}):
    """One rule of Prometheus: an alert, or a recording."""

    expr: str
    alert: str = ""
    record: str = ""
    for_: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    template: str = ""
    """The expression with the names of its thresholds, in braces, in place of their values."""
    profile: Profile = Profile.CORE
    why: str = ""
    """Why the expression is what it is, for a comment."""

    @property
    def name(self) -> str:
        """Of the alert, or of what is recorded."""
        return self.alert or self.record


class Group(msgspec.Struct, frozen=True):
    """Rules that are evaluated one after the other."""

    name: str
    rules: tuple[Rule, ...]
    about: str = ""


class _File(msgspec.Struct, frozen=True):
    groups: tuple[Group, ...]


def load() -> tuple[Group, ...]:
    """Build the rules of the pack, with the thresholds that their sources have; add those that have no source.

    Raises:
        vault_exporter.assets.ResourceError: the installation is not whole.
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
    """Return the alerts by their names."""
    return {rule.alert: rule for group in groups for rule in group.rules if rule.alert}


def _rule(source: Source, category: str, values: Mapping[str, str]) -> Rule:
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
