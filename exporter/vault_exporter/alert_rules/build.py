"""Build Prometheus' rules from their sources, and add the parts that all rules share."""

import re
from collections.abc import Mapping
from typing import Final

from vault_exporter.alert_rules.source import RuleSource

__all__ = ["annotations", "expression", "labels", "runbook_url", "thresholds"]

_CLUSTER: Final = '{{ or $labels.cluster $externalLabels.cluster "default" }}'
_INSTANCE: Final = {
    "cluster": _CLUSTER,
    "either": '{{ or $labels.instance $labels.cluster $externalLabels.cluster "default" }}',
}
"""Alerts of a cluster use its name as ``instance``, because Alertmanager treats a missing label as equal."""

_TEXTS: Final = {
    "<node>": f"{{{{ $labels.instance }}}} of cluster {_CLUSTER}",
    "<cluster>": f"Cluster {_CLUSTER}",
    "<node or cluster>": (
        f"{{{{ with $labels.instance }}}}{{{{ . }}}} of cluster{{{{ else }}}}Cluster{{{{ end }}}} {_CLUSTER}"
    ),
    "<serving>": (
        '{{ with printf "sum(instance:vault_serves:bool{cluster=%q})" $labels.cluster | query -}} '
        "{{ . | first | value }} {{- else -}} 0 {{- end }} "
        "of <nodes> nodes of the cluster answer and are unsealed."
    ),
    "<nodes>": (
        '{{ with printf "count(count by (instance) (up{job=~\\"vault\\",cluster=%q}))" $labels.cluster | query }}'
        "{{ . | first | value }}{{ end }}"
    ),
    "<when>": (
        '{{ with printf "vault_audit_event_last_timestamp_seconds'
        '{job=~\\"vault|vault-exporter\\",cluster=%q,instance=%q,event=%q}" $labels.cluster $labels.instance '
        "$labels.event | query }}, last at {{ . | first | value | humanizeTimestamp }}{{ end }}"
    ),
}
_EVENT: Final = """\
vault_audit_event_last_timestamp_seconds{MATCH}
> on (job, cluster, instance, event) group_left ()
max by (job, cluster, instance, event) (max_over_time(vault_audit_event_last_timestamp_seconds{MATCH}[6h] offset 15m))
or
increase(vault_audit_events_total{MATCH}[15m]) > 0
unless on (job, cluster, instance, event)
max_over_time(vault_audit_event_last_timestamp_seconds{MATCH}[6h] offset 15m)
unless on (job, cluster, instance, event)
vault_audit_event_last_timestamp_seconds{MATCH} < time() - 21600
or
vault_audit_events_total{MATCH}
> on (job, cluster, instance, event) group_left ()
max by (job, cluster, instance, event) (max_over_time(vault_audit_events_total{MATCH}[6h] offset 15m))
unless on (job, cluster, instance, event)
max_over_time(vault_audit_event_last_timestamp_seconds{MATCH}[6h] offset 15m)
unless on (job, cluster, instance, event)
vault_audit_event_last_timestamp_seconds{MATCH} < time() - 21600"""
"""True if the last event is newer than the last one known 15 minutes ago. It holds across missed scrapes, and is false
if an old log is read again. Without an earlier event, the counter decides, except for an event more than six hours old.
"""
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")


def expression(rule: RuleSource) -> str:
    """Return the expression with the names of its thresholds."""
    if not rule.event:
        return rule.expr
    operator = "=~" if "|" in rule.event else "="
    return _EVENT.replace("MATCH", f'job=~"vault|vault-exporter",event{operator}"{rule.event}"')


def thresholds(template: str, values: Mapping[str, str]) -> str:
    """Replace the names of thresholds in an expression by their values.

    Raises:
        KeyError: a name is not declared.
    """
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)


def labels(rule: RuleSource, category: str) -> dict[str, str]:
    """Return the labels of an alert."""
    common = {"severity": rule.severity, "category": category, "cluster": _CLUSTER}
    return common | ({"instance": _INSTANCE[rule.of]} if rule.of in _INSTANCE else {})


def runbook_url(address: str, alert: str) -> str:
    """Return the address of a runbook.

    Args:
        address: where the runbooks are; ``{name}`` stands for the alert. Without it, the runbooks are files there.
        alert: name of the alert.
    """
    return address.replace("{name}", alert) if "{name}" in address else f"{address.rstrip('/')}/{alert}.md"


def annotations(rule: RuleSource, category: str, runbooks: str, grafana: str) -> dict[str, str]:
    """Return the annotations of an alert; ``nodes``, the number of nodes of its cluster, is for titles of pages."""
    description = " ".join(rule.description.split())
    for name, text in _TEXTS.items():
        description = description.replace(name, text)
    query = "{{ with $labels.cluster }}?var-cluster={{ . | urlquery }}{{ end }}"
    if rule.dashboard == "vault-node":
        query = f"?var-instance={{{{ $labels.instance | urlquery }}}}{query.replace('?', '&')}"
    counted = {"nodes": _TEXTS["<nodes>"]} if category == "availability" and rule.of == "node" else {}
    return {
        "summary": rule.summary,
        "description": description,
        **counted,
        "runbook_url": runbook_url(runbooks, rule.alert),
        "dashboard_url": f"{grafana}/d/{rule.dashboard}{query}",
    }
