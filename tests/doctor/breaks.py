"""What is done to a good chain, one function a fault."""

import copy
import time
from collections.abc import Callable

from tests.doctor.pages import BUILD, NODE
from tests.doctor.stage import SLOW_SCRAPE_TIMEOUT, Case, Stage


def _static(case: Case, job: int = 0) -> list[dict[str, dict[str, str]]]:
    found: list[dict[str, dict[str, str]]] = case.jobs[job]["static_configs"]
    return found


def job_renamed(case: Case, _: Stage) -> None:
    case.jobs[0]["job_name"] = "hashicorp-vault"


def exporter_job_renamed(case: Case, _: Stage) -> None:
    case.jobs[1]["job_name"] = "exporters"


def own_page_as_node(case: Case, _: Stage) -> None:
    case.jobs[0] = {"job_name": "vault", "static_configs": [{"targets": [case.address], "labels": {"cluster": "prod"}}]}


def vault_itself_as_node(case: Case, _: Stage) -> None:
    case.jobs[0].update(metrics_path="/v1/sys/metrics")
    for static in _static(case):
        static["labels"].pop("__param_target")
    case.pages["/v1/sys/metrics"] = "vault_core_unsealed 1\n"


def no_job(case: Case, _: Stage) -> None:
    del case.jobs[0]


def all_dropped(case: Case, _: Stage) -> None:
    case.jobs[0]["relabel_configs"] = [{"source_labels": ["instance"], "regex": "n.*", "action": "drop"}]


def unknown_target(case: Case, _: Stage) -> None:
    _static(case)[1]["labels"]["__param_target"] = "n9"


def exporter_gone(case: Case, _: Stage) -> None:
    for static in _static(case):
        static["targets"] = [case.closed]  # type: ignore[assignment]
    case.jobs[1]["static_configs"][0]["targets"] = [case.closed]


def wrong_scheme(case: Case, _: Stage) -> None:
    case.jobs[0]["scheme"] = "https"


def metrics_dropped(case: Case, _: Stage) -> None:
    case.jobs[0]["metric_relabel_configs"] = [
        {"source_labels": ["__name__"], "regex": "vault_(sealed|active)", "action": "drop"}
    ]


def node_forgotten(case: Case, _: Stage) -> None:
    _static(case).pop()


def expected_node_missing(case: Case, _: Stage) -> None:
    case.jobs[1]["honor_labels"] = True
    case.own({'vault_exporter_cluster_expected_nodes{cluster="prod"}': 4})


def scraped_twice(case: Case, _: Stage) -> None:
    again = copy.deepcopy(_static(case)[0])
    again["labels"]["instance"] = "n1-again"
    _static(case).append(again)


def one_target(case: Case, _: Stage) -> None:
    """An exporter with one target has it on its own page, too."""
    _static(case).pop()
    alone = {
        "vault_ha_nodes": 1,
        'vault_ha_node_info{hostname="n2",api_address="http://n2:8200",version="2.7.2"}': None,
    }
    case.node("n1", alone)
    case.own({**NODE, **alone, "vault_exporter_targets": 1})


def one_target_at_another_address(case: Case, stage: Stage) -> None:
    """Its page is scraped by another name than its probes, as pods and services have."""
    one_target(case, stage)
    case.jobs[1]["static_configs"][0]["targets"] = [case.address.replace("127.0.0.1", "localhost")]


def one_target_without_its_metrics(case: Case, stage: Stage) -> None:
    """What node-scraped-twice tells to do."""
    one_target(case, stage)
    case.jobs[1]["metric_relabel_configs"] = [
        {
            "source_labels": ["__name__"],
            "regex": "(vault_(exporter|audit|backup)|process|python)_.+",
            "action": "keep",
        }
    ]


def one_target_on_its_page_only(case: Case, stage: Stage) -> None:
    """An exporter with one target whose probe has a job that no rule selects, and whose page is in its own."""
    one_target(case, stage)
    case.jobs[0]["job_name"] = "hashicorp-vault"


def down_without_telemetry(case: Case, _: Stage) -> None:
    ok, failed = (f'vault_exporter_telemetry_status{{status="{one}"}}' for one in ("ok", "failed"))
    case.node("n2", {"vault_up": 0, ok: 0, failed: 1})


def slow_job(interval: str) -> Callable[[Case, Stage], None]:
    def change(case: Case, _: Stage) -> None:
        slow = copy.deepcopy(case.jobs[0])
        slow.update(job_name="slow", scrape_interval=interval, scrape_timeout="10s")
        slow["static_configs"] = [slow["static_configs"][0]]
        slow["static_configs"][0]["labels"].update(instance="n3", __param_target="n3", job="vault")
        case.jobs.append(slow)
        case.node("n3", {})

    return change


