"""Rules and audit metrics with the target labels of the Prometheus Operator, honoured or not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from tests.e2e.conftest import StartExporter
from tests.faults import scaled
from tests.lab import api
from tests.lab.waiting import wait_until
from vault_exporter.demo.openbao import Server, dev_server
from vault_exporter.demo.process import free_port
from vault_exporter.demo.prometheus import Prometheus

TOKEN: Final = "root"
CLUSTER: Final = "prod"
OF_KUBERNETES: Final = {
    "namespace": "monitoring",
    "pod": "vault-exporter-0",
    "service": "vault-exporter",
    "endpoint": "http",
    "container": "exporter",
}
"""The target labels of a ServiceMonitor."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "bao").mkdir()
    with dev_server(tmp_path / "bao", root_token=TOKEN, audit_log=tmp_path / "audit.log") as server:
        yield server


def job(name: str, address: str, *, honor_labels: bool, **settings: Any) -> dict[str, Any]:
    """Write a scrape job as the operator does: its labels come from those of the discovered pod."""
    found = {f"__meta_kubernetes_{label}": value for label, value in OF_KUBERNETES.items()}
    relabelling: list[dict[str, Any]] = [
        {"source_labels": [f"__meta_kubernetes_{label}"], "target_label": label} for label in OF_KUBERNETES
    ]
    relabelling += [{"target_label": "cluster", "replacement": CLUSTER}, {"target_label": "job", "replacement": name}]
    return {
        "job_name": f"serviceMonitor/monitoring/{name}/0",
        "honor_labels": honor_labels,
        "static_configs": [{"targets": [urlsplit(address).netloc], "labels": found}],
        "relabel_configs": relabelling,
        **settings,
    }


@pytest.mark.parametrize("honor_labels", [True, False], ids=["labels honoured", "labels not honoured"])
def test_rules_and_audit_metrics_hold_with_the_labels_of_the_operator(
    *, server: Server, start_exporter: StartExporter, tmp_path: Path, honor_labels: bool
) -> None:
    exporter = start_exporter(
        targets=[
            {"name": "dev", "address": server.address, "cluster": CLUSTER, "auth": {"method": "token", "token": TOKEN}}
        ],
        audit={"logs": [str(tmp_path / "audit.log")], "from_start": True},
    )
    for folder in ("prometheus", "rules"):
        (tmp_path / folder).mkdir()
    named = {"target_label": "instance", "replacement": "dev"}
    nodes = job("vault", exporter.address, honor_labels=honor_labels, metrics_path="/probe")
    nodes |= {"params": {"target": ["dev"]}, "relabel_configs": [*nodes["relabel_configs"], named]}
    jobs = [nodes, job("vault-exporter", exporter.address, honor_labels=honor_labels)]
    rules = scaled.ours(tmp_path / "rules", scaled.Pace(), {})
    with Prometheus(tmp_path / "prometheus", jobs, port=free_port(), rules=rules) as prometheus:
        # The page of an exporter with one target has the node, too.
        wait_until(lambda: prometheus.value('vault_up{job="vault"}') == 1, what="a scrape of the node")
        wait_until(
            lambda: bool(prometheus.query("vault_audit_namespace_entries_total")), what="a scrape of the audit log"
        )
        assert api.call(server.address, "POST", "sys/namespaces/team", TOKEN).status == 200
        assert api.call(server.address, "GET", "team/sys/mounts", TOKEN).status == 200

        # Our label is Vault's namespace, and the operator's label is that of the pod.
        own = OF_KUBERNETES | {"cluster": CLUSTER, "job": "vault-exporter"}
        entries = 'vault_audit_namespace_entries_total{vault_namespace="team/",type="request"}'
        wait_until(lambda: bool(prometheus.query(entries)), what="the entries of the namespace")
        (counted,) = prometheus.query(entries)
        assert own.items() <= counted.labels.items()
        assert not {label for label in counted.labels if label.startswith("exported_")}

        # None of our series has a label that collides; only Vault's own telemetry may.
        exported = 'count by (__name__) ({exported_namespace!=""} or {exported_cluster!=""})'
        collided = {series.labels["__name__"] for series in prometheus.query(exported)}
        assert not {name for name in collided if name.startswith(("vault_audit_", "vault_exporter_"))}
        assert prometheus.query('vault_sealed{namespace="monitoring",cluster="prod",instance="dev"}')

        def fires(name: str, **labels: str) -> bool:
            firing = prometheus.query(f'ALERTS{{alertname="{name}",alertstate="firing"}}')
            return any(labels.items() <= alert.labels.items() for alert in firing)

        wait_until(lambda: fires("VaultRootTokenUsed", cluster=CLUSTER), what="an alert about the audit log")
        assert {rule.health for rule in prometheus.rules()} <= {"ok", "unknown"}
        assert api.call(server.address, "PUT", "sys/seal", TOKEN).status == 204
        wait_until(lambda: fires("VaultSealed", cluster=CLUSTER, instance="dev"), what="an alert about the node")
