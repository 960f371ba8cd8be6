"""Do the alerts arrive at Alertmanager, and what does it hold back?"""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Final

from vault_exporter.diagnose.doctor.chain import Chain
from vault_exporter.diagnose.doctor.checks.routes import labels_of
from vault_exporter.diagnose.doctor.finding import Finding, Level
from vault_exporter.diagnose.doctor.matching import Condition, conditions
from vault_exporter.diagnose.doctor.pack import INHIBITOR
from vault_exporter.diagnose.doctor.read.alertmanager import Silence
from vault_exporter.diagnose.doctor.read.rules_in_force import LoadedRule

__all__ = ["alerts_that_do_not_arrive", "inhibition", "members", "silences", "without_alertmanager"]

_ALERTING: Final = "prometheus.yml: alerting: alertmanagers"
_ON_THE_WAY_SECONDS: Final = 5
"""An alert that fires for less may still be on its way."""
_KNOWN: Final = frozenset({"alertname", "severity", "category", "cluster"})
"""Labels that are known before an alert fires."""
_OPERATORS: Final = {(True, False): "=", (True, True): "=~", (False, False): "!=", (False, True): "!~"}
"""By ``isEqual`` and ``isRegex`` of Alertmanager's API."""


def without_alertmanager(chain: Chain) -> Iterator[Finding]:
    """Prometheus sends alerts to no Alertmanager. It is no finding if none was given: some only look at alerts."""
    if chain.alertmanager is not None and chain.prometheus.alertmanagers == ():
        yield Finding(
            Level.CRITICAL,
            "no-alertmanager",
            "Prometheus sends its alerts to no Alertmanager: nobody is told",
            'add alertmanagers: [{static_configs: [{targets: ["HOST:9093"]}]}]',
            _ALERTING,
        )


def alerts_that_do_not_arrive(chain: Chain) -> Iterator[Finding]:
    """Alerts that fire in Prometheus, and that Alertmanager does not have."""
    if chain.alertmanager is None or chain.prometheus.alertmanagers == ():
        return
    there = {alert.labels.get("alertname", "") for alert in chain.alertmanager.alerts}
    firing = {rule.name for _, rule in chain.pack.loaded(chain.prometheus) if _fires(rule)}
    if missing := sorted(firing - there):
        others = chain.prometheus.alertmanagers
        yield Finding(
            Level.CRITICAL,
            "alerts-not-received",
            f"{len(missing)} alerts fire in Prometheus, and this Alertmanager does not have them"
            + (f"; Prometheus sends to {', '.join(others)}" if others else "")
            + ". After a start or reload of either server, wait for a minute and run this again",
            "correct the address, its path_prefix and its credentials; Prometheus' log has the errors of sending. "
            "alert_relabel_configs may also drop them",
            _ALERTING,
            tuple(missing),
        )


def members(chain: Chain) -> Iterator[Finding]:
    """Prometheus must send to each member of a cluster of Alertmanagers."""
    if chain.alertmanager is None or not chain.prometheus.alertmanagers:
        return
    known, peers = len(chain.prometheus.alertmanagers), chain.alertmanager.peers
    if peers > known:
        yield Finding(
            Level.WARNING,
            "alertmanager-members",
            f"Alertmanager is a cluster of {peers} members, and Prometheus sends to {known}: if these are gone, "
            "nobody is told",
            "list each member, and no load balancer",
            _ALERTING,
            chain.prometheus.alertmanagers,
        )


def silences(chain: Chain) -> Iterator[Finding]:
    """Silences of whole alerts, not of one node."""
    if chain.alertmanager is None:
        return
    rules = [rule for _, rule in chain.pack.loaded(chain.prometheus) if chain.pack.severity(rule) == "critical"]
    for silence in chain.alertmanager.silences:
        if any(matcher.name not in _KNOWN for matcher in silence.matchers):
            continue
        silent = sorted(
            {rule.name for rule in rules if any(_silences(silence, labels) for labels in labels_of(chain, rule))}
        )
        if silent:
            yield Finding(
                Level.WARNING,
                "silenced",
                f"a silence until {silence.ends_at[:16]} holds back {len(silent)} critical alerts",
                f"end it if it is not meant: amtool silence expire {silence.id}",
                "Alertmanager: Silences",
                tuple(silent),
            )


def inhibition(chain: Chain) -> Iterator[Finding]:
    """The inhibitions of the pack, without which every symptom is told beside its cause."""
    if chain.alertmanager is None or all(rule.name != INHIBITOR for _, rule in chain.pack.loaded(chain.prometheus)):
        return
    source = {"alertname": INHIBITOR}
    ours = [
        rule
        for rule in chain.alertmanager.inhibit_rules
        if all(one.holds(source) for one in conditions(rule, "source_") if one.name == "alertname")
        and any(one.name == "inhibits" for one in conditions(rule, "source_"))
    ]
    if not ours:
        yield Finding(
            Level.WARNING,
            "no-inhibition",
            "Alertmanager has no inhibition by VaultInhibitor: people are told every symptom beside its cause",
            "merge inhibit_rules of alerts/alertmanager/subtree.yml",
            "alertmanager.yml: inhibit_rules",
        )


def _fires(rule: LoadedRule) -> bool:
    """Whether the rule has an alert that fires for long enough to have arrived."""
    evaluated = _time(rule.last_evaluation)
    for alert in rule.alerts:
        began = _time(alert.active_at)
        if alert.state == "firing" and evaluated and began:
            return evaluated - began > rule.duration + _ON_THE_WAY_SECONDS
    return False


def _time(text: str) -> float | None:
    try:
        return dt.datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _silences(silence: Silence, labels: Mapping[str, str]) -> bool:
    return all(
        Condition(one.name, _OPERATORS[one.is_equal, one.is_regex], one.value).holds(labels) for one in silence.matchers
    )
