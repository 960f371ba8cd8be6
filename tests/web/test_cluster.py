"""The label ``cluster`` on ``/metrics``, where ``defaults`` names the cluster."""

import re
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.lab.answers import answers
from tests.lab.fake_node import StartExporter, StartNode, target
from tests.lab.waiting import eventually
from vault_exporter.checks import Flags, load
from vault_exporter.config.schema.model import Audit, NodeSettings, Secret, TokenAuth, Top

AUDIT_LOG = Path(__file__).parents[1] / "golden" / "audit.log"


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text;version=1.0.0"])
@pytest.mark.parametrize("nodes", [1, 2])
async def test_every_sample_of_the_page_has_it(
    start_node: StartNode, start_exporter: StartExporter, tmp_path: Path, nodes: int, accept: str
) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(AUDIT_LOG.read_bytes())
    targets = []
    for number in range(nodes):
        node = await start_node()
        node.answers |= answers("everything")
        targets.append(target(node, f"n{number}", auth=TokenAuth(token=Secret("hvs.1")), cluster="prod"))
    client = await start_exporter(
        *targets,
        audit=Audit(logs=(log,), from_start=True, top=Top(enabled=True)),
        defaults=NodeSettings(cluster="prod"),
        clusters={"prod": 3, "test": 1},
    )

    page = ""

    async def counted() -> bool:
        nonlocal page
        page = await (await client.get("/metrics", headers={"Accept": accept})).text()
        return "\nvault_audit_login_failures_total{" in page

    await eventually(counted, what="the log is read")
    if not page.endswith("# EOF\n"):
        page += "# EOF\n"
    lines = [line for line in page.splitlines() if not line.startswith("#")]
    expected = (("prod", 3), ("test", 1))
    own = {f'vault_exporter_cluster_expected_nodes{{cluster="{name}"}} {number}' for name, number in expected}
    assert own <= set(lines)
    for line in lines:
        labels = re.findall(r'[{,]cluster="([^"]*)"', line)
        assert len(labels) == 1, line
        # Vault's own telemetry names the cluster as Vault knows it.
        assert labels == ["prod"] or line in own or line.startswith("vault_token_"), line
    for name in ("process_cpu_seconds_total", "python_info", "vault_exporter_build_info"):
        assert any(line.startswith(f'{name}{{cluster="prod"') for line in lines), name
    assert any(line.startswith('vault_up{cluster="prod"}') for line in lines) == (nodes == 1)
    # /sd gives the targets this label, so that their own pages do without.
    assert "\nvault_up 1\n" in await (await client.get("/probe?target=n0")).text()
    if accept.startswith("application"):
        assert list(text_string_to_metric_families(page))


@pytest.mark.parametrize(
    ("lines", "cluster"),
    [
        ("defaults: {cluster: prod}\nTARGETS", "prod"),
        ("defaults: {cluster: prod}\nTARGETS, cluster: prod", "prod"),
        ("defaults: {cluster: prod}\nTARGETS, cluster: test", None),
        ("TARGETS, cluster: prod", None),
        ("defaults: {cluster: prod}\ndiscovery: [{type: dns, name: vault.example.com}]", "prod"),
        ("defaults: {cluster: prod}\ndiscovery: [{type: dns, name: vault.example.com, cluster: test}]", None),
        ("defaults: {cluster: prod}\naudit: {logs: [/vault/audit.log]}", "prod"),
    ],
)
def test_it_is_the_default_unless_there_are_several(tmp_path: Path, lines: str, cluster: str | None) -> None:
    targets = 'targets:\n  - {name: a, address: "http://127.0.0.1:1"}\n  - {name: b, address: "http://127.0.0.1:2"'
    text = re.sub("TARGETS(.*)", rf"{targets}\1}}", lines)
    file = tmp_path / "vault-exporter.yml"
    file.write_text(text)
    assert load(file, Flags(), {}).cluster == cluster
