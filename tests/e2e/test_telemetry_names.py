"""Real nodes whose telemetry has other names: a ``metrics_prefix``, and a second sink that puts host names in."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import StartExporter, probe
from tests.lab import api
from tests.lab.nodes import raft_node
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.page import ScrapedPage
from vault_exporter.demo.process import program
from vault_exporter.demo.verdict import NATIVE_NAMES

SETTINGS: dict[str, dict[str, Any]] = {
    "metrics_prefix": {"metrics_prefix": "openbao"},
    "statsd beside Prometheus": {"disable_hostname": False, "statsd_address": "127.0.0.1:9"},
    "both": {"metrics_prefix": "secrets", "disable_hostname": False, "statsd_address": "127.0.0.1:9"},
}


REMEDY = "remove metrics_prefix from the telemetry block of the Vault server and set disable_hostname = true"


def names(exporter: ExporterProcess) -> list[str]:
    """Return the names of the families on the node's page."""
    text = exporter.get("/probe?target=node").decode()
    return [line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE ")]


def status(page: ScrapedPage) -> list[str]:
    return [one.labels["status"] for one in page.series("vault_exporter_telemetry_status") if one.value]


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_other_names_come_out_as_the_usual_ones(
    tmp_path: Path, start_exporter: StartExporter, settings: dict[str, Any]
) -> None:
    with raft_node(tmp_path, **settings) as node:
        _, keys = api.initialize(node.address)
        api.unseal(node.address, keys)
        wait_until(lambda: node.health() == 200, what="active")
        prefix = settings.get("metrics_prefix", "vault")
        wait_until(lambda: 'core_unsealed{cluster="vault-cluster' in api.metrics(node.address), what="both series")
        native = api.metrics(node.address)
        assert 'core_unsealed{cluster=""} 0' in native  # stale
        assert "\nvault_runtime_alloc_bytes " not in native
        assert f"\n{prefix}_barrier_put_count " in native

        target = {"name": "node", "address": node.address}
        exporter = start_exporter(targets=[target])
        wait_until(lambda: all(name in probe(exporter, "node") for name in NATIVE_NAMES), what="the usual names")
        page = probe(exporter, "node")
        assert status(page) == ["ok"]
        (own,) = page.series("vault_core_unsealed")
        assert own.value == 1
        assert page.value("vault_core_step_down_count") == 0
        assert "vault_barrier_put_count" in page
        assert not [name for name in names(exporter) if not name.startswith("vault_")]

        kept = start_exporter(targets=[target], telemetry={"keep_prefix": True})
        page = probe(kept, "node")
        assert status(page) == ["ok"]
        assert "vault_runtime_alloc_bytes" not in page
        unsealed = [one for name in names(kept) if name.endswith("_core_unsealed") for one in page.series(name)]
        assert [one.value for one in unsealed] == [1, 1]  # the exporter's own, and the true one of the node


def test_a_page_without_any_known_name(tmp_path: Path, start_exporter: StartExporter) -> None:
    """Vault's ``filter_default`` leaves only what a ``prefix_filter`` lets through."""
    with raft_node(tmp_path, metrics_prefix="secrets", filter_default=False, prefix_filter=["+secrets.raft"]) as node:
        exporter = start_exporter(targets=[{"name": "node", "address": node.address}])
        wait_until(lambda: status(probe(exporter, "node")) == ["unknown_prefix"], what="the status")
        page = probe(exporter, "node")
        assert page.value("vault_up") == 1
        assert "vault_go_goroutines" in page
        (file,) = tmp_path.glob("vault-exporter-*.yml")
        assert REMEDY in file.with_suffix(".log").read_text()
        command = [str(program("vault-exporter")), "check", "--online", "--config", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 1
        (told,) = (line for line in done.stdout.splitlines() if "unknown_prefix" in line)
        assert told.split() == ["telemetry", "unknown_prefix"]
        assert REMEDY in done.stdout
