"""From a firing alert to PagerDuty: the configuration, and a real Alertmanager that posts to a recorder."""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.lab.alertmanager import CONFIG, Alertmanager, Json
from tests.lab.pagerduty import recording
from vault_exporter.demo.process import wait_until

SLACK: Final = CONFIG.with_name("alertmanager-slack.yml")


@pytest.mark.parametrize("config", [CONFIG, SLACK], ids=lambda path: path.stem)
def test_amtool_finds_nothing(config: Path) -> None:
    check = subprocess.run(["amtool", "check-config", config], capture_output=True, text=True, check=False, timeout=30)
    assert check.returncode == 0, check.stdout + check.stderr
    assert "1 templates" in check.stdout


PAGERDUTY_ROUTES: Final = {
    "alertname=VaultDown severity=critical category=availability": "pagerduty-critical",
    "alertname=VaultSealed severity=critical category=availability": "pagerduty-critical",
    "alertname=VaultAuditBlocked severity=critical category=audit": "pagerduty-critical",
    "alertname=VaultCanaryFailing severity=critical category=availability": "pagerduty-critical",
    "alertname=VaultHighMemoryUsage severity=warning category=saturation": "pagerduty-warning",
    "alertname=VaultWatchedTokenExpiring severity=warning category=lifecycle": "pagerduty-warning",
    "alertname=VaultMountChanged severity=warning category=security": "pagerduty-security",
    "alertname=VaultRootTokenUsed severity=critical category=security": "pagerduty-security",
    "alertname=VaultPolicyChanged severity=warning category=security": "pagerduty-security",
    "alertname=VaultPolicyChanged severity=info category=security": "nowhere",
    "alertname=VaultRestarted severity=info category=availability": "nowhere",
    "alertname=VaultWatchdog severity=info category=meta": "heartbeat",
    "alertname=VaultWatchdog severity=critical category=meta": "heartbeat",
    "alertname=VaultOdd severity=page": "pagerduty-warning",
    "alertname=VaultOdd": "pagerduty-warning",
}
SLACK_ROUTES: Final = {
    "alertname=VaultDown severity=critical category=availability": "pagerduty-critical",
    "alertname=VaultCanaryFailing severity=critical category=availability": "pagerduty-critical",
    "alertname=VaultHighMemoryUsage severity=warning category=saturation": "slack",
    "alertname=VaultWatchedTokenExpiring severity=warning category=lifecycle": "slack",
    "alertname=VaultMountChanged severity=warning category=security": "mail-security,nowhere",
    "alertname=VaultRootTokenUsed severity=critical category=security": "mail-security,pagerduty-critical",
    "alertname=VaultPolicyChanged severity=warning category=security": "mail-security,nowhere",
    "alertname=VaultRestarted severity=info category=availability": "nowhere",
    "alertname=VaultWatchdog severity=info category=meta": "heartbeat",
    "alertname=VaultOdd": "slack",
}


