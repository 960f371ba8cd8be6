"""The broken chains: what is done to a good one, and what the doctor must find. Nothing else may be found."""

import copy
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from tests.doctor.pages import BUILD, NODE
from tests.doctor.stage import Case, Report, Stage

__all__ = ["BROKEN", "TOGETHER", "Broken"]


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


def _static(case: Case, job: int = 0) -> list[dict[str, dict[str, str]]]:
    found: list[dict[str, dict[str, str]]] = case.jobs[job]["static_configs"]
    return found


def _job_renamed(case: Case, _: Stage) -> None:
    case.jobs[0]["job_name"] = "hashicorp-vault"


def _exporter_job_renamed(case: Case, _: Stage) -> None:
    case.jobs[1]["job_name"] = "exporters"


def _own_page_as_node(case: Case, _: Stage) -> None:
    case.jobs[0] = {"job_name": "vault", "static_configs": [{"targets": [case.address], "labels": {"cluster": "prod"}}]}


def _vault_itself_as_node(case: Case, _: Stage) -> None:
    case.jobs[0].update(metrics_path="/v1/sys/metrics")
    for static in _static(case):
        static["labels"].pop("__param_target")
    case.pages["/v1/sys/metrics"] = "vault_core_unsealed 1\n"


def _no_job(case: Case, _: Stage) -> None:
    del case.jobs[0]


def _all_dropped(case: Case, _: Stage) -> None:
    case.jobs[0]["relabel_configs"] = [{"source_labels": ["instance"], "regex": "n.*", "action": "drop"}]


def _unknown_target(case: Case, _: Stage) -> None:
    _static(case)[1]["labels"]["__param_target"] = "n9"


def _exporter_gone(case: Case, _: Stage) -> None:
    for static in _static(case):
        static["targets"] = [case.closed]  # type: ignore[assignment]
    case.jobs[1]["static_configs"][0]["targets"] = [case.closed]


def _wrong_scheme(case: Case, _: Stage) -> None:
    case.jobs[0]["scheme"] = "https"


def _metrics_dropped(case: Case, _: Stage) -> None:
    case.jobs[0]["metric_relabel_configs"] = [
        {"source_labels": ["__name__"], "regex": "vault_(sealed|active)", "action": "drop"}
    ]


def _node_forgotten(case: Case, _: Stage) -> None:
    _static(case).pop()


def _expected_node_missing(case: Case, _: Stage) -> None:
    case.jobs[1]["honor_labels"] = True
    case.own({'vault_exporter_cluster_expected_nodes{cluster="prod"}': 4})


def _scraped_twice(case: Case, _: Stage) -> None:
    again = copy.deepcopy(_static(case)[0])
    again["labels"]["instance"] = "n1-again"
    _static(case).append(again)


def _slow_job(interval: str) -> Callable[[Case, Stage], None]:
    def change(case: Case, _: Stage) -> None:
        slow = copy.deepcopy(case.jobs[0])
        slow.update(job_name="slow", scrape_interval=interval, scrape_timeout="10s")
        slow["static_configs"] = [slow["static_configs"][0]]
        slow["static_configs"][0]["labels"].update(instance="n3", __param_target="n3", job="vault")
        case.jobs.append(slow)
        case.node("n3", {})

    return change


def _slow_scrapes(case: Case, _: Stage) -> None:
    slow = copy.deepcopy(case.jobs[0])
    slow.update(job_name="slow", scrape_interval="900ms", scrape_timeout="900ms")
    slow["static_configs"] = [slow["static_configs"][0]]
    slow["static_configs"][0]["labels"].update(instance="n3", __param_target="n3-slow", job="vault")
    case.jobs.append(slow)
    case.node("n3-slow", {})


def _expected_nodes_renamed(case: Case, _: Stage) -> None:
    case.own({'vault_exporter_cluster_expected_nodes{cluster="other"}': 2})


def _instance_renamed(case: Case, _: Stage) -> None:
    case.node("n1", {'vault_identity_num_entities{instance="n1:8200"}': 1})


def _namespace_renamed(case: Case, _: Stage) -> None:
    for static in _static(case):
        static["labels"]["namespace"] = "monitoring"
    case.node("n1", {'vault_secret_kv_count{namespace="root"}': 1})


def _no_cluster(case: Case, _: Stage) -> None:
    for job in (0, 1):
        for static in _static(case, job):
            static["labels"].pop("cluster")


def _cluster_of_page(case: Case, _: Stage) -> None:
    for static in _static(case):
        static["labels"].pop("cluster")
    labelled = dict.fromkeys(NODE) | {_with_cluster(name): value for name, value in NODE.items()}
    case.nodes(labelled)


