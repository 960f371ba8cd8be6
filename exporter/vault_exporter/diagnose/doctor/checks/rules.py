"""Are the rules of this version loaded and evaluated, and do the metrics come that they are about?"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from vault_exporter.alert_rules import Profile
from vault_exporter.alert_rules.needs import AGENTS
from vault_exporter.alert_rules.profiles import RECORDED
from vault_exporter.diagnose.doctor.chain import Chain
from vault_exporter.diagnose.doctor.finding import Finding, Level
from vault_exporter.diagnose.doctor.pack import HEARTBEAT, INHIBITOR, INJECTOR
from vault_exporter.diagnose.doctor.read.rules_in_force import LoadedRule
from vault_exporter.diagnose.doctor.same_rule import longer

__all__ = [
    "failing_rules",
    "metrics_that_never_came",
    "missing_records",
    "missing_rules",
    "rules_loaded_twice",
    "rules_of_another_version",
    "slow_groups",
]

_PLACE: Final = "prometheus.yml: rule_files"
_PRINT: Final = "load what `vault-exporter rules` of this version prints, with your --set, --overrides and --config"
_SLOWEST_SECONDS: Final = 120
"""Longest interval between evaluations at which the shortest ``for`` of a critical alert still means something."""
_BAD_HEALTH: Final = "err"


def missing_rules(chain: Chain) -> Iterator[Finding]:
    """Alerts of the pack that are not loaded."""
    if chain.prometheus.groups is None:
        return
    loaded = {rule.name for _, rule in chain.pack.loaded(chain.prometheus)}
    if not loaded:
        yield Finding(
            Level.CRITICAL,
            "rules-missing",
            "no alert rule of the pack is loaded: nobody is told of anything",
            "load alerts/rules/*.yml, or what `vault-exporter rules` prints",
            _PLACE,
        )
        return
    profile = chain.pack.profile(loaded)
    wanted = chain.pack.of(profile)
    for name, level, why in (
        (HEARTBEAT, Level.CRITICAL, "without it, nobody learns that Prometheus or Alertmanager is gone"),
        (INHIBITOR, Level.WARNING, "without it, Alertmanager tells every symptom beside its cause"),
    ):
        if name not in loaded:
            yield Finding(level, "rules-incomplete", f"{name} is not loaded: {why}", _PRINT, _PLACE, (name,))
    missing = [name for name in wanted if name not in {*loaded, HEARTBEAT, INHIBITOR} and _is_fed(chain, name)]
    for level, names in (
        (Level.CRITICAL, [name for name in missing if wanted[name].profile is Profile.CORE]),
        (Level.WARNING, [name for name in missing if wanted[name].profile is not Profile.CORE]),
    ):
        if names:
            yield Finding(
                level,
                "rules-incomplete",
                f"{len(names)} alerts of the profile {profile} are not loaded, and their metrics are there",
                _PRINT,
                _PLACE,
                tuple(sorted(names)),
            )


def missing_records(chain: Chain) -> Iterator[Finding]:
    """Recording rules that loaded alerts need."""
    if not chain.prometheus.groups:
        return
    loaded = {rule.name for group in chain.prometheus.groups for rule in group.rules if not rule.is_alert}
    needed: dict[str, list[str]] = defaultdict(list)
    for _, rule in chain.pack.loaded(chain.prometheus):
        for name in set(RECORDED.findall(rule.query)) - loaded:
            needed[name].append(rule.name)
    if needed:
        users = sorted({user for users in needed.values() for user in users})
        yield Finding(
            Level.CRITICAL,
            "recording-rules-missing",
            f"recording rules are not loaded, and {len(users)} alerts that need them cannot fire: {', '.join(users)}",
            _PRINT,
            _PLACE,
            tuple(sorted(needed)),
        )


def rules_of_another_version(chain: Chain) -> Iterator[Finding]:
    """Alerts and recording rules that differ from this version's in more than a parameter."""
    unknown: dict[str, list[str]] = defaultdict(list)
    changed: dict[str, list[str]] = defaultdict(list)
    for group in chain.prometheus.groups or ():
        for rule in group.rules:
            ours = chain.pack.alerts.get(rule.name) or chain.pack.records.get(rule.name)
            if ours is None:
                if chain.pack.is_ours(rule):
                    unknown[str(group)].append(rule.name)
            elif longer(ours, rule.query) is None or rule.labels.get("category") != ours.labels.get("category"):
                changed[str(group)].append(rule.name)
    for group_name, names in changed.items():
        yield Finding(
            Level.WARNING,
            "rules-changed",
            f"rules in {group_name} are not this version's: edited, or of another version of the exporter",
            f"{_PRINT}; a rule of your own is better under a name of its own",
            group_name,
            tuple(sorted(names)),
        )
    for group_name, names in unknown.items():
        yield Finding(
            Level.WARNING,
            "rules-unknown",
            f"alerts in {group_name} look like the pack's, and this version has none of that name: they are of another "
            "version",
            f"{_PRINT}, or run the doctor of the version that the rules are of",
            group_name,
            tuple(sorted(names)),
        )


