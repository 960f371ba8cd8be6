"""Each collector against what ``bao`` says on a real server, and seen to change when the thing changes."""

import contextlib
import http.client
import json
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.conftest import exporters, probe
from tests.lab import api
from tests.lab.bao import Bao
from tests.lab.nodes import raft_node
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.page import ScrapedPage
from vault_exporter.scrape.collectors import COLLECTORS, Scope, policy, telemetry

WITH_TOKEN = [collector for collector in COLLECTORS if collector.needs_token]
NO_WAITING = {collector.name: "1ms" for collector in COLLECTORS if collector.scope is not Scope.EVERY}
FALLBACKS = {"sys/rekey/init", "sys/rekey-recovery-key/init", "sys/generate-root/attempt"}
"""Granted for Vault; OpenBao answers the paths before them."""


class Lab(NamedTuple):
    bao: Bao
    keys: list[str]
    exporter: ExporterProcess

    def page(self) -> ScrapedPage:
        return probe(self.exporter, "node")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    directory = tmp_path_factory.mktemp("lab")
    settings = {"unsafe_allow_api_audit_creation": True, "raw_storage_endpoint": True}
    with raft_node(directory, settings) as node, exporters(directory) as start:
        token, keys = api.initialize(node.address, shares=3, threshold=2)
        api.unseal(node.address, keys[:2])
        wait_until(lambda: node.health() == 200, what="active")
        target = {
            "name": "node",
            "address": node.address,
            "auth": {"method": "token", "token": token},
            "collectors": {"enable": ["audit_devices"], "intervals": NO_WAITING},
        }
        yield Lab(Bao(node.address, token), keys, start(targets=[target]))


def unix(text: str) -> float:
    # Go writes nanoseconds, of which Python reads six digits.
    return datetime.fromisoformat(text).timestamp()


def test_barrier_key(lab: Lab) -> None:
    lab.bao("operator", "rotate")
    page, said = lab.page(), lab.bao("operator", "key-status")
    assert page.value("vault_barrier_key_term") == said["term"]
    assert page.value("vault_barrier_key_install_timestamp_seconds") == pytest.approx(unix(said["install_time"]))
    assert page.value("vault_barrier_key_encryptions") == pytest.approx(said["encryptions"], abs=20)
    lab.bao("operator", "rotate")
    assert lab.page().value("vault_barrier_key_term") == said["term"] + 1

    assert page.value("vault_barrier_key_rotation_enabled") == 1
    assert page.value("vault_barrier_key_rotation_interval_seconds") == 0
    assert page.value("vault_barrier_key_rotation_max_operations") == 3_865_470_566
    lab.bao("write", "sys/rotate/config", "interval=48h", "max_operations=2000000")
    page = lab.page()
    assert page.value("vault_barrier_key_rotation_interval_seconds") == 48 * 3600
    assert page.value("vault_barrier_key_rotation_max_operations") == 2_000_000


def test_raft_and_autopilot(lab: Lab) -> None:
    page = lab.page()
    (server,) = lab.bao("operator", "raft", "list-peers")["data"]["config"]["servers"]
    assert page.value("vault_raft_servers") == page.value("vault_raft_voters") == 1
    assert page.value("vault_raft_server_leader", node_id=server["node_id"]) == server["leader"]
    state = lab.bao("operator", "raft", "autopilot", "state")
    assert page.value("vault_raft_autopilot_healthy") == state["Healthy"]
    assert page.value("vault_raft_autopilot_failure_tolerance") == state["FailureTolerance"]
    judged = state["Servers"][server["node_id"]]
    (info,) = page.series("vault_raft_autopilot_server_info")
    assert info.labels == {"node_id": server["node_id"], "status": judged["Status"], "version": judged["Version"]}
    index = page.value("vault_raft_autopilot_server_last_index", node_id=server["node_id"])
    lab.bao("write", "sys/policies/acl/index", 'policy=path "a" {}')
    wait_until(
        lambda: lab.page().value("vault_raft_autopilot_server_last_index", node_id=server["node_id"]) != index,
        what="a new index",
    )


def test_ha_nodes(lab: Lab) -> None:
    page = lab.page()
    (node,) = lab.bao("operator", "members")["Nodes"]
    (info,) = page.series("vault_ha_node_info")
    labels = {"hostname": node["hostname"], "api_address": node["api_address"]}
    assert info.labels == {**labels, "version": node["version"]}
    assert page.value("vault_ha_node_active", **labels) == 1