def slow_scrapes(case: Case, _: Stage) -> None:
    slow = copy.deepcopy(case.jobs[0])
    slow.update(job_name="slow", scrape_interval=SLOW_SCRAPE_TIMEOUT, scrape_timeout=SLOW_SCRAPE_TIMEOUT)
    slow["static_configs"] = [slow["static_configs"][0]]
    slow["static_configs"][0]["labels"].update(instance="n3", __param_target="n3-slow", job="vault")
    case.jobs.append(slow)
    case.node("n3-slow", {})


def expected_nodes_renamed(case: Case, _: Stage) -> None:
    case.own({'vault_exporter_cluster_expected_nodes{cluster="other"}': 2})


def instance_renamed(case: Case, _: Stage) -> None:
    case.node("n1", {'vault_identity_num_entities{instance="n1:8200"}': 1})


def namespace_renamed(case: Case, _: Stage) -> None:
    for static in _static(case):
        static["labels"]["namespace"] = "monitoring"
    case.node("n1", {'vault_secret_kv_count{namespace="root"}': 1})


def no_cluster(case: Case, _: Stage) -> None:
    for job in (0, 1):
        for static in _static(case, job):
            static["labels"].pop("cluster")
    # So does the exporter for a target without a cluster: this series alone has Vault's cluster_name.
    case.nodes({"vault_core_unsealed": None, 'vault_core_unsealed{cluster="its"}': 1})


def cluster_of_page(case: Case, _: Stage) -> None:
    for static in _static(case):
        static["labels"].pop("cluster")
    labelled = dict.fromkeys(NODE) | {_with_cluster(name): value for name, value in NODE.items()}
    case.nodes(labelled)


def _with_cluster(name: str) -> str:
    before, _, after = name.partition("{")
    return f'{before}{{cluster="prod",{after}' if after else f'{name}{{cluster="prod"}}'


def cluster_shared(case: Case, _: Stage) -> None:
    c1, c2 = (f'vault_info{{version="2.7.2",cluster_name="its",cluster_id="{name}"}}' for name in ("c1", "c2"))
    case.node("n2", {c1: None, c2: 1})


def cluster_split(case: Case, _: Stage) -> None:
    _static(case)[1]["labels"]["cluster"] = "prod-2"
    case.nodes({"vault_ha_nodes": None, 'vault_audit_devices{type="file"}': None})


def labels_shared(case: Case, _: Stage) -> None:
    _static(case)[1]["labels"]["instance"] = "n1"
    case.nodes({"vault_ha_nodes": None})


def replica(case: Case, _: Stage) -> None:
    case.config["global"]["external_labels"] = {"prometheus_replica": "a"}


def skewed(case: Case, _: Stage) -> None:
    case.node("n2", {"vault_clock_skew_seconds": -120})


def no_rules(case: Case, _: Stage) -> None:
    case.rules.clear()


def edited(case: Case, _: Stage) -> None:
    case.alert("VaultSealed")["expr"] = 'vault_sealed{job=~"vault"} > 0'


def shorter_window(case: Case, _: Stage) -> None:
    rule = case.alert("VaultClockSkew")
    rule["expr"] = rule["expr"].replace("[3m]", "[1m]")


def unknown_alert(case: Case, _: Stage) -> None:
    labels = {"severity": "warning", "category": "meta"}
    case.rules["old.yml"] = {
        "groups": [{"name": "old", "rules": [{"alert": "VaultRetired", "expr": "vector(0) > 1", "labels": labels}]}]
    }


def twice(case: Case, _: Stage) -> None:
    case.rules["copy.yml"] = case.rules["slo.yml"]


def failing(case: Case, _: Stage) -> None:
    case.alert("VaultUninitialized")["expr"] = 'vault_up{job=~"vault"} * on (job) vault_sealed{job=~"vault"}'


def rarely_evaluated(case: Case, _: Stage) -> None:
    case.rules["saturation.yml"]["groups"][0]["interval"] = "10m"


def no_telemetry(case: Case, _: Stage) -> None:
    ok, off = (f'vault_exporter_telemetry_status{{status="{one}"}}' for one in ("ok", "off"))
    case.nodes({ok: 0, off: 1})


def telemetry_disabled(case: Case, _: Stage) -> None:
    ok, disabled = (f'vault_exporter_telemetry_status{{status="{one}"}}' for one in ("ok", "disabled"))
    case.node("n2", {ok: 0, disabled: 1})


def no_token(case: Case, _: Stage) -> None:
    case.nodes({"vault_exporter_token_valid": None})


def no_audit(case: Case, _: Stage) -> None:
    case.own({'vault_audit_reader_up{log="/var/log/audit.log"}': None})


