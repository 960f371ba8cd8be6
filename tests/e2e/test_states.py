"""What the exporter says of real nodes in every state that one can be brought into."""

from pathlib import Path
from typing import Any

from tests.e2e.conftest import StartExporter, probe, reason
from tests.lab import api
from tests.lab.nodes import raft_node
from tests.lab.waiting import wait_until
from vault_exporter.demo.openbao import dev_server
from vault_exporter.demo.page import ScrapedPage
from vault_exporter.demo.verdict import NATIVE_NAMES

ALWAYS = ("vault_up", "vault_active", "vault_sealed", "vault_core_unsealed")


def state(page: ScrapedPage) -> dict[str, Any]:
    """What is always there, and the status code."""
    values = {name.removeprefix("vault_"): page.value(name) for name in ALWAYS}
    return {**values, "initialized": page.value("vault_initialized"), "code": page.value("vault_health_status_code")}


def test_development_node(tmp_path: Path, start_exporter: StartExporter) -> None:
    (tmp_path / "bao").mkdir()
    with dev_server(tmp_path / "bao", root_token="root") as server:
        auth = {"method": "token", "token": "root"}
        exporter = start_exporter(targets=[{"name": "dev", "address": server.address, "auth": auth}])
        page = probe(exporter, "dev")
        assert state(page) == {"up": 1, "active": 1, "sealed": 0, "core_unsealed": 1, "initialized": 1, "code": 200}
        assert reason(page) == ""
        health = api.call(server.address, "GET", "sys/health").body
        assert page.label("vault_info", "version") == health["version"]
        assert page.label("vault_info", "cluster_id") == health["cluster_id"]
        assert page.value("vault_ha_enabled") == 0
        wait_until(lambda: all(name in probe(exporter, "dev") for name in NATIVE_NAMES), what="the native names")
        server.stop()
        page = probe(exporter, "dev")
        assert state(page) == {"up": 0, "active": 0, "sealed": 0, "core_unsealed": 0, "initialized": None, "code": None}
        assert reason(page) == "refused"
        assert not [name for name in NATIVE_NAMES if name in page and name != "vault_core_unsealed"]


def test_from_uninitialized_to_sealed_again(tmp_path: Path, start_exporter: StartExporter) -> None:
    with raft_node(tmp_path) as node:
        exporter = start_exporter(targets=[{"name": "node", "address": node.address}])
        page = probe(exporter, "node")
        assert state(page) == {"up": 1, "active": 0, "sealed": 1, "core_unsealed": 0, "initialized": 0, "code": 501}

        token, keys = api.initialize(node.address)
        page = probe(exporter, "node")
        assert state(page) == {"up": 1, "active": 0, "sealed": 1, "core_unsealed": 0, "initialized": 1, "code": 503}
        assert (page.value("vault_seal_threshold"), page.value("vault_seal_shares")) == (1, 1)

        api.unseal(node.address, keys)
        wait_until(lambda: node.health() == 200, what="active")
        page = probe(exporter, "node")
        assert state(page) == {"up": 1, "active": 1, "sealed": 0, "core_unsealed": 1, "initialized": 1, "code": 200}
        assert page.value("vault_ha_enabled") == 1

        # Vault itself goes on saying 0 beside the 1, and the page that it serves says so.
        wait_until(lambda: 'vault_core_unsealed{cluster="vault' in api.metrics(node.address), what="both")
        plain = [line for line in api.metrics(node.address).splitlines() if line.startswith("vault_core_unsealed")]
        assert 'vault_core_unsealed{cluster=""} 0' in plain
        assert len(plain) == 2
        page = probe(exporter, "node")
        cluster = page.label("vault_info", "cluster_name")
        assert cluster.startswith("vault-cluster-")
        assert [(one.labels, one.value) for one in page.series("vault_core_unsealed")] == [({"cluster": cluster}, 1)]
        wait_until(lambda: all(name in probe(exporter, "node") for name in NATIVE_NAMES), what="the native names")

        assert api.call(node.address, "PUT", "sys/seal", token).status == 204
        page = probe(exporter, "node")
        assert state(page) == {"up": 1, "active": 0, "sealed": 1, "core_unsealed": 0, "initialized": 1, "code": 503}