@pytest.mark.parametrize(
    ("config", "labels", "receiver"),
    [
        *((CONFIG, *route) for route in PAGERDUTY_ROUTES.items()),
        *((SLACK, *route) for route in SLACK_ROUTES.items()),
    ],
)
def test_routes(config: Path, labels: str, receiver: str) -> None:
    arguments = [f"--config.file={config}", f"--verify.receivers={receiver}", *labels.split()]
    run = subprocess.run(
        ["amtool", "config", "routes", "test", *arguments], capture_output=True, text=True, check=False, timeout=30
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.strip() == receiver


def test_both_configurations_silence_the_same() -> None:
    pagerduty, slack = (yaml.safe_load(path.read_text())["inhibit_rules"] for path in (CONFIG, SLACK))
    assert pagerduty == slack


def test_keys_come_from_files_and_resolves_are_sent() -> None:
    for receiver in yaml.safe_load(CONFIG.read_text())["receivers"]:
        for pagerduty in receiver.get("pagerduty_configs", []):
            assert pagerduty["routing_key_file"] == f"/etc/alertmanager/{receiver['name']}.key"
            assert pagerduty["send_resolved"] is True
            assert {"routing_key", "service_key", "service_key_file", "url"}.isdisjoint(pagerduty)


def test_inhibitions_stay_within_a_cluster_and_name_only_what_exists() -> None:
    names = {stem(path) for path in (CONFIG.parents[1] / "runbooks").iterdir()}
    for rule in yaml.safe_load(CONFIG.read_text())["inhibit_rules"]:
        assert "cluster" in rule["equal"]
        matchers = " ".join(rule["source_matchers"] + rule["target_matchers"])
        for pattern in re.findall(r'alertname [!=]?[=~]+ "([^"]+)"', matchers):
            assert all(any(re.fullmatch(part, name) for name in names) for part in pattern.split("|")), pattern


def stem(path: Path) -> str:
    return path.stem


def test_audit_and_security_are_never_silenced() -> None:
    files = (CONFIG.parents[1] / "rules" / f"{category}.yml" for category in ("audit", "security"))
    alerts = [rule for file in files for rule in yaml.safe_load(file.read_text())["groups"][0]["rules"]]
    for inhibition in yaml.safe_load(CONFIG.read_text())["inhibit_rules"]:
        for alert in alerts:
            labels = {"alertname": alert["alert"], **alert["labels"]}
            assert not all(_matches(matcher, labels) for matcher in inhibition["target_matchers"]), inhibition


def _matches(matcher: str, labels: dict[str, str]) -> bool:
    label, operator, value = re.fullmatch(r'(\w+) (=~?|!=|!~) "(.*)"', matcher).groups()  # type: ignore[union-attr]
    found = re.fullmatch(value if "~" in operator else re.escape(value), labels[label]) is not None
    return found != operator.startswith("!")


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    with recording() as recorder, Alertmanager(tmp_path_factory.mktemp("alertmanager"), recorder) as running:
        yield running


def _alert(name: str, cluster: str, instance: str, *, severity: str = "critical", ended: bool = False) -> Json:
    now = datetime.now(UTC)
    category = {
        "VaultHighMemoryUsage": "saturation",
        "VaultRootTokenUsed": "security",
        "VaultCollectorFailing": "meta",
    }.get(name, "availability")
    return {
        "labels": {
            "alertname": name,
            "severity": severity,
            "category": category,
            "cluster": cluster,
            "instance": instance,
            "job": "vault",
        },
        "annotations": {
            "summary": f"The summary of {name}.",
            "description": f"{instance} of cluster {cluster}: what there is to say.",
            "runbook_url": f"https://prometheus.test/user/vault/runbooks/{name}.md",
            "dashboard_url": f"http://grafana/d/vault-overview?var-cluster={cluster}",
        },
        "startsAt": (now - timedelta(minutes=5)).isoformat(),
        "endsAt": (now + (timedelta(seconds=-1) if ended else timedelta(hours=1))).isoformat(),
        "generatorURL": "https://prometheus.test/graph",
    }


def test_a_page_and_its_end(alertmanager: Alertmanager) -> None:
    alertmanager.send(_alert("VaultDown", "one", "n1"))
    (fired,) = alertmanager.wait_for_events("one", 1)
    key = fired.pop("dedup_key")
    assert len(key) == 64
    assert fired == {
        "routing_key": "key of pagerduty-critical",
        "event_action": "trigger",
        "client": "Alertmanager",
        "client_url": "https://alertmanager.test/#/alerts?receiver=pagerduty-critical",
        "links": [
            {"text": "Runbook", "href": "https://prometheus.test/user/vault/runbooks/VaultDown.md"},
            {"text": "Dashboard", "href": "http://grafana/d/vault-overview?var-cluster=one"},
        ],
        "payload": {
            "summary": "VaultDown one n1: The summary of VaultDown.",
            "source": "n1",
            "severity": "critical",
            "component": "vault",
            "group": "one",
            "class": "VaultDown",
            "custom_details": {
                "firing": "n1 of cluster one: what there is to say.\n",
                "resolved": "",
                "num_firing": "1",
                "num_resolved": "0",
            },
        },
    }

    alertmanager.send(_alert("VaultDown", "one", "n1", ended=True))
    ended = alertmanager.wait_for_events("one", 2)[1]
    assert (ended["event_action"], ended["dedup_key"]) == ("resolve", key)
    assert ended["routing_key"] == "key of pagerduty-critical"


def test_nodes_of_a_cluster_share_one_incident(alertmanager: Alertmanager) -> None:
    alertmanager.send(_alert("VaultSealed", "many", "n1"))
    (first,) = alertmanager.wait_for_events("many", 1)
    alertmanager.send(_alert("VaultSealed", "many", "n1"), _alert("VaultSealed", "many", "n2"))
    second = alertmanager.wait_for_events("many", 2)[1]
    assert second["dedup_key"] == first["dedup_key"]
    assert second["payload"]["summary"] == "VaultSealed many n1, n2: The summary of VaultSealed."
    assert second["payload"]["source"] == "many"
    assert second["payload"]["custom_details"]["num_firing"] == "2"
    assert second["links"] == [
        {"text": "Runbook", "href": "https://prometheus.test/user/vault/runbooks/VaultSealed.md"},
        {"text": "Dashboard", "href": "http://grafana/d/vault-overview?var-cluster=many"},
    ]
    alertmanager.send(_alert("VaultSealed", "many", "n1", ended=True))
    third = alertmanager.wait_for_events("many", 3)[2]
    assert third["event_action"] == "trigger"
    assert third["payload"]["summary"] == "VaultSealed many n2: The summary of VaultSealed."
    alertmanager.send(_alert("VaultSealed", "many", "n2", ended=True))
    last = alertmanager.wait_for_events("many", 4)[3]
    assert (last["event_action"], last["dedup_key"]) == ("resolve", first["dedup_key"])


def test_no_other_label_or_annotation_leaks(alertmanager: Alertmanager) -> None:
    alert = _alert("VaultDown", "quiet", "n1")
    alert["labels"] |= {"path": "planted-path", "display_name": "planted-name"}
    alert["annotations"]["notes"] = "planted-note"
    alertmanager.send(alert)
    (event,) = alertmanager.wait_for_events("quiet", 1)
    assert "planted" not in json.dumps(event)


def test_each_route_has_its_key_and_a_severity_that_pagerduty_takes(alertmanager: Alertmanager) -> None:
    alertmanager.send(
        _alert("VaultHighMemoryUsage", "warned", "n1", severity="warning"),
        _alert("VaultRootTokenUsed", "secured", "n1"),
        _alert("VaultOdd", "odd", "n1", severity="page"),
        _alert("VaultRestarted", "told", "n1", severity="info"),
    )
    seen = {}
    for cluster in ("warned", "secured", "odd"):
        (event,) = alertmanager.wait_for_events(cluster, 1)
        seen[cluster] = (event["routing_key"], event["payload"]["severity"])
    assert seen == {
        "warned": ("key of pagerduty-warning", "warning"),
        "secured": ("key of pagerduty-security", "critical"),
        "odd": ("key of pagerduty-warning", "error"),
    }
    assert alertmanager.recorder.events("told") == []


def test_an_alert_without_annotations_or_cluster_is_still_an_event(alertmanager: Alertmanager) -> None:
    alert = _alert("VaultDown", "", "n1")
    del alert["labels"]["cluster"]
    alert["annotations"] = {}
    alertmanager.send(alert)
    (event,) = alertmanager.wait_for_events("default", 1)
    assert event["payload"]["summary"] == "VaultDown default n1"
    assert {link["href"] for link in event["links"]} == {event["client_url"]}


def test_a_node_that_is_down_silences_its_symptoms_only(alertmanager: Alertmanager) -> None:
    alertmanager.send(_alert("VaultDown", "silence", "n1"))
    alertmanager.wait_for_events("silence", 1)
    alertmanager.send(
        _alert("VaultHighMemoryUsage", "silence", "n1", severity="warning"),
        _alert("VaultHighMemoryUsage", "silence", "n2", severity="warning"),
        _alert("VaultRootTokenUsed", "silence", "n1"),
        _alert("VaultSealed", "silence", "n1"),
    )
    events = alertmanager.wait_for_events("silence", 4)
    assert {(event["payload"]["class"], event["payload"]["source"]) for event in events} == {
        ("VaultDown", "n1"),
        ("VaultHighMemoryUsage", "n2"),
        ("VaultRootTokenUsed", "n1"),
        ("VaultSealed", "n1"),
    }


@pytest.mark.parametrize(
    ("cause", "of_nodes", "symptoms"),
    [
        ("VaultStorageUnavailable", True, ["VaultDown", "VaultErrorBudgetBurnFast", "VaultPeerUnhealthy"]),
        ("VaultClusterSealed", False, ["VaultSealed", "VaultErrorBudgetBurnFast"]),
        ("VaultExporterDown", False, ["VaultDown", "VaultCollectorFailing"]),
        ("VaultNoActiveNode", False, ["VaultErrorBudgetBurnFast", "VaultLeadershipFlapping", "VaultCanaryFailing"]),
        ("VaultAuditBlocked", True, ["VaultErrorBudgetBurnFast", "VaultCanaryFailing"]),
    ],
)
def test_a_cause_is_one_incident(
    alertmanager: Alertmanager,
    cause: str,
    of_nodes: bool,  # noqa: FBT001 - a parameter of the table
    symptoms: list[str],
) -> None:
    cluster = cause.lower()
    nodes = ["n1", "n2"] if of_nodes else [cluster]
    alertmanager.send(*(_alert(cause, cluster, node) for node in nodes))
    (page,) = alertmanager.wait_for_events(cluster, 1)
    # What is said of a whole cluster names it once.
    named = f"{cluster} n1, n2" if of_nodes else cluster
    assert page["payload"]["summary"] == f"{cause} {named}: The summary of {cause}."
    assert page["payload"]["source"] == cluster
    alertmanager.send(
        *(_alert(symptom, cluster, node) for symptom in symptoms for node in ("n1", "n2")),
        _alert("VaultRootTokenUsed", cluster, "n1"),
    )
    events = alertmanager.wait_for_events(cluster, 2)
    assert [event["payload"]["class"] for event in events] == [cause, "VaultRootTokenUsed"]


def test_critical_silences_the_warning_of_the_same_name(alertmanager: Alertmanager) -> None:
    alertmanager.send(_alert("VaultExpiring", "twice", "n1"))
    alertmanager.wait_for_events("twice", 1)
    alertmanager.send(
        _alert("VaultExpiring", "twice", "n1", severity="warning"),
        _alert("VaultExpiring", "twice", "n2", severity="warning"),
    )
    events = alertmanager.wait_for_events("twice", 2)
    assert [(event["payload"]["severity"], event["payload"]["source"]) for event in events] == [
        ("critical", "n1"),
        ("warning", "n2"),
    ]


def test_the_watchdog_goes_to_the_heartbeat(alertmanager: Alertmanager) -> None:
    alertmanager.send(_alert("VaultWatchdog", "watch", "n1", severity="none"))
    wait_until(lambda: alertmanager.recorder.heartbeats() > 0, timeout=15, what="heartbeat")
    assert alertmanager.recorder.events("watch") == []
