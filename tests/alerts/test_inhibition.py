"""Which alert explains which other, and that PagerDuty is told how both of them end."""

import contextlib
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from tests.alerts.promtool import promtool
from tests.faults.scaled import Pace, ours
from tests.lab.alertmanager import CONFIG, Alertmanager
from tests.lab.pagerduty import Recorder, recording
from tests.lab.tools import versions
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.demo.process import free_port
from vault_exporter.demo.prometheus import Prometheus

RULES: Final = CONFIG.parents[1] / "rules" / "inhibition.yml"
SERVES: Final = {("vault_active", "n1"): 1, ("vault_active", "n2"): 0}
"""A cluster with an active node."""
SERVES_NOT: Final = {("vault_active", "n1"): 0, ("vault_active", "n2"): 0}

Alert = tuple[str, str]
"""Its name, and the instance; ``prod`` is the cluster."""

TABLE: Final[dict[str, tuple[list[Alert], dict[tuple[str, str], int], set[Alert]]]] = {
    "nothing but symptoms": ([("VaultDown", "n1"), ("VaultCanaryFailing", "prod")], SERVES_NOT | SERVES, set()),
    "the storage of a node is gone": (
        [("VaultStorageUnavailable", "n1"), ("VaultDown", "n1"), ("VaultDown", "n2")],
        SERVES,
        {("VaultDown", "n1")},
    ),
    "a standby without storage does not explain the cluster's failures": (
        [("VaultStorageUnavailable", "n2"), ("VaultCanaryFailing", "prod"), ("VaultErrorBudgetBurnFast", "prod")],
        SERVES,
        set(),
    ),
    "all nodes without storage do": (
        [("VaultStorageUnavailable", "n1"), ("VaultStorageUnavailable", "n2"), ("VaultCanaryFailing", "prod")],
        SERVES_NOT,
        {("VaultCanaryFailing", "prod")},
    ),
    "a standby that is down does not either": (
        [("VaultDown", "n2"), ("VaultErrorBudgetBurnFast", "prod"), ("VaultLeadershipFlapping", "prod")],
        SERVES,
        set(),
    ),
    "one node down does not explain a quorum at risk": (
        [("VaultDown", "n2"), ("VaultQuorumAtRisk", "prod")],
        SERVES,
        set(),
    ),
    "all nodes sealed": (
        [("VaultClusterSealed", "prod"), ("VaultSealed", "n1"), ("VaultSealed", "n2"), ("VaultRootTokenUsed", "n1")],
        SERVES_NOT,
        {("VaultSealed", "n1"), ("VaultSealed", "n2")},
    ),
    "a node that is sealed cannot be asked": (
        [("VaultSealed", "n2"), ("VaultCollectorFailing", "n2"), ("VaultCollectorFailing", "n1")],
        SERVES,
        {("VaultCollectorFailing", "n2")},
    ),
    "the audit log of the active node is blocked": (
        [("VaultAuditBlocked", "n1"), ("VaultCanaryFailing", "prod"), ("VaultCollectorFailing", "n1")],
        SERVES,
        {("VaultCanaryFailing", "prod"), ("VaultCollectorFailing", "n1")},
    ),
    "that of a standby": ([("VaultAuditBlocked", "n2"), ("VaultCanaryFailing", "prod")], SERVES, set()),
    "no target can be scraped": (
        [("VaultExporterDown", "prod"), ("VaultDown", "n1"), ("VaultDown", "n2")],
        {("up", "n1"): 0, ("up", "n2"): 0},
        {("VaultDown", "n1"), ("VaultDown", "n2")},
    ),
    "the exporter's own page is down, nodes are seen": (
        [("VaultExporterDown", "prod"), ("VaultDown", "n1"), ("VaultClusterSealed", "prod")],
        {("up", "n1"): 0, ("up", "n2"): 1},
        set(),
    ),
    "the active node misses the node that is down": (
        [("VaultDown", "n2"), ("VaultPeerUnhealthy", "prod")],
        SERVES | {("vault_raft_autopilot_server_healthy", "n1"): 0},
        {("VaultPeerUnhealthy", "prod")},
    ),
    "one that raft removed is behind": (
        [("VaultRemovedFromCluster", "prod"), ("VaultStandbyBehind", "n2")],
        SERVES,
        {("VaultStandbyBehind", "n2")},
    ),
    "raft has a server less, and the node that it removed goes on answering": (
        [("VaultRemovedFromCluster", "prod"), ("VaultRaftServerRemoved", "prod"), ("VaultQuorumAtRisk", "prod")],
        SERVES,
        {("VaultRaftServerRemoved", "prod")},
    ),
    "raft has a server less": ([("VaultRaftServerRemoved", "prod"), ("VaultQuorumAtRisk", "prod")], SERVES, set()),
    "one that says itself that raft removed it": (
        [("VaultRemovedFromCluster", "n2"), ("VaultStandbyBehind", "n2"), ("VaultStandbyBehind", "n3")],
        SERVES | {("up", "n2"): 1, ("up", "n3"): 1},
        {("VaultStandbyBehind", "n2")},
    ),
    "no target can be scraped, which explains neither a lost cluster nor what was heard before": (
        [
            ("VaultExporterDown", "prod"),
            ("VaultActiveNodeUnseen", "prod"),
            ("VaultClusterMissing", "prod"),
            ("VaultClusterSealed", "prod"),
            ("VaultAuditBlocked", "n1"),
            ("VaultRootTokenUsed", "n1"),
        ],
        {("up", "n1"): 0, ("up", "n2"): 0},
        {("VaultActiveNodeUnseen", "prod")},
    ),
    "the exporter's own page explains nothing": (
        [("VaultExporterPageDown", "prod"), ("VaultDown", "n1"), ("VaultActiveNodeUnseen", "prod")],
        {("up", "n1"): 0, ("up", "n2"): 0},
        set(),
    ),
    "no active node, so that no standby is connected to one": (
        [("VaultNoActiveNode", "prod"), ("VaultHaConnectionUnhealthy", "n2"), ("VaultServerErrors", "prod")],
        SERVES_NOT,
        {("VaultHaConnectionUnhealthy", "n2"), ("VaultServerErrors", "prod")},
    ),
    "one standby without a connection": (
        [("VaultHaConnectionUnhealthy", "n2"), ("VaultLeaderUnknown", "n2"), ("VaultServerErrors", "prod")],
        SERVES,
        set(),
    ),
    "a full disk is also a low one": (
        [("VaultHostDiskFull", "n1"), ("VaultHostDiskLow", "n1"), ("VaultHostDiskLow", "n2")],
        SERVES,
        {("VaultHostDiskLow", "n1")},
    ),
    "a node that is sealed now was unstable before": (
        [("VaultSealed", "n2"), ("VaultUnstable", "n2"), ("VaultUnstable", "n1")],
        SERVES,
        {("VaultUnstable", "n2")},
    ),
    "no active node, so that nobody knows one": (
        [("VaultNoActiveNode", "prod"), ("VaultLeaderUnknown", "n1"), ("VaultClusterUnavailable", "prod")],
        SERVES_NOT,
        {("VaultLeaderUnknown", "n1"), ("VaultClusterUnavailable", "prod")},
    ),
    "an active node now and then": (
        [("VaultClusterUnavailable", "prod"), ("VaultErrorBudgetBurnFast", "prod"), ("VaultQuorumAtRisk", "prod")],
        SERVES,
        {("VaultErrorBudgetBurnFast", "prod")},
    ),
    "a certificate that ends now also ends soon": (
        [("VaultCertificateExpiresNow", "n1"), ("VaultCertificateExpiring", "n1"), ("VaultCertificateExpiring", "n2")],
        SERVES,
        {("VaultCertificateExpiring", "n1")},
    ),
    "nobody can log in to a sealed cluster": (
        [("VaultClusterSealed", "prod"), ("VaultAgentAuthFailing", "app"), ("VaultAgentInjectorDown", "prod")],
        SERVES_NOT,
        {("VaultAgentAuthFailing", "app")},
    ),
    "one node that is down does not keep agents from logging in": (
        [("VaultDown", "n2"), ("VaultSealed", "n3"), ("VaultAgentAuthFailing", "app")],
        SERVES,
        set(),
    ),
    "a budget that burns fast also burns slowly": (
        [("VaultErrorBudgetBurnFast", "prod"), ("VaultErrorBudgetBurnSlow", "prod")],
        SERVES,
        {("VaultErrorBudgetBurnSlow", "prod")},
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_what_explains_what(case: str, tmp_path: Path) -> None:
    alerts, metrics, expected = TABLE[case]
    series = [_series("ALERTS", instance, 1, alertname=name, alertstate="firing") for name, instance in alerts]
    series += [_series(name, instance, value, job="vault") for (name, instance), value in metrics.items()]
    # Another cluster serves, and says nothing about this one.
    series += [_series(name, "m1", 1, job="vault", cluster="other") for name in ("up", "vault_active")]
    assert _inhibited(series, tmp_path) == expected


def test_a_pending_cause_is_enough_and_the_end_of_either_ends_it(tmp_path: Path) -> None:
    """So it comes before Alertmanager tells the symptom, and ends in time for Alertmanager to tell that end."""
    cause = _series("ALERTS", "n1", 1, alertname="VaultStorageUnavailable", alertstate="pending")
    symptom = _series("ALERTS", "n1", 1, alertname="VaultDown", alertstate="firing")
    assert _inhibited([cause, symptom], tmp_path) == {("VaultDown", "n1")}
    over = "1x4 stale"
    assert _inhibited([cause | {"values": over}, symptom], tmp_path) == set()
    assert _inhibited([cause, symptom | {"values": over}], tmp_path) == set()


@pytest.mark.parametrize("state", ["pending", "firing"])
def test_the_text_also_holds_of_alerts_that_are_pending(state: str, tmp_path: Path) -> None:
    """``promtool`` expects no alert, and prints the text of the one that it got."""
    series = [
        _series("ALERTS", "n1", 1, alertname=name, alertstate=state)
        for name in ("VaultStorageUnavailable", "VaultDown")
    ]
    test = {
        "interval": "15s",
        "input_series": series,
        "alert_rule_test": [{"eval_time": "2m", "alertname": "VaultInhibitor", "exp_alerts": []}],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "15s", "tests": [test]}))
    said = promtool("test", "rules", file).stdout
    assert "n1 of cluster prod: VaultDown and an alert about its cause are pending or firing" in said
    assert " fires" not in said