def no_alertmanager(case: Case, _: Stage) -> None:
    case.config.pop("alerting")


def other_alertmanager(case: Case, _: Stage) -> None:
    case.config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [case.closed]}]}]}


def receiver_without_integration(case: Case, _: Stage) -> None:
    next(one for one in case.alertmanager["receivers"] if one["name"] == "vault-critical").pop("pagerduty_configs")


def no_routes(case: Case, _: Stage) -> None:
    case.alertmanager["route"].pop("routes")


def heartbeat_to_people(case: Case, _: Stage) -> None:
    routes = case.alertmanager["route"]["routes"][0]["routes"]
    routes[0] = {"receiver": "vault-critical", "matchers": ['alertname = "VaultWatchdog"']}


def heartbeat_to_nobody(case: Case, _: Stage) -> None:
    case.alertmanager["route"]["routes"][0]["routes"].pop(0)


def no_inhibition(case: Case, _: Stage) -> None:
    case.alertmanager.pop("inhibit_rules")


def notifications_refused(case: Case, _: Stage) -> None:
    beat = next(one for one in case.alertmanager["receivers"] if one["name"] == "vault-heartbeat")
    beat["slack_configs"] = [{"api_url": f"http://{case.address}/gone", "channel": "vault"}]


def heartbeat_placeholder(case: Case, _: Stage) -> None:
    case.alertmanager["receivers"].append({"name": "spare", "webhook_configs": [{"url": "http://heartbeat/vault"}]})


def agents_disabled(case: Case, _: Stage) -> None:
    case.drop("VaultAgentInjectorDown", "VaultAgentInjectionsFailing", "VaultAgentAuthFailing")


def injector_scraped_without_its_alert(case: Case, _: Stage) -> None:
    agents_disabled(case, _)
    injector = {"targets": [case.address], "labels": {"cluster": "prod"}}
    case.jobs.append({"job_name": "vault-agent-injector", "metrics_path": "/injector", "static_configs": [injector]})
    case.pages["/injector"] = "vault_agent_injector_request_queue_length 0\n"


def old_exporter(case: Case, _: Stage) -> None:
    case.own({BUILD: None, 'vault_exporter_build_info{version="0.0.9",python="3.13"}': 1})


def refused_configuration(case: Case, _: Stage) -> None:
    case.own({"vault_exporter_config_last_reload_successful": 0})


def failing_discovery(case: Case, _: Stage) -> None:
    source = 'type="dns",source="vault.svc:8200"'
    case.own(
        {
            f"vault_exporter_discovery_success{{{source}}}": 0,
            f"vault_exporter_discovery_dropped_targets{{{source}}}": 4,
        }
    )


def failing_collector(case: Case, _: Stage) -> None:
    case.node("n1", {'vault_exporter_collector_failure_reason{collector="leases",reason="permission_denied"}': 1})


def invalid_token(case: Case, _: Stage) -> None:
    case.node("n1", {"vault_exporter_token_valid": 0})


def unread_log(case: Case, _: Stage) -> None:
    case.own({'vault_audit_reader_up{log="/var/log/audit.log"}': 0})


def late_log(case: Case, _: Stage) -> None:
    old = time.time() - 3600
    case.own({'vault_audit_reader_oldest_unread_timestamp_seconds{log="/var/log/audit.log"}': old})


def log_not_followed(case: Case, _: Stage) -> None:
    for static in _static(case):
        static["labels"]["cluster"] = "staging"


def dashboard_missing(_: Case, stage: Stage) -> None:
    del stage.grafana.dashboards["vault-node"]


def dashboard_copied(_: Case, stage: Stage) -> None:
    stage.grafana.dashboards["fd8a7c3e"] = stage.grafana.dashboards.pop("vault-node")


def dashboard_edited(_: Case, stage: Stage) -> None:
    panels = stage.grafana.dashboards["vault-node"]["panels"]
    del panels[len(panels) // 2 :]


def no_data_source(_: Case, stage: Stage) -> None:
    stage.grafana.sources.clear()


def data_source_gone(_: Case, stage: Stage) -> None:
    for variable in stage.grafana.dashboards["vault-node"]["templating"]["list"]:
        if variable["name"] == "datasource":
            variable["current"] = {"selected": True, "text": "Old", "value": "old-uid"}


def other_data_source(_: Case, stage: Stage) -> None:
    stage.grafana.has_vault = False


def data_source_too_fast(_: Case, stage: Stage) -> None:
    stage.grafana.sources[0]["jsonData"]["timeInterval"] = "50ms"


def dropped(*names: str) -> Callable[[Case, Stage], None]:
    return lambda case, _: case.drop(*names)