def test_mounts_and_auth_methods(lab: Lab) -> None:
    before = lab.page()
    lab.bao("secrets", "enable", "-path=one", "-version=1", "kv")
    lab.bao("secrets", "enable", "-path=two", "-version=2", "kv")
    lab.bao("auth", "enable", "approle")
    page = lab.page()
    mounts = lab.bao("secrets", "list").values()
    assert page.sum("vault_mounts") == len(mounts) == before.sum("vault_mounts") + 2
    (kv,) = page.series("vault_mounts", type="kv")
    assert kv.value == 2
    assert kv.labels["version"] == next(one["running_plugin_version"] for one in mounts if one["type"] == "kv")
    assert page.value("vault_kv_mounts", version="1") == page.value("vault_kv_mounts", version="2") == 1
    assert page.sum("vault_auth_mounts") == len(lab.bao("auth", "list"))
    assert page.value("vault_auth_mounts", type="approle") == 1
    assert page.value("vault_mounts_deprecated") == page.value("vault_auth_mounts_deprecated") == 0
    lab.bao("secrets", "disable", "one")
    assert lab.page().value("vault_mounts", type="kv") == 1


def test_audit_devices(lab: Lab, tmp_path: Path) -> None:
    assert lab.page().sum("vault_audit_devices") == 0
    lab.bao("audit", "enable", "file", f"file_path={tmp_path / 'audit.log'}", "log_raw=true")
    try:
        page = lab.page()
        assert page.value("vault_audit_devices", type="file") == len(lab.bao("audit", "list")) == 1
        assert page.value("vault_audit_devices_log_raw") == 1
    finally:
        lab.bao("audit", "disable", "file")


def test_tokens_and_entities(lab: Lab) -> None:
    before = lab.page()
    lab.bao("token", "create", "-policy=default", "-orphan")
    lab.bao("write", "identity/entity", "name=someone")
    page = lab.page()
    assert page.sum("vault_service_tokens") == before.sum("vault_service_tokens") + 1
    assert page.sum("vault_service_tokens") == len(lab.bao("list", "auth/token/accessors"))
    assert page.value("vault_identity_entities") == len(lab.bao("list", "identity/entity/id")) == 1


def test_leases_that_cannot_be_revoked(lab: Lab) -> None:
    """The server gives a lease up at once where nothing is mounted at the path that it is to be revoked at."""

    def said() -> int:
        count: int = lab.bao("read", "sys/leases/count", "type=irrevocable")["data"]["lease_count"]
        return count

    assert lab.page().value("vault_irrevocable_leases") == said() == 0
    lab.bao("secrets", "enable", "ssh")
    lab.bao("write", "ssh/roles/otp", "key_type=otp", "default_user=someone", "cidr_list=0.0.0.0/0")
    lease = lab.bao("write", "ssh/creds/otp", "ip=127.0.0.1")["lease_id"]
    stored = f"sys/raw/sys/expire/id/{lease}"
    entry = json.loads(lab.bao("read", stored)["data"]["value"])
    lab.bao("write", stored, f"value={json.dumps(entry | {'path': 'gone/creds/otp'})}")
    lab.bao("write", "sys/leases/revoke", f"lease_id={lease}", "sync=false")
    wait_until(lambda: said() == 1, what="a lease that cannot be revoked")
    accessor = lab.bao("secrets", "list")["ssh/"]["accessor"]
    page = lab.page()
    assert page.value("vault_irrevocable_leases") == 1
    assert page.value("vault_mount_irrevocable_leases", mount_accessor=accessor) == 1

    lab.bao("lease", "revoke", "-force", "-prefix", "ssh/creds")
    wait_until(lambda: said() == 0, what="the lease is removed")
    page = lab.page()
    assert page.value("vault_irrevocable_leases") == 0
    assert page.value("vault_mount_irrevocable_leases", mount_accessor=accessor) in {None, 0}
    lab.bao("secrets", "disable", "ssh")


def test_quotas(lab: Lab) -> None:
    page = lab.page()
    assert page.value("vault_quotas", type="rate_limit") == 0
    assert page.value("vault_quotas", type="lease_count") is None
    assert page.value("vault_quota_rate_limit_audit_logging_enabled") == 0
    lab.bao("write", "sys/quotas/rate-limit/many", "rate=100000")
    lab.bao("write", "sys/quotas/config", "enable_rate_limit_audit_logging=true")
    page = lab.page()
    assert page.value("vault_quotas", type="rate_limit") == len(lab.bao("list", "sys/quotas/rate-limit")) == 1
    assert page.value("vault_quota_rate_limit_audit_logging_enabled") == 1


