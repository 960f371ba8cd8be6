"""Render the rules for Prometheus, for the Prometheus operator, and for Grafana alerting."""

import enum
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import yaml

from vault_exporter.alert_rules.alertmanager import alertmanager_config
from vault_exporter.alert_rules.needs import said
from vault_exporter.alert_rules.profiles import RECORDED
from vault_exporter.alert_rules.rules import Group, Rule
from vault_exporter.util.kubernetes import Metadata

__all__ = ["Form", "render", "render_alertmanager_config", "render_file"]

_INTERVAL: Final = "1m"
_LOOK_BACK_SECONDS: Final = 600
_WIDTH: Final = 120
_LABELS: Final = {"app.kubernetes.io/name": "vault-exporter"}


class Form(enum.StrEnum):
    """Output format of the rules, or of the configuration that routes their alerts."""

    PROMETHEUS = "prometheus"
    OPERATOR = "operator"
    GRAFANA = "grafana"
    JSON = "json"
    """Of the parameters only."""
    ALERTMANAGER_CONFIG = "alertmanager-config"
    """Of the routes and receivers."""


def render(groups: Iterable[Group], form: Form, datasource: str = "prometheus", wishes: Metadata | None = None) -> str:
    """Return the rules as a YAML document, with the needs of each alert as a comment.

    Args:
        groups: the rules.
        form: output format.
        datasource: uid of the Prometheus data source in Grafana.
        wishes: metadata of an object of Kubernetes.

    Raises:
        ResourceError: a file of the Alertmanager configuration is missing from this installation.
    """
    wishes = wishes or Metadata()
    groups = tuple(groups)
    match form:
        case Form.PROMETHEUS:
            document: dict[str, Any] = {"groups": [_group(group) for group in groups]}
        case Form.OPERATOR:
            document = {
                "apiVersion": "monitoring.coreos.com/v1",
                "kind": "PrometheusRule",
                "metadata": wishes.of(wishes.name or "vault", _LABELS),
                "spec": {"groups": [_group(group) for group in groups]},
            }
        case Form.GRAFANA:
            document = {"apiVersion": 1, "groups": list(_grafana(groups, datasource))}
        case Form.ALERTMANAGER_CONFIG:
            return render_alertmanager_config(wishes)
    return "\n".join(_commented(_dumped(document).splitlines(), groups)) + "\n"


def render_alertmanager_config(wishes: Metadata) -> str:
    """Return the routes and receivers of the pack's alerts as an AlertmanagerConfig of the Prometheus operator.

    Raises:
        ResourceError: a file is missing from this installation.
    """
    document = {
        "apiVersion": "monitoring.coreos.com/v1alpha1",
        "kind": "AlertmanagerConfig",
        "metadata": wishes.of(wishes.name or "vault", _LABELS),
        "spec": alertmanager_config(),
    }
    return "# Printed by vault-exporter rules.\n" + _dumped(document)


