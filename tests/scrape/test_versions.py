"""What is made of the answers of other products, versions and states, recorded or hand-made as their README says."""

import asyncio
import re

import pytest

from tests.lab.answers import answers
from tests.lab.fake_node import Node, StartExporter, target
from tests.lab.waiting import PATIENCE
from vault_exporter.config.schema.logins import UserpassAuth
from vault_exporter.config.schema.model import Collectors, Secret, TokenAuth

AUTH = TokenAuth(token=Secret("hvs.planted"))
EVERY_VERSION = {
    "vault_up": 1,
    "vault_active": 1,
    "vault_barrier_key_rotation_enabled": 1,
    "vault_barrier_key_rotation_interval_seconds": 0,
    'vault_quotas{type="rate_limit"}': 1,
    'vault_kv_mounts{version="2"}': 1,
    'vault_operation_required_shares{operation="generate_root"}': 3,
    'vault_policies{type="acl"}': 3,
    "vault_auth_mounts_deprecated": 1,
    "vault_host_memory_total_bytes": 8000,
    'vault_audit_devices{type="file"}': 1,
    "vault_raft_voters": 3,
    "vault_raft_autopilot_failure_tolerance": 1,
    'vault_raft_autopilot_server_last_contact_seconds{node_id="n2"}': 1.234567891,
    "vault_irrevocable_leases": 2,
    'vault_mount_irrevocable_leases{mount_accessor="database_9f1e"}': 2,
    "vault_locked_users": 1,
    'vault_ha_node_last_echo_timestamp_seconds{hostname="n2",api_address="https://n2:8200"}': 1795516270.5,
}
SECONDARY = '{replication="dr"}'
BEFORE_1_10: dict[str, float] = {
    "vault_up": 1,
    "vault_active": 1,
    "vault_leader_known": 1,
    "vault_barrier_key_term": 2,
    'vault_kv_mounts{version="2"}': 1,
    'vault_operation_in_progress{operation="generate_root"}': 1,
    'vault_operation_in_progress{operation="rekey"}': 0,
    'vault_policies{type="acl"}': 3,
    'vault_audit_devices{type="file"}': 1,
}
NOT_BEFORE_1_10 = {"vault_active_since_timestamp_seconds", "vault_ha_nodes", "vault_locked_users", "vault_plugins"}
REKEY = 'vault_operation_in_progress{operation="rekey"}'
GENERATE_ROOT = 'vault_operation_in_progress{operation="generate_root"}'
NAMESPACES: dict[str, float] = {"vault_namespaces": 1, "vault_namespaces_sealed": 0}