def test_locked_users(lab: Lab) -> None:
    assert lab.page().value("vault_locked_users") == 0
    lab.bao("auth", "enable", "userpass")
    lab.bao("write", "auth/userpass/users/someone", "password=right")
    for _ in range(5):
        assert api.call(lab.bao.address, "PUT", "auth/userpass/login/someone", password="wrong").status in {400, 403}
    wait_until(lambda: lab.page().value("vault_locked_users") == 1, what="locked")
    accessor = lab.bao("auth", "list")["userpass/"]["accessor"]
    assert lab.page().value("vault_mount_locked_users", mount_accessor=accessor) == 1
    assert lab.bao("read", "sys/locked-users")["data"]["total"] == 1
    lab.bao("write", "-f", f"sys/locked-users/{accessor}/unlock/someone")
    wait_until(lambda: lab.page().value("vault_locked_users") == 0, what="unlocked")


def test_operations(lab: Lab) -> None:
    def shown(operation: str) -> list[float | None]:
        page = lab.page()
        names = ("vault_operation_in_progress", "vault_operation_progress_shares", "vault_operation_required_shares")
        return [page.value(name, operation=operation) for name in names]

    assert shown("generate_root") == shown("rekey") == [0, 0, 2]
    assert shown("rekey_recovery") == [None, None, None]  # the seal has no recovery keys

    nonce = lab.bao("operator", "generate-root", "-init")["nonce"]
    lab.bao("operator", "generate-root", f"-nonce={nonce}", lab.keys[0])
    assert shown("generate_root") == [1, 1, 2]
    said = lab.bao("operator", "generate-root", "-status")
    assert (said["started"], said["progress"], said["required"]) == (True, 1, 2)
    lab.bao("operator", "generate-root", "-cancel")
    assert shown("generate_root") == [0, 0, 2]

    lab.bao("operator", "rotate-keys", "-init", "-key-shares=3", "-key-threshold=2")
    assert shown("rekey") == [1, 0, 2]
    lab.bao("operator", "rotate-keys", "-cancel")
    assert shown("rekey") == [0, 0, 2]


def test_policies(lab: Lab) -> None:
    before = lab.page()
    assert before.value("vault_policies", type="password") == 0
    lab.bao("policy", "write", "mine", "-", stdin='path "a" { capabilities = ["read"] }')
    lab.bao("write", "sys/policies/password/mine", 'policy=length=20\nrule "charset" { charset = "abcdef" }')
    page = lab.page()
    assert page.value("vault_policies", type="acl") == len(lab.bao("policy", "list"))
    assert page.value("vault_policies", type="acl") == before.sum("vault_policies", type="acl") + 1
    assert page.value("vault_policies", type="password") == 1


def test_namespaces(lab: Lab) -> None:
    assert lab.page().value("vault_namespaces") == 0
    lab.bao("namespace", "create", "team")
    lab.bao("namespace", "create", "-key-shares=1", "-key-threshold=1", "sealable")
    page = lab.page()
    assert page.value("vault_namespaces") == len(lab.bao("namespace", "list")) == 2
    assert page.value("vault_namespaces_locked") == 0
    lab.bao("namespace", "lock", "team")
    lab.bao("namespace", "seal", "sealable")
    page = lab.page()
    assert page.value("vault_namespaces_locked") == 1
    assert page.value("vault_namespaces_sealed") == lab.bao("namespace", "seal-status", "sealable")["sealed"] == 1


def test_versions_and_plugins(lab: Lab) -> None:
    page = lab.page()
    version = page.label("vault_info", "version")
    installed = lab.bao("list", "-detailed", "sys/version-history")["data"]["key_info"][version]["timestamp_installed"]
    assert page.value("vault_version_installed_timestamp_seconds", version=version) == unix(installed)
    plugins = lab.bao("read", "sys/plugins/catalog")["data"]["detailed"]
    assert page.sum("vault_plugins") == len(plugins)
    assert page.sum("vault_plugins", type="auth") == sum(plugin["type"] == "auth" for plugin in plugins)


def test_host(lab: Lab) -> None:
    page = lab.page()
    memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    assert page.value("vault_host_memory_total_bytes") == int(memory["MemTotal"].split()[0]) * 1024
    said = lab.bao("read", "sys/host-info")["data"]
    assert page.sum("vault_host_memory_available_bytes") == pytest.approx(said["memory"]["available"], rel=0.2)
    assert page.value("vault_host_cpus") == len(said["cpu"])
    assert page.value("vault_host_boot_timestamp_seconds") == said["host"]["bootTime"]
    for disk in said["disk"]:
        assert page.value("vault_host_disk_total_bytes", mountpoint=disk["path"]) == disk["total"]


