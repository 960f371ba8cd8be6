"""The checks. Each is a function of the chain that yields findings, in the file of its subject.

:data:`CHECKS` is the one list. ``docs/doctor.md`` has a row for each name that a check can find.
"""

from collections.abc import Callable, Iterator
from typing import Final

from vault_exporter.diagnose.doctor.chain import Chain
from vault_exporter.diagnose.doctor.checks import (
    alertmanager,
    clocks,
    exporter,
    grafana,
    labels,
    notifications,
    routes,
    rules,
    same_node,
    targets,
)
from vault_exporter.diagnose.doctor.finding import Finding

__all__ = ["CHECKS", "Check"]

Check = Callable[[Chain], Iterator[Finding]]

CHECKS: Final[tuple[Check, ...]] = (
    targets.jobs_that_no_rule_selects,
    targets.jobs_without_targets,
    targets.targets_without_vault_up,
    targets.targets_that_are_down,
    targets.metrics_that_are_dropped,
    targets.nodes_that_are_not_scraped,
    same_node.nodes_that_are_scraped_twice,
    targets.scrape_intervals,
    targets.scrape_timeouts,
    labels.renamed_labels,
    labels.missing_clusters,
    labels.clusters_of_pages,
    labels.shared_clusters,
    labels.split_clusters,
    labels.shared_labels,
    labels.replicas,
    clocks.servers,
    clocks.nodes,
    rules.missing_rules,
    rules.missing_records,
    rules.rules_of_another_version,
    rules.rules_loaded_twice,
    rules.failing_rules,
    rules.slow_groups,
    rules.metrics_that_never_came,
    alertmanager.without_alertmanager,
    alertmanager.alerts_that_do_not_arrive,
    alertmanager.members,
    alertmanager.silences,
    alertmanager.inhibition,
    routes.routes_that_end_nowhere,
    routes.heartbeat,
    notifications.failing_notifications,
    notifications.placeholders,
    grafana.missing_dashboards,
    grafana.changed_dashboards,
    grafana.data_sources,
    grafana.intervals,
    exporter.versions,
    exporter.own_state,
    exporter.telemetry,
    exporter.collectors,
    exporter.tokens,
    exporter.audit_logs,
    exporter.audit_devices,
    exporter.configuration,
)