def rules_loaded_twice(chain: Chain) -> Iterator[Finding]:
    """Alerts that several files have."""
    places: dict[str, list[str]] = defaultdict(list)
    for group, rule in chain.pack.loaded(chain.prometheus):
        places[rule.name].append(str(group))
    twice: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, groups in places.items():
        if len(groups) > 1:
            twice[tuple(sorted(groups))].append(name)
    for files, names in twice.items():
        yield Finding(
            Level.WARNING,
            "rules-twice",
            f"alerts are loaded {len(files)} times, from {', '.join(files)}; where they differ, both are told",
            "remove one of the files",
            _PLACE,
            tuple(sorted(names)),
        )


def failing_rules(chain: Chain) -> Iterator[Finding]:
    """Rules whose evaluation fails."""
    names = {*chain.pack.alerts, *chain.pack.records}
    failing: dict[str, list[tuple[str, LoadedRule]]] = defaultdict(list)
    for group in chain.prometheus.groups or ():
        for rule in group.rules:
            if rule.health == _BAD_HEALTH and (rule.name in names or chain.pack.is_ours(rule)):
                failing[rule.last_error].append((str(group), rule))
    for error, found in failing.items():
        yield Finding(
            Level.CRITICAL,
            "rules-failing",
            f"rules cannot be evaluated: {error or 'no reason is given'}",
            "two series of one target are the usual cause: look for targets that are scraped twice; else load the "
            "rules of this version",
            found[0][0],
            tuple(sorted({rule.name for _, rule in found})),
        )


def slow_groups(chain: Chain) -> Iterator[Finding]:
    """Groups that are evaluated too rarely, or take longer than their interval."""
    ours = {str(group): group for group, _ in chain.pack.loaded(chain.prometheus)}
    rare = {name: group for name, group in ours.items() if group.interval > _SLOWEST_SECONDS}
    if rare:
        longest = max(group.interval for group in rare.values())
        yield Finding(
            Level.WARNING,
            "evaluation-too-rare",
            f"rules are evaluated every {longest:g} s only: a page comes that much later",
            "set evaluation_interval to 1m or less",
            "prometheus.yml: global: evaluation_interval",
            tuple(sorted(rare)),
        )
    slow = {name: group for name, group in ours.items() if 0 < group.interval < group.evaluation_time}
    if slow:
        yield Finding(
            Level.WARNING,
            "evaluation-too-slow",
            "groups take longer than their interval: Prometheus leaves out evaluations",
            "give Prometheus more CPU, load a smaller --profile, or raise evaluation_interval",
            "prometheus.yml: global: evaluation_interval",
            tuple(f"{name}: {group.evaluation_time:.1f} s of {group.interval:g} s" for name, group in slow.items()),
        )


def metrics_that_never_came(chain: Chain) -> Iterator[Finding]:
    """Loaded alerts whose metrics Prometheus does not have, although the exporter is set up to give them."""
    if not chain.prometheus.one("vault_up"):
        return  # said already
    sources = _sources(chain)
    feeds = chain.exporter.feeds if chain.exporter else frozenset()
    lacking: dict[str, list[str]] = defaultdict(list)
    for name in {rule.name for _, rule in chain.pack.loaded(chain.prometheus)} & set(chain.pack.alerts):
        alternatives = chain.pack.needs(name)
        if any(need <= sources for need in alternatives):
            continue
        for source in {one for need in alternatives for one in need - sources if one in _EXPECTED or one in feeds}:
            lacking[source].append(name)
    for source, names in sorted(lacking.items()):
        remedy, place = _EXPECTED.get(
            source, (f"look at why {source} gives nothing: `vault-exporter check --online`", "")
        )
        yield Finding(
            Level.WARNING,
            "metrics-never-came",
            f"{len(names)} loaded alerts cannot fire: Prometheus has no metrics of {source}",
            f"{remedy}, or leave these alerts out with `vault-exporter rules --config FILE`",
            place or "vault-exporter.yml",
            tuple(sorted(names)),
        )


_EXPECTED: Final = {
    "audit": (
        "let the exporter follow the audit log, and let Prometheus scrape that exporter's /metrics",
        "vault-exporter.yml: audit.logs or audit.inputs",
    ),
    "auth": ("give the exporter a login", "vault-exporter.yml: auth of each target, or of defaults"),
    "telemetry": (
        "let the exporter read sys/metrics: a token with that policy, and prometheus_retention_time in Vault",
        "vault-exporter.yml: telemetry, and Vault's telemetry block",
    ),
}
"""Sources that every installation should have: what to do, and where."""


def _sources(chain: Chain) -> frozenset[str]:
    """Return the sources of metrics that Prometheus has."""
    prometheus = chain.prometheus
    found = {f"collector {one.labels.get('collector', '')}" for one in prometheus.one("collectors")}
    for source, query in (
        ("audit", "audit_readers"),
        ("auth", "token_valid"),
        ("backup", "backups"),
        (AGENTS, "agents"),
        (INJECTOR, "injector"),
    ):
        if prometheus.one(query):
            found.add(source)
    if any(one.labels.get("status") in {"ok", "unavailable"} for one in prometheus.one("telemetry")):
        found.add("telemetry")
    return frozenset(found)


def _is_fed(chain: Chain, name: str) -> bool:
    """Whether a missing alert would have its metrics. `rules --config` leaves the others out."""
    sources = _sources(chain) | (chain.exporter.feeds if chain.exporter else frozenset())
    return any(need <= sources for need in chain.pack.needs(name))