VERSIONS: dict[str, tuple[dict[str, float], set[str]]] = {
    # What is there, and what is not.
    "vault-1.2": (
        BEFORE_1_10 | {'vault_info{version="1.2.4",cluster_name="vault-cluster-1",cluster_id="c1"}': 1},
        NOT_BEFORE_1_10
        | {"vault_storage_info", "vault_raft_servers", "vault_barrier_key_encryptions", "vault_host_memory_total_bytes"}
        | {"vault_quotas", "vault_irrevocable_leases", "vault_identity_entities", "vault_clients_current_month"},
    ),
    "vault-1.9": (
        BEFORE_1_10
        | {
            'vault_storage_info{type="raft"}': 1,
            "vault_raft_voters": 3,
            "vault_barrier_key_encryptions": 12345,
            "vault_irrevocable_leases": 2,
            'vault_clients_current_month{type="entity"}': 6,
            "vault_host_memory_total_bytes": 8000,
        },
        NOT_BEFORE_1_10,
    ),
    "vault-1.14": (
        EVERY_VERSION | {'vault_info{version="1.14.8",cluster_name="vault-cluster-1",cluster_id="c1"}': 1},
        {"vault_namespaces", "vault_license_expiry_timestamp_seconds", "vault_replication_state"},
    ),
    "vault-1.13": (
        EVERY_VERSION
        | {
            'vault_operation_in_progress{operation="generate_root"}': 1,
            'vault_operation_progress_shares{operation="generate_root"}': 1,
            'vault_operation_in_progress{operation="rekey"}': 0,
            'vault_clients_current_month{type="entity"}': 6,
            "vault_service_tokens": 17,
            'vault_version_installed_timestamp_seconds{version="1.13.1"}': 1772323200.5,
            'vault_plugins{type="auth",builtin="true",deprecation_status="removed"}': 1,
        },
        {"vault_namespaces", "vault_license_expiry_timestamp_seconds", "vault_replication_state", "rekey_recovery"},
    ),
    "vault-1.19-enterprise": (
        EVERY_VERSION
        | {
            'vault_operation_in_progress{operation="rekey"}': 1,
            'vault_operation_progress_shares{operation="rekey"}': 2,
            'vault_clients_current_month{type="acme"}': 2,
            'vault_clients_current_month{type="secret_sync"}': 1,
            'vault_quotas{type="lease_count"}': 1,
            "vault_namespaces": 1,
            "vault_namespaces_sealed": 0,
            "vault_license_expiry_timestamp_seconds": 1803859200,
            "vault_license_termination_timestamp_seconds": 1804723200,
            "vault_raft_autopilot_optimistic_failure_tolerance": 2,
            'vault_ha_node_clock_skew_seconds{hostname="n2",api_address="https://n2:8200"}': -0.012,
            'vault_replication_state{replication="performance",state="running"}': 1,
            f"vault_replication_last_wal{SECONDARY}": 812,
            f"vault_replication_connected_secondaries{SECONDARY}": 1,
            "vault_replication_dr_primary": 1,
        },
        {"vault_namespaces_locked", "vault_replication_primary_connected", "rekey_recovery"},
    ),
    "vault-2.0": (
        EVERY_VERSION | {'vault_operation_in_progress{operation="rekey"}': 0},
        {"vault_service_tokens", "vault_clients_current_month", "rekey_recovery"},
    ),
    "vault-redacted": (
        EVERY_VERSION | {'vault_info{version="",cluster_name="",cluster_id="c1"}': 1, "vault_leader_known": 1},
        set(),
    ),
    "openbao-2.0": (
        EVERY_VERSION | {'vault_operation_in_progress{operation="rekey"}': 0},
        {"vault_namespaces", "vault_clients_current_month", "vault_replication_state", "vault_performance_standby"},
    ),
    "openbao-2.3": (EVERY_VERSION | NAMESPACES, {"vault_namespaces_locked", "vault_clients_current_month"}),
    "openbao-2.4": (EVERY_VERSION | NAMESPACES | {REKEY: 0, GENERATE_ROOT: 1}, {"rekey_recovery"}),
    "openbao-2.5": (EVERY_VERSION | NAMESPACES | {REKEY: 0, GENERATE_ROOT: 1}, {"rekey_recovery"}),
    "openbao-2.6": (
        EVERY_VERSION | NAMESPACES | {REKEY: 0, GENERATE_ROOT: 0, "vault_namespaces_sealed": 1},
        {"rekey_recovery"},
    ),
    "openbao-2.7.2": (
        {
            "vault_up": 1,
            "vault_active": 1,
            "vault_raft_voters": 1,
            "vault_raft_autopilot_failure_tolerance": 0,
            'vault_raft_autopilot_server_last_contact_seconds{node_id="node"}': 0,
            "vault_ha_nodes": 1,
            'vault_operation_in_progress{operation="rekey"}': 0,
            'vault_operation_in_progress{operation="generate_root"}': 0,
            'vault_quotas{type="rate_limit"}': 0,
            'vault_policies{type="password"}': 0,
            "vault_namespaces": 0,
            "vault_namespaces_locked": 0,
            "vault_locked_users": 0,
            'vault_audit_devices{type="file"}': 0,
            'vault_version_installed_timestamp_seconds{version="2.7.2"}': 1795551161,
        },
        {'type="lease_count"', "vault_clients_current_month", "vault_license_expiry_timestamp_seconds"},
    ),
}
STATES: dict[str, tuple[dict[str, float], set[str]]] = {
    # What is there, and what else is asked than every node is.
    "vault-dr-secondary": (
        {
            "vault_up": 1,
            "vault_health_status_code": 472,
            "vault_replication_dr_secondary": 1,
            "vault_license_expiry_timestamp_seconds": 1803859200,  # its health says so, without a token
            f"vault_replication_last_remote_wal{SECONDARY}": 810,
            f"vault_replication_primary_connected{SECONDARY}": 1,
            'vault_replication_state{replication="dr",state="stream-wals"}': 1,
        },
        set(),
    ),
    "vault-performance-standby": (
        {
            "vault_up": 1,
            "vault_health_status_code": 473,
            "vault_active": 0,
            "vault_performance_standby": 1,
            "vault_license_expiry_timestamp_seconds": 1803859200,
            "vault_ha_connection_healthy": 1,
            "vault_host_memory_total_bytes": 8000,
        },
        {"sys/host-info", "sys/in-flight-req"},
    ),
    "vault-removed-node": (
        {"vault_up": 1, "vault_health_status_code": 530, "vault_removed_from_cluster": 1, "vault_sealed": 1},
        set(),
    ),
}
OF_THE_NODE = {
    "sys/health",
    "sys/seal-status",
    "sys/leader",
    "sys/metrics",
    "sys/replication/status",
    "auth/token/lookup-self",
}


