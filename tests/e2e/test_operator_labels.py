"""A scrape as the Prometheus Operator sets it up: its labels of the target, and none of ours, stay what they are."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.conftest import StartExporter
from tests.lab.waiting import wait_until
from vault_exporter.demo.openbao import Server, dev_server
from vault_exporter.demo.process import free_port
from vault_exporter.demo.prometheus import Prometheus
from vault_exporter.metrics.catalogue import SERIES

OPERATOR = {
    "namespace": "monitoring",
    "pod": "vault-0",
    "service": "vault",
    "endpoint": "http",
    "container": "exporter",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "bao").mkdir()
    with dev_server(tmp_path / "bao", root_token="root", unauthenticated_metrics=True) as server:
        yield server


def test_namespaces_of_vault_and_of_kubernetes_have_labels_of_their_own(
    server: Server, start_exporter: StartExporter, tmp_path: Path
) -> None:
    log = tmp_path / "audit.log"
    request = {"id": "1", "operation": "read", "path": "secret/a", "namespace": {"id": "x", "path": "team/"}}
    log.write_text(json.dumps({"type": "request", "request": request}) + "\n")
    exporter = start_exporter(
        targets=[{"name": "vault-0", "address": server.address, "cluster": "prod"}],
        audit={"logs": [str(log)], "from_start": True},
    )
    (tmp_path / "prometheus").mkdir()
    job = {
        "job_name": "vault",
        "static_configs": [{"targets": [urlsplit(exporter.address).netloc], "labels": OPERATOR | {"cluster": "prod"}}],
    }
    with Prometheus(tmp_path / "prometheus", [job], port=free_port()) as prometheus:
        theirs = 'vault_audit_namespace_entries_total{namespace="monitoring",vault_namespace="team/"}'
        wait_until(lambda: prometheus.value(theirs) == 1, what="the entry of the namespace")
        series = [one.labels for one in prometheus.query('{job="vault",__name__=~"vault_.*"}')]
        moved = {one["__name__"] for one in series if any(label.startswith("exported_") for label in one)}
        assert moved & SERIES == set()
        assert {one["namespace"] for one in series} == {"monitoring"}
        assert {one["cluster"] for one in series} == {"prod"}
