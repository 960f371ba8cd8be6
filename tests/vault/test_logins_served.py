"""A login that fails costs the collectors that need the token, and nothing else."""

import re

import pytest

from tests.lab.fake_node import Node, StartExporter, target
from vault_exporter.config.schema.logins import UserpassAuth
from vault_exporter.config.schema.secret import Secret

AUTH = UserpassAuth(username="exporter", password=Secret("planted"))
LOGIN = "auth/userpass/login/exporter"
FREE = {"health", "seal", "leader", "certificate", "replication", "telemetry"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((400, '{"errors":["invalid username or password"]}'), "login_failed"),
        ((500, '{"errors":["context deadline exceeded"]}'), "http_5xx"),
    ],
)
async def test_of_a_node_that_is_well(
    node: Node, start_exporter: StartExporter, answer: tuple[int, str], reason: str
) -> None:
    node.answers[LOGIN] = answer
    client = await start_exporter(target(node, auth=AUTH))
    for _ in range(2):
        page = await (await client.get("/probe?target=n1")).text()
        assert "\nvault_up 1\n" in page
        assert '\nvault_exporter_telemetry_status{status="ok"} 1\n' in page  # the listener wants no token
        success = dict(re.findall(r'^vault_exporter_collector_success\{collector="(\w+)"\} (\d)$', page, re.MULTILINE))
        assert {name for name, value in success.items() if value == "1"} == FREE & success.keys()
        reasons = re.findall(r'^vault_exporter_collector_failure_reason\{.*reason="(\w+)"\} 1$', page, re.MULTILINE)
        assert set(reasons) == {reason}
        assert "\nvault_exporter_token_valid 0\n" in page
    assert node.calls[LOGIN] == 1  # the second scrape came too soon for another


async def test_of_a_sealed_node(node: Node, start_exporter: StartExporter) -> None:
    sealed = (503, '{"errors":["Vault is sealed"]}')
    health = '{"initialized":true,"sealed":true,"standby":true}'
    node.answers |= {LOGIN: sealed, "sys/health": (503, health), "sys/leader": sealed}
    page = await (await (await start_exporter(target(node, auth=AUTH))).get("/probe?target=n1")).text()
    assert "\nvault_up 1\n" in page
    assert "vault_exporter_collector_failure_reason" not in page
    assert '\nvault_exporter_login_failures_total{reason="sealed"} 1\n' in page