async def samples(start: StartExporter, node: Node) -> dict[str, float]:
    """Name and labels as on the page → value."""
    client = await start(target(node, auth=AUTH, collectors=Collectors(enable=("audit_devices",))))
    page = await (await client.get("/probe?target=n1")).text()
    assert "collector_failure_reason" not in page, re.findall(r".*failure_reason\{c.*", page)
    pairs = (line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    return {series: float(value) for series, value in pairs}


@pytest.mark.parametrize("name", VERSIONS)
async def test_versions(node: Node, start_exporter: StartExporter, name: str) -> None:
    expected, absent = VERSIONS[name]
    node.answers |= answers(name)
    seen = await samples(start_exporter, node)
    assert {series: seen.get(series) for series in expected} == expected
    for part in absent:
        # A name stands for the whole of it, a label for any series that has it.
        found = [one for one in seen if (part in one if not part.startswith("vault_") else part == one.split("{")[0])]
        assert found == [], part


HIDDEN = '"leader_address": ""'
WITHOUT = '"is_self": false'


@pytest.mark.parametrize(
    ("version", "leader", "health", "known"),
    [
        # Vault with redact_addresses, on a standby: what it says of its connection counts.
        ("1.19.0", HIDDEN, '"ha_connection_healthy": true', "1"),
        ("1.19.0", HIDDEN, '"ha_connection_healthy": false', "0"),
        ("1.16.2", HIDDEN, "", None),
        ("", HIDDEN, "", None),
        ("1.15.6", HIDDEN, "", "0"),
        ("1.9.10", HIDDEN, "", "0"),
        ("1.19.0", '"leader_address": "https://n1:8200"', '"ha_connection_healthy": false', "1"),
        # OpenBao leaves the address out where it knows no active node.
        ("2.7.2", WITHOUT, "", "0"),
    ],
)
async def test_whether_an_active_node_is_known_to_a_standby(
    node: Node, start_exporter: StartExporter, version: str, leader: str, health: str, known: str | None
) -> None:
    more = f", {health}" if health else ""
    text = f'{{"initialized": true, "sealed": false, "standby": true, "version": "{version}"{more}}}'
    node.answers |= {
        "sys/health": (429, text),
        "sys/leader": (200, f'{{"ha_enabled": true, {leader}}}'),
    }
    page = await (await (await start_exporter(target(node))).get("/probe?target=n1")).text()
    assert re.findall(r"^vault_leader_known (.*)$", page, re.MULTILINE) == ([known] if known else [])


async def test_a_dr_secondary_says_nothing_of_tokens(node: Node, start_exporter: StartExporter) -> None:
    for auth in (AUTH, UserpassAuth(username="exporter", password=Secret("two words"))):
        node.answers |= answers("vault-dr-secondary")
        disabled = (400, '{"errors":["path disabled in replication DR secondary mode"]}')
        node.answers |= dict.fromkeys(("auth/userpass/login/exporter", "sys/metrics"), disabled)
        client = await start_exporter(target(node, auth=auth))
        page = await (await client.get("/probe?target=n1")).text()
        assert "vault_exporter_token_valid" not in page
        assert '\nvault_exporter_login_failures_total{reason="secondary"} 1\n' in page
        assert '\nvault_exporter_login_failures_total{reason="denied"} 0\n' in page
        assert '\nvault_replication_state{replication="dr",state="stream-wals"} 1\n' in page
        # Promoted, it is logged in to at once.
        node.answers |= answers("vault-1.19-enterprise")
        issued = '{"auth":{"client_token":"hvs.1","lease_duration":3600,"renewable":true}}'
        node.answers["auth/userpass/login/exporter"] = (200, issued)
        async with asyncio.timeout(PATIENCE):
            while "\nvault_exporter_token_valid 1\n" not in page:
                page = await (await client.get("/probe?target=n1")).text()


async def test_replication_is_asked_for_without_a_token(node: Node, start_exporter: StartExporter) -> None:
    node.answers |= answers("vault-1.19-enterprise")
    client = await start_exporter(target(node))
    page = await (await client.get("/probe?target=n1")).text()
    assert f"\nvault_replication_last_wal{SECONDARY} 812\n" in page
    assert "X-Vault-Token" not in node.headers["sys/replication/status"]


@pytest.mark.parametrize("name", STATES)
async def test_states(node: Node, start_exporter: StartExporter, name: str) -> None:
    expected, asked = STATES[name]
    node.answers |= answers(name)
    seen = await samples(start_exporter, node)
    assert {series: seen.get(series) for series in expected} == expected
    assert set(node.calls) - OF_THE_NODE == asked
    for family in ("vault_barrier_key_term", "vault_ha_nodes", "vault_irrevocable_leases", "vault_raft_servers"):
        assert family not in seen