def test_a_crash_loop_is_told_though_its_node_is_down_at_each_turn(tmp_path: Path) -> None:
    symptom = _series("ALERTS", "n1", 1, alertname="VaultUnstable", alertstate="firing")
    for name in ("VaultDown", "VaultSealed"):
        cause = _series("ALERTS", "n1", 1, alertname=name, alertstate="pending")
        assert _inhibited([cause, symptom], tmp_path) == set()


def _series(metric: str, instance: str, value: int, *, cluster: str = "prod", **labels: str) -> dict[str, str]:
    labels |= {"cluster": cluster, "instance": instance}
    pairs = ",".join(f"{name}={json.dumps(text)}" for name, text in labels.items())
    return {"series": f"{metric}{{{pairs}}}", "values": f"{value}x20"}


def test_what_an_outage_leaves_behind_is_explained_for_a_while(tmp_path: Path) -> None:
    """The canary and the error budget look back, so they end some time after the repair."""
    active = _series("vault_active", "n1", 1, job="vault") | {"values": "0x20 1x200"}
    cause = _series("ALERTS", "n1", 1, alertname="VaultStorageUnavailable", alertstate="firing")
    symptoms = [
        _series("ALERTS", "prod", 1, alertname=name, alertstate="firing") | {"values": "1x220"}
        for name in ("VaultCanaryFailing", "VaultErrorBudgetBurnFast")
    ]
    series = [active, cause | {"values": "1x20 stale"}, *symptoms]
    both = {("VaultCanaryFailing", "prod"), ("VaultErrorBudgetBurnFast", "prod")}
    assert _inhibited(series, tmp_path, at="4m") == both
    assert _inhibited(series, tmp_path, at="8m") == both
    assert _inhibited(series, tmp_path, at="15m") == {("VaultErrorBudgetBurnFast", "prod")}
    assert _inhibited(series, tmp_path, at="40m") == set()