def _with_cluster(name: str) -> str:
    before, _, after = name.partition("{")
    return f'{before}{{cluster="prod",{after}' if after else f'{name}{{cluster="prod"}}'


def _cluster_shared(case: Case, _: Stage) -> None:
    c1, c2 = (f'vault_info{{version="2.7.2",cluster_name="its",cluster_id="{name}"}}' for name in ("c1", "c2"))
    case.node("n2", {c1: None, c2: 1})


def _cluster_split(case: Case, _: Stage) -> None:
    _static(case)[1]["labels"]["cluster"] = "prod-2"
    case.nodes({"vault_ha_nodes": None, 'vault_audit_devices{type="file"}': None})


def _labels_shared(case: Case, _: Stage) -> None:
    _static(case)[1]["labels"]["instance"] = "n1"
    case.nodes({"vault_ha_nodes": None})


def _replica(case: Case, _: Stage) -> None:
    case.config["global"]["external_labels"] = {"prometheus_replica": "a"}


def _skewed(case: Case, _: Stage) -> None:
    case.node("n2", {"vault_clock_skew_seconds": -120})


def _no_rules(case: Case, _: Stage) -> None:
    case.rules.clear()


def _edited(case: Case, _: Stage) -> None:
    case.alert("VaultSealed")["expr"] = 'vault_sealed{job=~"vault"} > 0'


def _shorter_window(case: Case, _: Stage) -> None:
    rule = case.alert("VaultClockSkew")
    rule["expr"] = rule["expr"].replace("[3m]", "[1m]")


def _unknown_alert(case: Case, _: Stage) -> None:
    labels = {"severity": "warning", "category": "meta"}
    case.rules["old.yml"] = {
        "groups": [{"name": "old", "rules": [{"alert": "VaultRetired", "expr": "vector(0) > 1", "labels": labels}]}]
    }


def _twice(case: Case, _: Stage) -> None:
    case.rules["copy.yml"] = case.rules["slo.yml"]


def _failing(case: Case, _: Stage) -> None:
    case.alert("VaultUninitialized")["expr"] = 'vault_up{job=~"vault"} * on (job) vault_sealed{job=~"vault"}'


def _rarely_evaluated(case: Case, _: Stage) -> None:
    case.rules["saturation.yml"]["groups"][0]["interval"] = "10m"


def _no_telemetry(case: Case, _: Stage) -> None:
    ok, off = (f'vault_exporter_telemetry_status{{status="{one}"}}' for one in ("ok", "off"))
    case.nodes({ok: 0, off: 1})


def _telemetry_disabled(case: Case, _: Stage) -> None:
    ok, disabled = (f'vault_exporter_telemetry_status{{status="{one}"}}' for one in ("ok", "disabled"))
    case.node("n2", {ok: 0, disabled: 1})


def _no_token(case: Case, _: Stage) -> None:
    case.nodes({"vault_exporter_token_valid": None})


def _no_audit(case: Case, _: Stage) -> None:
    case.own({'vault_audit_reader_up{log="/var/log/audit.log"}': None})


def _no_alertmanager(case: Case, _: Stage) -> None:
    case.config.pop("alerting")


def _other_alertmanager(case: Case, _: Stage) -> None:
    case.config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [case.closed]}]}]}


def _receiver_without_integration(case: Case, _: Stage) -> None:
    next(one for one in case.alertmanager["receivers"] if one["name"] == "vault-critical").pop("pagerduty_configs")


def _no_routes(case: Case, _: Stage) -> None:
    case.alertmanager["route"].pop("routes")


def _heartbeat_to_people(case: Case, _: Stage) -> None:
    routes = case.alertmanager["route"]["routes"][0]["routes"]
    routes[0] = {"receiver": "vault-critical", "matchers": ['alertname = "VaultWatchdog"']}


def _heartbeat_to_nobody(case: Case, _: Stage) -> None:
    case.alertmanager["route"]["routes"][0]["routes"].pop(0)


def _no_inhibition(case: Case, _: Stage) -> None:
    case.alertmanager.pop("inhibit_rules")


def _old_exporter(case: Case, _: Stage) -> None:
    case.own({BUILD: None, 'vault_exporter_build_info{version="0.0.9",python="3.13"}': 1})


def _refused_configuration(case: Case, _: Stage) -> None:
    case.own({"vault_exporter_config_last_reload_successful": 0})


def _failing_discovery(case: Case, _: Stage) -> None:
    source = 'type="dns",source="vault.svc:8200"'
    case.own(
        {
            f"vault_exporter_discovery_success{{{source}}}": 0,
            f"vault_exporter_discovery_dropped_targets{{{source}}}": 4,
        }
    )


