"""The rules and dashboards that this version of the exporter has, beside those that are loaded."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from vault_exporter.alert_rules import Group, Profile, Rule, load, needs, select
from vault_exporter.alert_rules.needs import AGENTS
from vault_exporter.alert_rules.parameters import JOBS, SCRAPE_INTERVAL
from vault_exporter.alert_rules.rules import alerts
from vault_exporter.diagnose.doctor.read.prometheus import Prometheus, seconds
from vault_exporter.diagnose.doctor.read.rules_in_force import LoadedRule, RuleGroup
from vault_exporter.diagnose.doctor.same_rule import longer, scales
from vault_exporter.grafana import pack as dashboards
from vault_exporter.grafana.adapt import DashboardOptions

__all__ = ["HEARTBEAT", "INHIBITOR", "INJECTOR", "Pack", "load_pack"]

HEARTBEAT: Final = "VaultWatchdog"
INHIBITOR: Final = "VaultInhibitor"
INJECTOR: Final = "injector"
"""The source of the metrics of the Vault Agent injector, beside ``AGENTS``. Both are optional."""


class Pack(msgspec.Struct, frozen=True):
    """What should be loaded."""

    groups: tuple[Group, ...]
    alerts: dict[str, Rule]
    records: dict[str, Rule]
    dashboards: dict[str, dict[str, Any]]
    """By uid."""

    @property
    def categories(self) -> frozenset[str]:
        """The values of the label ``category``."""
        return frozenset(rule.labels["category"] for rule in self.alerts.values())

    def needs(self, alert: str) -> tuple[frozenset[str], ...]:
        """Return the sources that an alert needs: one set for each alternative.

        An alert about agents or the injector needs that they are scraped, also if it only reads ``up``.
        """
        rule = self.alerts[alert]
        if rule.labels["category"] == "agents":
            return (frozenset({INJECTOR if f'"{JOBS["injector_job"]}"' in rule.expr else AGENTS}),)
        return needs(rule, self.groups)

    def profile(self, names: Iterable[str]) -> Profile:
        """Return the profile whose own alerts are loaded for the most part."""
        names = frozenset(names)
        chosen = Profile.CORE
        for profile in (Profile.STANDARD, Profile.ALL):
            own = [name for name, rule in self.alerts.items() if rule.profile is profile]
            if sum(name in names for name in own) * 2 > len(own):
                chosen = profile
        return chosen

    def of(self, profile: Profile) -> dict[str, Rule]:
        """Return the alerts of a profile."""
        return alerts(select(self.groups, profile))

    def is_ours(self, rule: LoadedRule) -> bool:
        """Whether an alert is of a pack like this one, of this version or another."""
        return rule.name in self.alerts or (
            rule.is_alert and rule.name.startswith("Vault") and rule.labels.get("category", "") in self.categories
        )

    def loaded(self, prometheus: Prometheus) -> tuple[tuple[RuleGroup, LoadedRule], ...]:
        """Return the alerts of the pack that are loaded."""
        return tuple((group, rule) for group in prometheus.groups or () for rule in group.rules if self.is_ours(rule))

    def longest_interval(self, prometheus: Prometheus) -> float:
        """Return the longest scrape interval, in seconds, that the windows of the loaded rules hold."""
        factors = [
            factor
            for _, rule in self.loaded(prometheus)
            if rule.name in self.alerts and scales(self.alerts[rule.name])
            for factor in (longer(self.alerts[rule.name], rule.query),)
            if factor is not None
        ]
        return min(factors, default=1.0) * seconds(SCRAPE_INTERVAL)

    def severity(self, rule: LoadedRule) -> str:
        """Return the severity of a loaded alert in the words of the pack, whatever its label is."""
        label = rule.labels.get("severity", "")
        known: Mapping[str, str] = self.alerts[rule.name].labels if rule.name in self.alerts else {}
        return label if label in {"critical", "warning", "info"} else known.get("severity", "warning")


def load_pack() -> Pack:
    """Read the pack of this installation.

    Raises:
        vault_exporter.assets.ResourceError: a file is missing.
    """
    groups = load()
    return Pack(
        groups=groups,
        alerts=alerts(groups),
        records={rule.record: rule for group in groups for rule in group.rules if rule.record},
        dashboards={name: dashboards.read(name, DashboardOptions()) for name in dashboards.names()},
    )
