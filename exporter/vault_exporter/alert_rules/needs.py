"""The sources of metrics that a rule needs, and that a configuration provides.

They are derived from the metrics in the rule's expression: the catalogue declares what makes each.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from vault_exporter.alert_rules.profiles import RECORDED
from vault_exporter.alert_rules.rules import Group, Rule
from vault_exporter.config.schema.model import Config, NoAuth
from vault_exporter.metrics.catalogue import FAMILIES
from vault_exporter.scrape.collectors import REQUIRED, chosen

__all__ = ["AGENTS", "fed", "feeds", "needs", "said", "without"]

_ALWAYS: Final = frozenset({"exporter", "scrape"}) | REQUIRED
"""Makers whose samples are on every scrape."""

AGENTS: Final = "agents"
"""Agents, proxies and the injector, which Prometheus scrapes itself: no configuration says whether it does."""
_PARTS: Final = frozenset({AGENTS, "audit", "auth", "backup", "telemetry"})
"""Makers that are no collectors of the configuration, by the name that is printed."""

_MADE_BY: Final = {name: family.made_by for family in FAMILIES for name in family.series} | {"up": "scrape"}

_OF_AGENTS: Final = re.compile(r"(vault|bao)_(agent|proxy)_|process_")


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
    """Return the sources of the metrics in an expression; those that are always there are left out."""
    found = {_source(name) for name in re.findall(r"\b(up|(?:vault|bao|process)_\w+)\{", expr)}
    for name in RECORDED.findall(expr):
        found |= feeds(recorded[name].expr, recorded)
    return frozenset(found - {""})


def fed(config: Config) -> frozenset[str]:
    """Return the sources that a configuration provides."""
    makers = {
        collector.name for target in config.targets for collector in chosen(target, config, config.telemetry)
    } | REQUIRED
    makers.add(AGENTS)
    if config.audit.logs or config.audit.inputs:
        makers.add("audit")
    if config.backup:
        makers.add("backup")
    if any(not isinstance(target.auth, NoAuth) for target in config.targets):
        makers.add("auth")
    return frozenset(map(_named, makers))


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


def _source(name: str) -> str:
    """Return what makes a metric, by its declaration in the catalogue; empty if it is on every scrape.

    A metric that the catalogue does not declare is of a Vault Agent, a proxy or the injector, or of Vault's telemetry,
    which is passed on.
    """
    maker = _MADE_BY.get(name, AGENTS if _OF_AGENTS.match(name) else "telemetry")
    return "" if maker in _ALWAYS else _named(maker)


def _named(maker: str) -> str:
    return maker if maker in _PARTS else f"collector {maker}"