def render_file(group: Group, groups: Iterable[Group]) -> str:
    """Return the file of one group for ``alerts/rules``, with the reason for each rule as a comment."""
    groups = tuple(groups)
    before = {rule.name: (rule.why, said(rule, groups) if rule.alert else "") for rule in group.rules}
    lines = [
        f"# Built from alerts/source/{group.name.removeprefix('vault-')}.yml by `make generate`; change it there.",
        "#",
        *_comment(group.about, ""),
        "# Loaded by Prometheus as it is; alerts/README.md says what to set.",
    ]
    for line in _dumped({"groups": [_group(group)]}).splitlines():
        if found := re.fullmatch(r"(\s*)- (?:alert|record): (\S+)", line):
            why, needs = before[found[2]]
            lines += ["", *_comment(why, found[1])]
            lines += [f"{found[1]}# needs: {needs}"] if needs else []
        lines.append(line)
    return "\n".join(lines) + "\n"


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _dumped(document: Mapping[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=_WIDTH, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Writes multi-line text, such as expressions, as block scalars."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _commented(lines: Iterable[str], groups: tuple[Group, ...]) -> Iterator[str]:
    """Add the needs of each alert as a comment before it."""
    needs = {rule.alert: said(rule, groups) for group in groups for rule in group.rules if rule.alert}
    yield "# Printed by vault-exporter rules."
    for line in lines:
        found = re.fullmatch(r"(\s*)- (?:alert|title): (\w+)", line)
        if found and needs.get(found[2]):
            yield f"{found[1]}# needs: {needs[found[2]]}"
        yield line


def _group(group: Group) -> dict[str, Any]:
    return {"name": group.name, "rules": [_rule(rule) for rule in group.rules]}


def _rule(rule: Rule) -> dict[str, Any]:
    fields = {
        "alert": rule.alert,
        "record": rule.record,
        "expr": rule.expr,
        "for": rule.for_,
        "labels": rule.labels,
        "annotations": rule.annotations,
    }
    return {key: value for key, value in fields.items() if value}


def _grafana(groups: tuple[Group, ...], datasource: str) -> Iterator[dict[str, Any]]:
    recorded = {rule.record: rule.expr for group in groups for rule in group.rules if rule.record}
    for group in groups:
        # Grafana keeps no series of its alerts, so it cannot evaluate a rule on other alerts.
        kept = (rule for rule in group.rules if rule.alert and "ALERTS{" not in rule.expr)
        if rules := [_grafana_rule(rule, recorded, datasource) for rule in kept]:
            yield {"orgId": 1, "name": group.name, "folder": "Vault", "interval": _INTERVAL, "rules": rules}


def _grafana_rule(rule: Rule, recorded: Mapping[str, str], datasource: str) -> dict[str, Any]:
    """Convert one alert to Grafana's form: an expression that returns a series for each alert, with any value."""
    expr = rule.expr
    while RECORDED.search(expr):  # Grafana has no recording rules, so insert the expression
        expr = re.sub(
            rf"({RECORDED.pattern})(?:\[(\w+)\])?",
            lambda found: f"({recorded[found[1]]})" + (f"[{found[2]}:{_INTERVAL}]" if found[2] else ""),
            expr,
        )
    return {
        "title": rule.alert,
        "uid": re.sub(r"(?<!^)(?=[A-Z])", "-", rule.alert).lower()[:40],
        "condition": "B",
        "data": [
            _grafana_query("A", "prometheus", datasource, expr=expr, instant=True, range=False),
            _grafana_query("B", "__expr__", "__expr__", type="math", expression="is_number($A) || is_nan($A)"),
        ],
        # A rule whose comparison matches nothing returns no data, which is the normal state.
        "noDataState": "OK",
        "execErrState": "Error",
        "for": rule.for_ or "0s",
        # Grafana expands environment variables in labels of provisioned files, so $ is escaped as $$.
        "labels": {key: _plain(text).replace("$", "$$") for key, text in rule.labels.items()},
        "annotations": {
            **{key: _plain(text) for key, text in rule.annotations.items() if key not in {"description", "nodes"}},
            # Grafana's templates cannot query, and have no external labels.
            "description": f"{{{{ $labels.instance }}}} of cluster {_plain(rule.labels['cluster'])}: "
            f"{rule.annotations['summary']}",
        },
    }


def _grafana_query(ref: str, kind: str, uid: str, **model: object) -> dict[str, Any]:
    return {
        "refId": ref,
        "datasourceUid": uid,
        "relativeTimeRange": {"from": _LOOK_BACK_SECONDS, "to": 0},
        "model": {"refId": ref, "datasource": {"type": kind, "uid": uid}, **model},
    }


def _plain(text: str) -> str:
    """Remove parts of a template that only Prometheus supports."""
    return text.replace("$externalLabels.cluster ", "").replace("{{ $externalURL }}", "http://prometheus")