def test_the_oldest_request_in_flight(lab: Lab) -> None:
    oldest = "vault_in_flight_oldest_request_start_timestamp_seconds"
    assert oldest not in lab.page()  # the exporter's own questions are left out
    connection = http.client.HTTPConnection(lab.bao.address.removeprefix("http://"), timeout=PATIENCE)
    before = time.time()
    connection.request("GET", "/v1/sys/monitor?log_level=trace", headers={"X-Vault-Token": lab.bao.token})
    with contextlib.closing(connection):  # it goes on for as long as somebody listens
        wait_until(lambda: oldest in lab.page(), what="a request in flight")
        started = lab.page().value(oldest)
        assert started is not None
        assert before - 1 <= started <= time.time()
        assert lab.page().value(oldest) == started
    wait_until(lambda: oldest not in lab.page(), what="no request in flight")


def test_a_target_with_a_namespace_is_that_namespace(lab: Lab, tmp_path: Path) -> None:
    lab.bao("namespace", "create", "own")
    lab.bao("secrets", "enable", "-namespace=own", "-version=2", "kv")
    rules = "\n".join(str(rule) for collector in WITH_TOKEN for rule in collector.grants)
    lab.bao("policy", "write", "-namespace=own", "exporter", "-", stdin=rules)
    made = lab.bao("token", "create", "-namespace=own", "-policy=exporter", "-orphan", "-period=1h")
    target = {
        "name": "own",
        "address": lab.bao.address,
        "namespace": "own",
        "auth": {"method": "token", "token": made["auth"]["client_token"]},
        "collectors": {"enable": ["audit_devices"]},
    }
    with exporters(tmp_path) as start:
        page = probe(start(targets=[target]), "own")
    assert failing(page)[0] == {}
    assert page.value("vault_kv_mounts", version="2") == 1
    assert page.sum("vault_mounts") == len(lab.bao("secrets", "list", "-namespace=own"))
    assert page.value("vault_namespaces") == 0
    # The root namespace alone has these.
    for name in (
        "vault_barrier_key_term",
        "vault_raft_servers",
        "vault_host_memory_total_bytes",
        "vault_audit_devices",
    ):
        assert name not in page


def test_each_rule_is_needed_and_all_are_enough(lab: Lab, tmp_path: Path) -> None:
    """With the rules of all collectors each succeeds; with one less, exactly the collectors that name it fail."""
    rules = policy([telemetry.GRANT, *(grant for collector in WITH_TOKEN for grant in collector.grants)])

    def target(name: str, *, without: str = "") -> dict[str, object]:
        granted = "\n".join(str(rule) for rule in rules if rule.path != without)
        address, root = lab.bao.address, lab.bao.token
        api.call(address, "PUT", f"sys/policies/acl/{name}", root, policy=granted)
        token = api.call(address, "POST", "auth/token/create-orphan", root, policies=[name], period="1h").body
        auth = {"method": "token", "token": token["auth"]["client_token"]}
        collectors = {"enable": ["audit_devices"]}
        return {"name": name, "address": lab.bao.address, "auth": auth, "collectors": collectors}

    lab.bao("namespace", "create", "one")  # so that a seal is asked for
    less = {f"less-{number}": rule.path for number, rule in enumerate(rules)}
    targets = [target("all"), *(target(name, without=path) for name, path in less.items())]
    with exporters(tmp_path) as start:
        exporter = start(targets=targets)
        everyone = {collector.name for collector in COLLECTORS} | {"telemetry"}
        assert failing(probe(exporter, "all")) == ({}, everyone)
        log = exporter.service.log
        for name, path in less.items():
            expected = {one.name for one in WITH_TOKEN if path in {grant.path for grant in one.grants}}
            if path in FALLBACKS | {telemetry.GRANT.path}:
                expected = set()
            failed, _ = failing(probe(exporter, name))
            assert failed == dict.fromkeys(expected, "permission_denied"), path
            if expected:
                said = "\n".join(line for line in log.read_text().splitlines() if f"target={name} " in line)
                assert re.search(rf"{path.replace('+', '[^/]+')}(\?\S+)?: HTTP 403", said), (path, said)


def failing(page: ScrapedPage) -> tuple[dict[str, str], set[str]]:
    """The collectors that failed, with the reason; and all that ran."""
    reasons = page.series("vault_exporter_collector_failure_reason")
    ran = {one.labels["collector"] for one in page.series("vault_exporter_collector_success")}
    return {one.labels["collector"]: one.labels["reason"] for one in reasons}, ran
