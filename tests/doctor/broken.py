"""The broken chains: what is done to a good one, and what the doctor must find. Nothing else may be found."""

from collections.abc import Callable
from typing import Final, NamedTuple

from tests.doctor import breaks
from tests.doctor.stage import Case, Report, Stage

__all__ = ["BROKEN", "HARMLESS", "TOGETHER", "Broken", "Harmless"]


class Broken(NamedTuple):
    """One row of the table."""

    name: str
    how: Callable[[Case, Stage], object]
    checks: set[str]
    says: str
    """A part of the problem, a subject or the place of one of the findings."""

    def is_said(self, report: Report) -> bool:
        """Whether a finding of these checks says it."""
        said = (finding for finding in report.findings if finding["check"] in self.checks)
        return any(self.says in f"{one['problem']} {one['subjects']} {one['place']}" for one in said)


class Harmless(NamedTuple):
    """A change of the good chain after which nothing may be found."""

    name: str
    how: Callable[[Case, Stage], object]


BROKEN: Final = (
    Broken("alerts go to another Alertmanager", breaks.other_alertmanager, {"alerts-not-received"}, "VaultWatchdog"),
    Broken("job has another name", breaks.job_renamed, {"job-not-selected"}, "job hashicorp-vault"),
    Broken("exporter's job has another name", breaks.exporter_job_renamed, {"exporter-job-not-selected"}, "exporters"),
    Broken("job of nodes scrapes /metrics", breaks.own_page_as_node, {"no-vault-up", "node-not-scraped"}, "own page"),
    Broken(
        "job of nodes scrapes Vault", breaks.vault_itself_as_node, {"no-vault-up", "node-not-scraped"}, "Vault itself"
    ),
    Broken("no job of nodes", breaks.no_job, {"no-targets", "node-not-scraped"}, "no job vault"),
    Broken("relabeling drops all nodes", breaks.all_dropped, {"no-targets", "node-not-scraped"}, "drop all 2"),
    Broken("a name that the exporter does not know", breaks.unknown_target, {"target-down"}, "404"),
    Broken("nothing listens", breaks.exporter_gone, {"target-down"}, "refused"),
    Broken("https where the exporter has http", breaks.wrong_scheme, {"target-down"}, "TLS handshake"),
    Broken("metrics are dropped", breaks.metrics_dropped, {"metrics-dropped"}, "vault_sealed, vault_active"),
    Broken("a node is not scraped", breaks.node_forgotten, {"node-not-scraped"}, "n1, n2"),
    Broken("fewer nodes than declared", breaks.expected_node_missing, {"node-not-scraped"}, "4 nodes"),
    Broken("a node is scraped twice", breaks.scraped_twice, {"node-scraped-twice"}, "n1-again"),
    Broken("one node is on both pages", breaks.one_target, {"node-scraped-twice"}, "another job probes it"),
    Broken(
        "one node is on both pages, of two addresses",
        breaks.one_target_at_another_address,
        {"node-scraped-twice"},
        "another job probes it",
    ),
    Broken(
        "one node is on both pages, under wrong jobs",
        breaks.one_target_on_its_page_only,
        {"job-not-selected"},
        "hashicorp-vault",
    ),
    Broken("scraped every two minutes", breaks.slow_job("2m"), {"interval-too-long", "data-source-interval"}, "2m"),
    Broken(
        "scraped every ten minutes",
        breaks.slow_job("10m"),
        {"interval-too-long", "data-source-interval"},
        "gone between",
    ),
    Broken("scrapes nearly time out", breaks.slow_scrapes, {"timeout-too-short"}, "900ms"),
    Broken("expected nodes lose their cluster", breaks.expected_nodes_renamed, {"label-renamed"}, "exported_cluster"),
    Broken("label instance is renamed", breaks.instance_renamed, {"label-renamed"}, "exported_instance"),
    Broken("label namespace is renamed", breaks.namespace_renamed, {"label-renamed"}, "exported_namespace"),
    Broken("no label cluster", breaks.no_cluster, {"cluster-label-missing"}, "n1 (job vault)"),
    Broken("only the page has the cluster", breaks.cluster_of_page, {"cluster-label-of-page"}, "n1 (job vault)"),
    Broken("two clusters under one label", breaks.cluster_shared, {"cluster-label-shared"}, "cluster_id c2"),
    Broken("one cluster under two labels", breaks.cluster_split, {"cluster-label-split"}, "prod-2: n2"),
    Broken("two nodes under the same labels", breaks.labels_shared, {"labels-shared"}, "instance n1"),
    Broken("replica label reaches Alertmanager", breaks.replica, {"replica-label"}, "prometheus_replica"),
    Broken("a node's clock is wrong", breaks.skewed, {"clock-skew"}, "120 s"),
    Broken("no rules", breaks.no_rules, {"rules-missing"}, "rule_files"),
    Broken("a critical alert is missing", breaks.dropped("VaultDown"), {"rules-incomplete"}, "VaultDown"),
    Broken("a warning is missing", breaks.dropped("VaultClockSkew"), {"rules-incomplete"}, "VaultClockSkew"),
    Broken("no watchdog", breaks.dropped("VaultWatchdog"), {"rules-incomplete"}, "VaultWatchdog"),
    Broken("no inhibitor", breaks.dropped("VaultInhibitor"), {"rules-incomplete"}, "VaultInhibitor"),
    Broken(
        "a recording rule is missing",
        breaks.dropped("instance:vault_serves:bool"),
        {"recording-rules-missing"},
        "instance:vault_serves:bool",
    ),
    Broken("an edited rule", breaks.edited, {"rules-changed"}, "VaultSealed"),
    Broken("a shorter window", breaks.shorter_window, {"rules-changed"}, "VaultClockSkew"),
    Broken("an alert of another version", breaks.unknown_alert, {"rules-unknown"}, "VaultRetired"),
    Broken("rules are loaded twice", breaks.twice, {"rules-twice"}, "copy.yml"),
    Broken("a rule fails", breaks.failing, {"rules-failing", "rules-changed"}, "many-to-many"),
    Broken("rules are evaluated rarely", breaks.rarely_evaluated, {"evaluation-too-rare"}, "600 s"),
    Broken("no telemetry", breaks.no_telemetry, {"metrics-never-came"}, "metrics of telemetry"),
    Broken("no login", breaks.no_token, {"metrics-never-came"}, "metrics of auth"),
    Broken("no audit log", breaks.no_audit, {"metrics-never-came"}, "metrics of audit"),
    Broken("no Alertmanager", breaks.no_alertmanager, {"no-alertmanager"}, "no Alertmanager"),
    Broken(
        "a receiver without integration", breaks.receiver_without_integration, {"route-to-nowhere"}, "vault-critical"
    ),
    Broken("no routes", breaks.no_routes, {"route-to-nowhere", "no-heartbeat"}, "receiver default"),
    Broken("the heartbeat goes to people", breaks.heartbeat_to_people, {"no-heartbeat"}, "720 minutes"),
    Broken("the heartbeat goes nowhere", breaks.heartbeat_to_nobody, {"no-heartbeat"}, "vault-nowhere"),
    Broken("no inhibition", breaks.no_inhibition, {"no-inhibition"}, "inhibit_rules"),
    Broken("notifications are refused", breaks.notifications_refused, {"notifications-failing"}, "by slack"),
    Broken("the heartbeat's URL is the example", breaks.heartbeat_placeholder, {"webhook-placeholder"}, "spare"),
    Broken(
        "alerts of a scraped injector are missing",
        breaks.injector_scraped_without_its_alert,
        {"rules-incomplete"},
        "VaultAgentInjectorDown",
    ),
    Broken("another version", breaks.old_exporter, {"exporter-version"}, "0.0.9"),
    Broken("a refused configuration", breaks.refused_configuration, {"reload-failed"}, "refused"),
    Broken(
        "a failing discovery", breaks.failing_discovery, {"discovery-failing", "discovery-dropped"}, "vault.svc:8200"
    ),
    Broken("telemetry is disabled in Vault", breaks.telemetry_disabled, {"telemetry"}, "disabled"),
    Broken("a collector fails", breaks.failing_collector, {"collector-failing"}, "leases"),
    Broken("an invalid token", breaks.invalid_token, {"token-invalid"}, "n1 (job vault)"),
    Broken("an audit log is not readable", breaks.unread_log, {"audit-unread"}, "/var/log/audit.log"),
    Broken("an audit log is read late", breaks.late_log, {"audit-behind"}, "60 minutes"),
    Broken("a cluster's audit log is not followed", breaks.log_not_followed, {"audit-not-followed"}, "staging"),
    Broken("a dashboard is missing", breaks.dashboard_missing, {"dashboard-missing"}, "vault-node"),
    Broken("a dashboard has another uid", breaks.dashboard_copied, {"dashboard-uid"}, "fd8a7c3e"),
    Broken("a dashboard is edited", breaks.dashboard_edited, {"dashboard-changed"}, "vault-node"),
    Broken("no data source", breaks.no_data_source, {"no-data-source"}, "no data source"),
    Broken("a data source is gone", breaks.data_source_gone, {"data-source-unknown"}, "old-uid"),
    Broken("a data source of others", breaks.other_data_source, {"data-source-without-vault"}, "Prometheus"),
    Broken("a data source's interval", breaks.data_source_too_fast, {"data-source-interval"}, "50ms"),
)