def _failing_collector(case: Case, _: Stage) -> None:
    case.node("n1", {'vault_exporter_collector_failure_reason{collector="leases",reason="permission_denied"}': 1})


def _invalid_token(case: Case, _: Stage) -> None:
    case.node("n1", {"vault_exporter_token_valid": 0})


def _unread_log(case: Case, _: Stage) -> None:
    case.own({'vault_audit_reader_up{log="/var/log/audit.log"}': 0})


def _late_log(case: Case, _: Stage) -> None:
    old = time.time() - 3600
    case.own({'vault_audit_reader_oldest_unread_timestamp_seconds{log="/var/log/audit.log"}': old})


def _log_not_followed(case: Case, _: Stage) -> None:
    for static in _static(case):
        static["labels"]["cluster"] = "staging"


def _dashboard_missing(_: Case, stage: Stage) -> None:
    del stage.grafana.dashboards["vault-node"]


def _dashboard_copied(_: Case, stage: Stage) -> None:
    stage.grafana.dashboards["fd8a7c3e"] = stage.grafana.dashboards.pop("vault-node")


def _dashboard_edited(_: Case, stage: Stage) -> None:
    panels = stage.grafana.dashboards["vault-node"]["panels"]
    del panels[len(panels) // 2 :]


def _no_data_source(_: Case, stage: Stage) -> None:
    stage.grafana.sources.clear()


def _data_source_gone(_: Case, stage: Stage) -> None:
    for variable in stage.grafana.dashboards["vault-node"]["templating"]["list"]:
        if variable["name"] == "datasource":
            variable["current"] = {"selected": True, "text": "Old", "value": "old-uid"}


def _other_data_source(_: Case, stage: Stage) -> None:
    stage.grafana.has_vault = False


def _data_source_too_fast(_: Case, stage: Stage) -> None:
    stage.grafana.sources[0]["jsonData"]["timeInterval"] = "50ms"


def _dropped(*names: str) -> Callable[[Case, Stage], None]:
    return lambda case, _: case.drop(*names)


BROKEN: Final = (
    Broken("alerts go to another Alertmanager", _other_alertmanager, {"alerts-not-received"}, "VaultWatchdog"),
    Broken("job has another name", _job_renamed, {"job-not-selected"}, "job hashicorp-vault"),
    Broken("exporter's job has another name", _exporter_job_renamed, {"exporter-job-not-selected"}, "exporters"),
    Broken("job of nodes scrapes /metrics", _own_page_as_node, {"no-vault-up", "node-not-scraped"}, "own page"),
    Broken("job of nodes scrapes Vault", _vault_itself_as_node, {"no-vault-up", "node-not-scraped"}, "Vault itself"),
    Broken("no job of nodes", _no_job, {"no-targets", "node-not-scraped"}, "no job vault"),
    Broken("relabeling drops all nodes", _all_dropped, {"no-targets", "node-not-scraped"}, "drop all 2"),
    Broken("a name that the exporter does not know", _unknown_target, {"target-down"}, "404"),
    Broken("nothing listens", _exporter_gone, {"target-down"}, "refused"),
    Broken("https where the exporter has http", _wrong_scheme, {"target-down"}, "TLS handshake"),
    Broken("metrics are dropped", _metrics_dropped, {"metrics-dropped"}, "vault_sealed, vault_active"),
    Broken("a node is not scraped", _node_forgotten, {"node-not-scraped"}, "n1, n2"),
    Broken("fewer nodes than declared", _expected_node_missing, {"node-not-scraped"}, "4 nodes"),
    Broken("a node is scraped twice", _scraped_twice, {"node-scraped-twice"}, "n1-again"),
    Broken("scraped every two minutes", _slow_job("2m"), {"interval-too-long", "data-source-interval"}, "2m"),
    Broken(
        "scraped every ten minutes", _slow_job("10m"), {"interval-too-long", "data-source-interval"}, "gone between"
    ),
    Broken("scrapes nearly time out", _slow_scrapes, {"timeout-too-short"}, "900ms"),
    Broken("expected nodes lose their cluster", _expected_nodes_renamed, {"label-renamed"}, "exported_cluster"),
    Broken("label instance is renamed", _instance_renamed, {"label-renamed"}, "exported_instance"),
    Broken("label namespace is renamed", _namespace_renamed, {"label-renamed"}, "exported_namespace"),
    Broken("no label cluster", _no_cluster, {"cluster-label-missing"}, "n1 (job vault)"),
    Broken("only the page has the cluster", _cluster_of_page, {"cluster-label-of-page"}, "n1 (job vault)"),
    Broken("two clusters under one label", _cluster_shared, {"cluster-label-shared"}, "cluster_id c2"),
    Broken("one cluster under two labels", _cluster_split, {"cluster-label-split"}, "prod-2: n2"),
    Broken("two nodes under the same labels", _labels_shared, {"labels-shared"}, "instance n1"),
    Broken("replica label reaches Alertmanager", _replica, {"replica-label"}, "prometheus_replica"),
    Broken("a node's clock is wrong", _skewed, {"clock-skew"}, "120 s"),
    Broken("no rules", _no_rules, {"rules-missing"}, "rule_files"),
    Broken("a critical alert is missing", _dropped("VaultDown"), {"rules-incomplete"}, "VaultDown"),
    Broken("a warning is missing", _dropped("VaultClockSkew"), {"rules-incomplete"}, "VaultClockSkew"),
    Broken("no watchdog", _dropped("VaultWatchdog"), {"rules-incomplete"}, "VaultWatchdog"),
    Broken("no inhibitor", _dropped("VaultInhibitor"), {"rules-incomplete"}, "VaultInhibitor"),
    Broken(
        "a recording rule is missing",
        _dropped("instance:vault_serves:bool"),
        {"recording-rules-missing"},
        "instance:vault_serves:bool",
    ),
    Broken("an edited rule", _edited, {"rules-changed"}, "VaultSealed"),
    Broken("a shorter window", _shorter_window, {"rules-changed"}, "VaultClockSkew"),
    Broken("an alert of another version", _unknown_alert, {"rules-unknown"}, "VaultRetired"),
    Broken("rules are loaded twice", _twice, {"rules-twice"}, "copy.yml"),
    Broken("a rule fails", _failing, {"rules-failing", "rules-changed"}, "many-to-many"),
    Broken("rules are evaluated rarely", _rarely_evaluated, {"evaluation-too-rare"}, "600 s"),
    Broken("no telemetry", _no_telemetry, {"metrics-never-came"}, "metrics of telemetry"),
    Broken("no login", _no_token, {"metrics-never-came"}, "metrics of auth"),
    Broken("no audit log", _no_audit, {"metrics-never-came"}, "metrics of audit"),
    Broken("no Alertmanager", _no_alertmanager, {"no-alertmanager"}, "no Alertmanager"),
    Broken("a receiver without integration", _receiver_without_integration, {"route-to-nowhere"}, "vault-critical"),
    Broken("no routes", _no_routes, {"route-to-nowhere", "no-heartbeat"}, "receiver default"),
    Broken("the heartbeat goes to people", _heartbeat_to_people, {"no-heartbeat"}, "720 minutes"),
    Broken("the heartbeat goes nowhere", _heartbeat_to_nobody, {"no-heartbeat"}, "vault-nowhere"),
    Broken("no inhibition", _no_inhibition, {"no-inhibition"}, "inhibit_rules"),
    Broken("another version", _old_exporter, {"exporter-version"}, "0.0.9"),
    Broken("a refused configuration", _refused_configuration, {"reload-failed"}, "refused"),
    Broken("a failing discovery", _failing_discovery, {"discovery-failing", "discovery-dropped"}, "vault.svc:8200"),
    Broken("telemetry is disabled in Vault", _telemetry_disabled, {"telemetry"}, "disabled"),
    Broken("a collector fails", _failing_collector, {"collector-failing"}, "leases"),
    Broken("an invalid token", _invalid_token, {"token-invalid"}, "n1 (job vault)"),
    Broken("an audit log is not readable", _unread_log, {"audit-unread"}, "/var/log/audit.log"),
    Broken("an audit log is read late", _late_log, {"audit-behind"}, "60 minutes"),
    Broken("a cluster's audit log is not followed", _log_not_followed, {"audit-not-followed"}, "staging"),
    Broken("a dashboard is missing", _dashboard_missing, {"dashboard-missing"}, "vault-node"),
    Broken("a dashboard has another uid", _dashboard_copied, {"dashboard-uid"}, "fd8a7c3e"),
    Broken("a dashboard is edited", _dashboard_edited, {"dashboard-changed"}, "vault-node"),
    Broken("no data source", _no_data_source, {"no-data-source"}, "no data source"),
    Broken("a data source is gone", _data_source_gone, {"data-source-unknown"}, "old-uid"),
    Broken("a data source of others", _other_data_source, {"data-source-without-vault"}, "Prometheus"),
    Broken("a data source's interval", _data_source_too_fast, {"data-source-interval"}, "50ms"),
)

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
    ),
    ("job of nodes scrapes /metrics", "no Alertmanager", "rules are loaded twice", "no data source"),
)
"""Rows whose faults do not hide each other, by name. One chain has all of a group."""
