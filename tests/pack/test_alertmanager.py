"""From a firing alert to PagerDuty: the configuration, and a real Alertmanager that posts to a recorder."""

import contextlib
import json
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from vault_exporter.demo.process import Service, free_port, wait_until

FOLDER: Final = Path(__file__).parents[2] / "alerts" / "alertmanager"
CONFIG: Final = FOLDER / "alertmanager.yml"

Json = dict[str, Any]


def test_amtool_finds_nothing() -> None:
    check = subprocess.run(["amtool", "check-config", CONFIG], capture_output=True, text=True, check=False, timeout=30)
    assert check.returncode == 0, check.stdout + check.stderr
    assert "1 templates" in check.stdout


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=VaultDown severity=critical category=availability", "pagerduty-critical"),
        ("alertname=VaultSealed severity=critical category=availability", "pagerduty-critical"),
        ("alertname=VaultHighMemoryUsage severity=warning category=saturation", "pagerduty-warning"),
        ("alertname=VaultRootTokenUsed severity=critical category=security", "pagerduty-security"),
        ("alertname=VaultPolicyChanged severity=warning category=security", "pagerduty-security"),
        ("alertname=VaultPolicyChanged severity=info category=security", "nowhere"),
        ("alertname=VaultRestarted severity=info category=availability", "nowhere"),
        ("alertname=VaultWatchdog severity=none category=meta", "heartbeat"),
        ("alertname=VaultWatchdog severity=critical category=meta", "heartbeat"),
        ("alertname=VaultOdd severity=page", "pagerduty-warning"),
        ("alertname=VaultOdd", "pagerduty-warning"),
    ],
)
def test_routes(labels: str, receiver: str) -> None:
    arguments = [f"--config.file={CONFIG}", f"--verify.receivers={receiver}", *labels.split()]
    run = subprocess.run(
        ["amtool", "config", "routes", "test", *arguments], capture_output=True, text=True, check=False, timeout=30
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.strip() == receiver


def test_keys_come_from_files_and_resolves_are_sent() -> None:
    for receiver in yaml.safe_load(CONFIG.read_text())["receivers"]:
        for pagerduty in receiver.get("pagerduty_configs", []):
            assert pagerduty["routing_key_file"] == f"/etc/alertmanager/{receiver['name']}.key"
            assert pagerduty["send_resolved"] is True
            assert {"routing_key", "service_key", "service_key_file", "url"}.isdisjoint(pagerduty)


def test_every_inhibition_names_the_cluster_and_the_instance() -> None:
    for rule in yaml.safe_load(CONFIG.read_text())["inhibit_rules"]:
        assert {"cluster", "instance"} <= set(rule["equal"])


@dataclass
class Recorder:
    """The far end: records what is posted, by path."""

    posts: list[tuple[str, Json]] = field(default_factory=list)

    def events(self, cluster: str) -> list[Json]:
        """What PagerDuty got about a cluster, in order."""
        return [post for path, post in list(self.posts) if path == "/v2/enqueue" and _cluster(post) == cluster]


def _cluster(event: Json) -> str:
    group: str = event["payload"]["group"]
    return group


@contextlib.contextmanager
def _recording() -> Iterator[tuple[Recorder, int]]:
    recorder = Recorder()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            recorder.posts.append((self.path, body))
            self.send_response(202)
            self.end_headers()
            self.wfile.write(b'{"status":"success","message":"Event processed","dedup_key":"x"}')

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield recorder, server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Alertmanager:
    """A real one, with the configuration as it is, but for addresses, key files and waiting times."""

    def __init__(self, folder: Path, recorder: Recorder, recorder_port: int) -> None:
        self.recorder = recorder
        self.port = free_port()
        config = yaml.safe_load(CONFIG.read_text())
        config["global"] = {"pagerduty_url": f"http://127.0.0.1:{recorder_port}/v2/enqueue"}
        for route in (config["route"], *config["route"]["routes"]):
            route["group_wait"], route["group_interval"] = "200ms", "500ms"
        for receiver in config["receivers"]:
            for pagerduty in receiver.get("pagerduty_configs", []):
                key = folder / Path(pagerduty["routing_key_file"]).name
                key.write_text(f"key of {receiver['name']}")
                pagerduty["routing_key_file"] = str(key)
            for webhook in receiver.get("webhook_configs", []):
                webhook["url"] = f"http://127.0.0.1:{recorder_port}/heartbeat"
        (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
        (folder / "vault.tmpl").write_text((FOLDER / "vault.tmpl").read_text())
        self.service = Service(
            "alertmanager",
            [
                "prometheus-alertmanager",
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--web.external-url=https://alertmanager.test",
                "--web.route-prefix=/",
                "--cluster.listen-address=",
            ],
            log=folder / "log",
            cwd=folder,
        )

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def send(self, *alerts: Json) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v2/alerts",
            data=json.dumps(alerts).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - HTTP
            assert answer.status == 200

    def wait_for_events(self, cluster: str, number: int) -> list[Json]:
        wait_until(
            lambda: len(self.recorder.events(cluster)) >= number, timeout=15, what=f"event {number} of {cluster}"
        )
        return self.recorder.events(cluster)


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    with _recording() as (recorder, port):
        running = Alertmanager(tmp_path_factory.mktemp("alertmanager"), recorder, port)
        with running.service:
            running.service.wait_until(running.is_ready)
            yield running


def _alert(name: str, cluster: str, instance: str, *, severity: str = "critical", ended: bool = False) -> Json:
    now = datetime.now(UTC)
    category = {"VaultHighMemoryUsage": "saturation", "VaultRootTokenUsed": "security"}.get(name, "availability")
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
    wait_until(
        lambda: any(path == "/heartbeat" for path, _ in list(alertmanager.recorder.posts)),
        timeout=15,
        what="heartbeat",
    )
    assert alertmanager.recorder.events("watch") == []