HARMLESS: Final = (
    (
        Harmless("alerts of agents are disabled where there are none", breaks.agents_disabled),
        Harmless("a node that is down has no telemetry", breaks.down_without_telemetry),
    ),
    (Harmless("one node's metrics are dropped from one page", breaks.one_target_without_its_metrics),),
)
"""What is no fault. One chain has all of a group."""

TOGETHER: Final = (
    (
        *("alerts go to another Alertmanager", "another version", "a refused configuration", "a failing discovery"),
        *("telemetry is disabled in Vault", "a collector fails", "an invalid token", "an audit log is read late"),
        *("a node's clock is wrong", "a dashboard is missing", "a data source of others"),
    ),
    (
        *("exporter's job has another name", "metrics are dropped", "a node is scraped twice"),
        *("scraped every two minutes", "an edited rule", "an alert of another version", "a dashboard is edited"),
        "the heartbeat goes to people",
    ),
    (
        *("fewer nodes than declared", "a rule fails", "rules are evaluated rarely", "scraped every ten minutes"),
        *("an audit log is not readable", "no inhibition", "a data source's interval"),
    ),
    (
        *("two clusters under one label", "no telemetry", "no login", "a receiver without integration"),
        *("a shorter window", "a recording rule is missing", "label instance is renamed"),
        *("notifications are refused", "the heartbeat's URL is the example"),
        "alerts of a scraped injector are missing",
    ),
    ("one node is on both pages",),
    ("one node is on both pages, under wrong jobs",),
    ("one node is on both pages, of two addresses",),
    ("job of nodes scrapes /metrics", "no Alertmanager", "rules are loaded twice", "no data source"),
)
"""Rows whose faults do not hide each other, by name. One chain has all of a group."""