def _inhibited(series: list[dict[str, str]], folder: Path, *, at: str = "2m") -> set[Alert]:
    """Ask promtool which alerts have an inhibitor: it expects none, and prints those that it got."""
    expected = [{"eval_time": at, "expr": 'ALERTS{alertname="VaultInhibitor"}', "exp_samples": []}]
    test = {"interval": "15s", "input_series": series, "promql_expr_test": expected}
    file = folder / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "15s", "tests": [test]}))
    run = subprocess.run(
        ["promtool", "test", "rules", file], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    found = re.findall(r'cluster="(\w+)", inhibits="(\w+)", instance="(\w+)"', run.stdout + run.stderr)
    assert bool(found) == bool(run.returncode), run.stdout + run.stderr
    assert {cluster for cluster, _, _ in found} <= {"prod"}
    return {(name, instance) for _, name, instance in found}


NODES: Final = ("n1", "n2", "n3")
GOOD: Final = {"vault_up": 1, "vault_sealed": 0, "vault_core_unsealed": 1, "vault_active": 0, "vault_initialized": 1}
ACTIVE: Final = GOOD | {"vault_active": 1}
NO_STORAGE: Final = {
    "vault_up": 0,
    "vault_sealed": 0,
    "vault_core_unsealed": 0,
    "vault_active": 0,
    'vault_up_failure_reason{reason="http_5xx"}': 1,
}
PACE: Final = Pace(speed=60, shortest=3, window=6)


class Nodes:
    """Three nodes as the exporter shows them, each at a path of its name."""

    def __init__(self) -> None:
        self.port = 0
        self.states: dict[str, dict[str, int]] = {"n1": ACTIVE, "n2": GOOD, "n3": GOOD}

    @contextlib.contextmanager
    def served(self) -> Iterator["Nodes"]:
        states = self.states

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text = "".join(f"{name} {value}\n" for name, value in states[self.path.strip("/")].items())
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.port = server.server_port
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    @property
    def job(self) -> dict[str, Any]:
        return {
            "job_name": "vault",
            "static_configs": [{"targets": list(NODES), "labels": {"cluster": "prod"}}],
            "relabel_configs": [
                {"source_labels": ["__address__"], "target_label": "instance"},
                {"source_labels": ["__address__"], "target_label": "__metrics_path__", "replacement": "/$1"},
                {"target_label": "__address__", "replacement": f"127.0.0.1:{self.port}"},
            ],
        }


class Chain(NamedTuple):
    """From what nodes show to PagerDuty."""

    nodes: Nodes
    alertmanager: Alertmanager
    recorder: Recorder

    def incidents(self) -> dict[str, str]:
        """Return the incidents by the alert's name, each with what was said of it last."""
        return {page.body["payload"]["class"]: page.body["event_action"] for page in self.recorder.pages()}

    def keys(self, alert: str) -> set[str]:
        return {page.body["dedup_key"] for page in self.recorder.pages() if page.body["payload"]["class"] == alert}

    def wait_for(self, **expected: str) -> None:
        """Wait until the last that was said of each of these alerts is this."""
        wait_until(lambda: self.incidents().items() >= expected.items(), what=f"{expected}", interval=0.2)


PROGRAMS: Final = versions("prometheus-alertmanager")


@pytest.fixture(params=list(PROGRAMS.values()), ids=list(PROGRAMS))
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    folders = [tmp_path / name for name in ("rules", "prometheus", "alertmanager")]
    for folder in folders:
        folder.mkdir()
    rules = ours(folders[0], PACE, {})
    with (
        Nodes().served() as nodes,
        recording() as recorder,
        # So long a wait that causes and symptoms come within it, as they do within the 30 s of the configuration.
        Alertmanager(folders[2], recorder, program=request.param, group_wait="4s", group_interval="2s") as alertmanager,
        Prometheus(
            folders[1], [nodes.job], port=free_port(), rules=rules, interval=1, alertmanager=alertmanager.address
        ),
    ):
        yield Chain(nodes, alertmanager, recorder)


def test_a_symptom_that_ends_before_its_cause_is_resolved(chain: Chain) -> None:
    """The canary fails, and that is told. Then the storage of all nodes is gone, so that the canary is not asked."""
    chain.nodes.states["n1"] = ACTIVE | {'vault_canary_success{step="write"}': 0}
    chain.wait_for(VaultCanaryFailing="trigger")
    key = chain.keys("VaultCanaryFailing")
    chain.nodes.states |= dict.fromkeys(NODES, NO_STORAGE)
    chain.wait_for(VaultStorageUnavailable="trigger", VaultCanaryFailing="resolve")
    wait_until(lambda: "VaultDown" in chain.alertmanager.suppressed("prod"), what="VaultDown is inhibited")
    assert chain.incidents()["VaultStorageUnavailable"] == "trigger", "the cause goes on"
    chain.nodes.states |= {"n1": ACTIVE, "n2": GOOD, "n3": GOOD}
    chain.wait_for(VaultStorageUnavailable="resolve", VaultCanaryFailing="resolve")
    assert chain.keys("VaultCanaryFailing") == key
    assert len(chain.keys("VaultStorageUnavailable")) == 1
    assert "VaultDown" not in chain.incidents()
