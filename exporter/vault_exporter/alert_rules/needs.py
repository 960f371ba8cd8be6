"""The sources of metrics that a rule needs, and that a configuration provides.

They are derived from the rule's expression: each metric comes from a collector, Vault's telemetry, audit logs, or the
exporter itself.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from vault_exporter.alert_rules.profiles import RECORDED
from vault_exporter.alert_rules.rules import Group, Rule
from vault_exporter.config.schema.model import Config, NoAuth
from vault_exporter.scrape.collectors import REQUIRED, chosen

__all__ = ["fed", "feeds", "needs", "said", "without"]

AUDIT: Final = "audit"
LOGIN: Final = "auth"
TELEMETRY: Final = "telemetry"
BACKUP: Final = "backup"

_FEEDS: Final = (
    (r"up|vault_(up|sealed|core_unsealed|active|initialized|info|standby)|vault_up_failure_reason", ""),
    (r"vault_(leader_.*|active_since_.*|ha_connection_healthy|(ha_)?clock_skew_.*|removed_from_cluster)", ""),
    (r"vault_license_expiry_.*", ""),  # only with a license
    (r"vault_replication_(dr|performance)_(primary|secondary)", ""),
    (r"vault_replication_.*", "collector replication"),
    (r"vault_namespaces.*", "collector namespaces"),
    (r"vault_exporter_(token|logins|login_failures|auth)_.*", LOGIN),
    (r"vault_exporter_.*", ""),
    (r"vault_audit_devices.*", "collector audit_devices"),
    (r"vault_audit_log_.*", TELEMETRY),
    (r"vault_audit_.*", AUDIT),
    (r"vault_backup_.*", BACKUP),
    (r"vault_barrier_key_.*", "collector barrier_key"),
    (r"vault_raft_autopilot_.*", "collector autopilot"),
    (r"vault_raft_(servers|voters|server_.*)", "collector raft"),
    (r"vault_ha_nodes?(_.*)?", "collector ha_nodes"),
    (r"vault_irrevocable_leases", "collector leases"),
    (r"vault_locked_users", "collector locked_users"),
    (r"vault_listener_certificate_.*", "collector certificate"),
    (r"vault_host_.*", "collector host"),
    (r"vault_in_flight_.*", "collector in_flight"),
    (r"vault_kv_secret.*", "collector kv"),
    (r"vault_pki_.*", "collector pki"),
    (r"vault_canary_.*", "collector canary"),
    (r"vault_approle_.*", "collector approle"),
    (r"vault_watched_token_.*", "collector watched_tokens"),
    (r"vault_database_static_role_.*", "collector database"),
    (r"vault_(process|go|runtime|core|barrier|expire|quota|seal)_.*", TELEMETRY),
)
"""Patterns of metric names with their source; the first match applies. Empty means present on every scrape."""


def needs(rule: Rule, groups: Iterable[Group]) -> tuple[frozenset[str], ...]:
    """Return the needs of a rule: one set for each alternative (``or``), of which one is enough."""
    recorded = {one.record: one for group in groups for one in group.rules if one.record}
    return tuple(dict.fromkeys(feeds(part, recorded) for part in re.split(r"\nor\n", rule.expr)))


def said(rule: Rule, groups: Iterable[Group]) -> str:
    """Return the needs of a rule as text; empty if every scrape provides them."""
    alternatives = needs(rule, groups)
    words = " or ".join(", ".join(sorted(need)) for need in alternatives if need)
    return f"{words} for a part of it" if words and frozenset() in alternatives else words


def feeds(expr: str, recorded: Mapping[str, Rule]) -> frozenset[str]:
    """Return the sources of the metrics in an expression.

    Raises:
        KeyError: a metric has no known source.
    """
    found = {_feed(name) for name in re.findall(r"\b(up|vault_\w+)\{", expr)}
    for name in RECORDED.findall(expr):
        found |= feeds(recorded[name].expr, recorded)
    return frozenset(found - {""})


def fed(config: Config) -> frozenset[str]:
    """Return the sources that a configuration provides."""
    found = {f"collector {collector.name}" for target in config.targets for collector in chosen(target, config)}
    found |= {f"collector {name}" for name in REQUIRED}
    if config.telemetry.enabled:
        found.add(TELEMETRY)
    if config.audit.logs or config.audit.inputs:
        found.add(AUDIT)
    if config.backup:
        found.add(BACKUP)
    if any(not isinstance(target.auth, NoAuth) for target in config.targets):
        found.add(LOGIN)
    return frozenset(found)


def without(groups: Iterable[Group], feeding: frozenset[str]) -> tuple[tuple[Group, ...], dict[str, str]]:
    """Drop rules without their sources. Return the other rules, and the missing sources of each dropped alert."""
    groups = tuple(groups)
    lacking: dict[str, str] = {}
    kept = []
    for group in groups:
        rules = []
        for rule in group.rules:
            lacks = [sorted(need - feeding) for need in needs(rule, groups)]
            if all(lacks):
                lacking[rule.name] = " or ".join(", ".join(lack) for lack in lacks)
            else:
                rules.append(rule)
        if rules:
            kept.append(Group(group.name, tuple(rules), group.about))
    return tuple(kept), lacking


def _feed(name: str) -> str:
    for pattern, feed in _FEEDS:
        if re.fullmatch(pattern, name):
            return feed
    raise KeyError(name)
