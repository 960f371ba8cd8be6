"""Each command of each runbook shows what the runbook says, of a real server in the state that it is about."""

import contextlib
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tests.alerts.desk import KNOWN_USER, ROOT_TOKENS, UNKNOWN_USERS, Night, journal, night
from tests.alerts.runbooks import RUNBOOKS
from tests.alerts.shell import Desk, commands
from tests.lab.alertmanager import Alertmanager
from tests.lab.api import initialize, unseal
from tests.lab.nodes import Node, raft_node
from tests.lab.pagerduty import recording
from tests.lab.waiting import wait_until
from vault_exporter.demo.process import ServiceError, free_port
from vault_exporter.demo.prometheus import Prometheus

LOGGED: Final = r'"time":"[^"]+".*"path":"{}'
WITH_A_SERVER: Final = [path for path in RUNBOOKS if path.stem != "VaultLicenseExpiring"]
"""Only Vault Enterprise has a license, and a command that tells it."""

SHOWS: Final[Mapping[str, str]] = {
    # The server: what is asked, and what a node that serves answers.
    r"(BAO_ADDR=\S+ )?bao status": r"Sealed +false\n(.*\n)*Version +\d",
    r"bao audit list -detailed": r"file/ +file .*file_path=",
    r"bao auth list -detailed": r"approle/ +approle",
    r"bao secrets list.*": r"secret/ +kv ",
    r"bao policy list": r"^app$",
    r"bao policy read .*": r"capabilities = ",
    r"bao list auth/token/accessors( \| wc -l)?": r"^(Keys|\d+)$",
    r"bao list auth/approle/role/ROLE/secret-id": r"Keys\n-+\n[0-9a-f-]{36}",
    r"bao list sys/leases/lookup": r"auth/",
    r"bao list sys/quotas/rate-limit": r"^app$",
    r"bao list sys/version-history": r"Keys\n-+\n\d+\.\d+",
    r"bao list MOUNT/issuers": r"Keys\n-+\n[0-9a-f-]{36}",
    r"bao write auth/approle/.*/lookup .*": r"creation_time(.*\n)+expiration_time(.*\n)+.*metadata",
    r"bao read auth/approle/role/ROLE": r"secret_id_num_uses(.*\n)+secret_id_ttl +240h",
    r"bao write -wrap-ttl=10m .*": r"wrapping_token_ttl: +10m",
    r"bao write -force sys/rotate": r"Success",
    r"bao read sys/key-status": r"encryptions(.*\n)+install_time(.*\n)*term",
    r"bao read sys/rotate/config": r"enabled +true",
    r"bao read (-format=json )?sys/in-flight-req": r"request_path",
    r"bao read -format=json sys/host-info": r'"memory"',
    r"bao read sys/internal/counters/tokens": r"service_tokens:map\[total:\d+\]",
    r"bao read sys/leases/count type=irrevocable": r"lease_count +\d",
    r"bao read sys/leases type=irrevocable limit=10": r"lease_count +\d",
    r"bao read sys/locked-users": r"someone(.*\n)*total +1",
    r"bao read sys/quotas/rate-limit/NAME": r"interval(.*\n)+path(.*\n)*rate +1000",
    r"bao read MOUNT/static-roles/ROLE": r"db_name(.*\n)+last_vault_rotation(.*\n)+username",
    r"bao read MOUNT/config/DB_NAME": r"connection_url:postgres",
    r"bao read MOUNT/config/crl": r"auto_rebuild(.*\n)+expiry",
    r"bao read MOUNT/issuer/NAME": r"issuer_name +first",
    r"bao read sys/replication/status": "",  # of Vault Enterprise
    r"bao namespace list": r"No namespaces found|Keys",
    r"bao kv put .*": r"version +\d",
    r"bao kv metadata get .*": r"Version 1(.*\n)+deletion_time",
    r"bao token lookup": r"policies +\[root\]",
    r"bao token lookup .*": r"expire_time +\d",
    r"bao token create .*": r"token_duration +24h",
    r"bao token revoke .*": r"Success",
    r"bao token capabilities .*": r"^root$",
    r"bao operator members": r"Last Echo",
    r"bao operator raft list-peers": r"leader +true",
    r"bao operator raft autopilot state": r"Healthy: +true\nFailure Tolerance(.*\n)+.*Last Index",
    r"bao operator raft autopilot get-config": r"Cleanup Dead Servers",
    r"bao operator raft snapshot save .*": "",
    r"bao operator generate-root -status": r"Started +true",
    r"bao operator rotate-keys -status": r"Started +false",
    r"bao operator (generate-root|rotate-keys) -cancel": r"Success",
    r"bao operator diagnose .*": r"Vault Diagnose",
    r"bao debug .*": r"Finished capturing|Success! Bundle written",
    r"curl -sS \S+/v1/sys/leader|curl -sS \"\$VAULT_ADDR/v1/sys/leader\"": r'"is_self":true.*"leader_address":"http',
    r"curl -sS \S+/v1/MOUNT/crl .*": r"lastUpdate=.*\nnextUpdate=",
    r"openssl s_client .*": r"notAfter=",
    # Its audit log.
    r"grep .*sys/audit/.*": LOGGED.format("sys/audit/"),
    r"grep .*sys/auth/.*": LOGGED.format("sys/auth/"),
    r"grep .*sys/\\\(mounts.*": LOGGED.format("sys/mounts/"),
    r"grep .*sys/polic.*": LOGGED.format("sys/policies/"),
    r"grep .*\"sys/raw' .*|grep '\"path\":\"sys/raw' .*": LOGGED.format("sys/raw/"),
    r"grep .*sys/\(generate-root\|.*": LOGGED.format("sys/generate-root"),
    r"grep .*sys/storage/raft/remove-peer.*": LOGGED.format("sys/storage/raft/remove-peer"),
    r"grep .*sys/storage/raft/snapshot.*": LOGGED.format("sys/storage/raft/snapshot"),
    r"grep '\"path\":\"sys/seal\"' .*": LOGGED.format('sys/seal"'),
    r"jq -e \. .*": r"\A\Z",
    r"vault-exporter replay .*": rf"failed logins +│ +{KNOWN_USER + UNKNOWN_USERS} ",
    # The exporter.
    r"journalctl -u vault-exporter -n \d+( \| grep -i checkpoint)?": "",
    r"journalctl -u vault-exporter -n 50 \| grep .*token.*": r"logged in",
    r"curl -sS localhost:9410/-/healthy": r"healthy",
    r"curl -sS localhost:9410/sd": r'"__param_target":\s*"vault-1"',
    r"curl -sS localhost:9410/metrics \| grep .*audit_reader.*": r"vault_audit_reader_up\{.*\} 1",
    r"curl -sS localhost:9410/metrics \| grep .*_discovery_.*": r"vault_exporter_discovery_success\{.*\} 1",
    r"curl -sS localhost:9410/metrics \| grep .*vault_\(backup\).*": r"vault_backup_last_timestamp_seconds\{.*\} \d",
    r"curl -sS 'localhost:9410/probe\?target=NAME' .*canary.*": r'vault_canary_success\{step="write"\} 1',
    r"curl -sS 'localhost:9410/probe\?target=NAME' \| grep '\^vault_up'": r"^vault_up 1$",
    r"vault-exporter collectors": r"leases",
    r"vault-exporter check --config .*": r"The configuration is good",
    r"vault-exporter check --online .*": r"vault-1 .*answers",
    r"systemctl reload vault-exporter": "",
    r"systemctl status vault-exporter.*": r"vault-exporter.service active",
    # Agents in Kubernetes, and on machines.
    r"kubectl .*": r"vault-agent-injector",
    r"journalctl -u vault-agent -n \d+": "",
    # The server's log, its configuration and its host.
    r"journalctl -u vault -n \d+( \| grep .*)?": "",
    r"systemctl status vault.*": r"vault.service active",
    r"systemctl cat vault .*": r"-config=\S+",
    r"systemctl list-timers.*": r"vault-backup",
    r"grep .*log_raw .*": r"log_raw +=",
    r"grep .*raw_storage_endpoint .*": r"raw_storage_endpoint = true",
    r"grep -A\d+ '?\^?(storage|listener|telemetry|seal)'? .*": r"storage|tls_cert_file|prometheus_retention_time|seal",
    r"cat /etc/logrotate.d/vault": r"delaycompress",
    r"ls -li? ?t?.*|ls -lt .*": r"audit\.log",
    r"ls /proc/.*": r"^\d+$",
    r"lsof .*": r"audit\.log",
    r"sudo -u vault-exporter head .*": r"\{",
    r"ss .*": r" [3-9] 127\.0\.0\.1$",
    r"(df|du|free|top|dmesg|timedatectl|iostat)\b.*": r"\w",
    r"pg_isready .*": r"accepting connections",
    r"psql .* 'select state, .*": r"active",
    r"psql .* 'select pg_size_pretty.*": r"relname",
    r"psql .* 'select pg_is_in_recovery.*": r"\bf\b",
    r"psql .* 'select count.*": r"\d+\n\(1 row\)",
}
"""A command of the runbooks, and what it shows on a server that serves; the first pattern that fits the command."""

OF_A_STATE: Final[Mapping[str, Mapping[str, str]]] = {
    "VaultSealed": {
        r"bao status": r"Sealed +true",
        r"journalctl .*": r"vault is sealed",
        r"bao operator unseal": r"attempting to ask for an unseal key",  # There is no terminal here.
        r"bao operator diagnose .*": r"Vault Diagnose",
    },
    "VaultClusterSealed": {r"bao status": r"Sealed +true", r"journalctl .*": r"vault is sealed"},
    "VaultDown": {
        r"bao status": r"connection refused",
        r"curl .*/sys/health.*": r"Connection refused|Couldn't connect| 000",
    },
    "VaultUninitialized": {r"bao status": r"Storage Type +raft|Initialized +false", r"journalctl .*": r"Storage: raft"},
    "VaultStorageUnavailable": {
        r"curl .*/sys/health": r'"errors":.*\n 500$',
        r"journalctl .*": r"connect",
        r"pg_isready .*": r"no response",
        r"psql .*": r"onnection.*(refused|failed)",
    },
    "VaultRootTokenUsed": {
        r"jq .*auth/token/create.*": rf"\A(\{{.*auth/token/create.*\}}\n){{{ROOT_TOKENS}}}\Z",
        r"jq .*": r'"name":"root","accessor":"hmac',
    },
    "VaultLoginFailureSpike": {
        r"jq .*": rf"\A +{KNOWN_USER} .*userpass/\tinvalid credentials\n +{UNKNOWN_USERS} .*userpass/\trefused\n\Z"
    },
    "VaultPermissionDeniedSpike": {r"jq .*": r"^ +3 127\.0\.0\.1\ttoken\tsecret/$"},
    "VaultErrorBudgetBurnFast": {r"jq .*": r" 5 userpass\tinvalid credentials"},
    "VaultExporterDiscoveryFailing": {
        r"journalctl .*": r"discovery failed|cannot|no such file",
        r"curl .*_discovery_.*": r"vault_exporter_discovery_success\{.*\} 0",
        r"vault-exporter check .*": r"No such file|does not exist|cannot|not there|fails",
    },
    "VaultExporterDown": {
        r"systemctl .*": r"\w",
        r"curl .*": r"Connection refused|Couldn't connect",
    },
    "VaultExporterReloadFailed": {
        r"vault-exporter check .*": r"vault-exporter\.yml:\d+: ",
        r"journalctl .*": r"vault-exporter.yml",
    },
    "VaultWatchdog": {
        r"systemctl .*": r"prometheus.service active.*\nalertmanager.service active",
        r"curl .*ready.*": r"Prometheus .*[Rr]eady(.*\n)*OK",
        r"amtool .*": r"Alertname",
    },
}
"""As above, where the runbook's state is another: it is looked at first."""


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    with night(tmp_path_factory.mktemp("night")) as found:
        yield found


@pytest.mark.parametrize("path", WITH_A_SERVER, ids=lambda path: path.stem)
def test_each_command_shows_what_the_text_says(path: Path, standing: Night, request: pytest.FixtureRequest) -> None:
    state = STATES.get(path.stem)
    desk = standing.desk if state is None else request.getfixturevalue(state)
    for command in commands(path):
        plain = re.sub(r"^(export [^;]*; )+", "", command)
        expected = _expected(path.stem, plain)
        assert expected is not None, f"{path.stem} has a command that the tables here do not know: {plain}"
        said = _shown(desk, command, expected)
        assert re.search(expected, said, re.MULTILINE), f"{plain}\nshows:\n{said}\nand not: {expected}"
        assert not re.search(r"command not found|unknown (command|flag)|syntax error|jq: error", said), (
            f"{plain}\n{said}"
        )


def _shown(desk: Desk, command: str, expected: str) -> str:
    """Return what the command shows; a busy cluster shows a change of leader a little later."""
    said: list[str] = []

    def as_expected() -> bool:
        said[:] = [desk.run(command)]
        return re.search(expected, said[0], re.MULTILINE) is not None

    if not as_expected() and re.search(r"curl -sS |bao operator members", command):
        with contextlib.suppress(ServiceError):  # the caller says what is missing
            wait_until(as_expected, what=command, interval=1)
    return said[0]


def _expected(name: str, command: str) -> str | None:
    for table in (OF_A_STATE.get(name, {}), SHOWS):
        for pattern, shown in table.items():
            if re.fullmatch(pattern, command, re.DOTALL):
                return shown
    return None


STATES: Final = {
    "VaultSealed": "sealed",
    "VaultClusterSealed": "sealed",
    "VaultDown": "killed",
    "VaultUninitialized": "uninitialized",
    "VaultStorageUnavailable": "without_storage",
    "VaultExporterDown": "exporter_gone",
    "VaultFileDescriptors": "crowded",
    "VaultExporterDiscoveryFailing": "not_discovering",
    "VaultExporterReloadFailed": "misconfigured",
    "VaultWatchdog": "watched",
}
"""The fixture of each runbook whose state is not that of a node that serves."""


def test_every_state_is_of_a_runbook() -> None:
    assert {*STATES, *OF_A_STATE} <= {path.stem for path in RUNBOOKS}


@pytest.fixture
def sealed(standing: Night) -> Iterator[Desk]:
    standing.seal()
    yield standing.desk
    standing.unseal()


@pytest.fixture
def killed(standing: Night, tmp_path: Path) -> Iterator[Desk]:
    """A node that ended, beside one that works: the cluster's raft is asked of that one."""
    with raft_node(tmp_path) as node:
        node.kill()
        server = "https://vault-1.example.com:8200"
        exported = f"export BAO_ADDR={server} VAULT_ADDR={server}"
        # What needs a node that works is asked of one that does.
        names = {f"{exported}; bao operator": "bao operator", exported: exported.replace(server, node.address)}
        yield replace(standing.desk, names=names | dict(standing.desk.names))


@pytest.fixture
def crowded(standing: Night) -> Iterator[Desk]:
    """Clients that keep connections open."""
    port = int(standing.node.address.rpartition(":")[2])
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        yield standing.desk


@pytest.fixture
def uninitialized(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "journal").mkdir()
    with raft_node(tmp_path) as node:
        _journal(tmp_path, node)
        yield Desk(tmp_path, node.address, "", {"https://vault-1.example.com:8200": node.address})


@pytest.fixture
def without_storage(standing: Night, tmp_path: Path) -> Iterator[Desk]:
    """A node whose PostgreSQL was stopped."""
    (tmp_path / "journal").mkdir()
    postgres = standing.postgres
    storage = {"postgresql": {"connection_url": postgres.url, "ha_enabled": "true"}}
    node = Node(tmp_path / "node", "node", storage)
    try:
        node.start()
        _, keys = initialize(node.address)
        unseal(node.address, keys)
        wait_until(lambda: node.health() == 200, what="active")
        _journal(tmp_path, node)
        postgres.stop()
        wait_until(lambda: node.health() == 500, what="without storage")
        names = {"https://vault-1.example.com:8200": node.address} | dict(standing.desk.names)
        names["https://vault-1.example.com:8200"] = node.address
        yield replace(standing.desk, folder=tmp_path, names=names)
    finally:
        node.stop()
        postgres.start()


@pytest.fixture
def exporter_gone(standing: Night) -> Desk:
    """The address of an exporter that is not there; its log and its process are those of one that is."""
    return replace(
        standing.desk,
        names={"localhost:9410": f"127.0.0.1:{free_port()}"}
        | {word: value for word, value in standing.desk.names.items() if word != "localhost:9410"},
    )


@pytest.fixture
def not_discovering(standing: Night) -> Iterator[Desk]:
    """The file with the targets is gone."""
    found = standing.desk.folder / "targets.json"
    found.unlink()
    _until_discovery_says(standing, succeeded=False)
    yield standing.desk
    found.write_text("[]")
    _until_discovery_says(standing, succeeded=True)


def _until_discovery_says(standing: Night, *, succeeded: bool) -> None:
    shown = rb'^vault_exporter_discovery_success\{type="file",source="[^"]+"\} %d$' % succeeded
    wait_until(
        lambda: bool(re.search(shown, standing.exporter.get("/metrics"), re.MULTILINE)),
        what=f"vault_exporter_discovery_success is {succeeded:d}",
    )


@pytest.fixture
def misconfigured(standing: Night) -> Iterator[Desk]:
    """A key that does not exist, and an exporter that was told to read the file again."""
    file = standing.desk.folder / "vault-exporter.yml"
    good = file.read_text()
    file.write_text(good + "no_such_key: 1\n")
    standing.exporter.service.signal(1)
    wait_until(
        lambda: b"vault_exporter_config_last_reload_successful 0" in standing.exporter.get("/metrics"),
        what="the reload failed",
    )
    yield standing.desk
    file.write_text(good)
    standing.exporter.service.signal(1)
    wait_until(
        lambda: b"vault_exporter_config_last_reload_successful 1" in standing.exporter.get("/metrics"),
        what="the reload worked",
    )


@pytest.fixture
def watched(standing: Night, tmp_path: Path) -> Iterator[Desk]:
    """Prometheus with the rule, and Alertmanager, under names of their own."""
    rules = Path(__file__).parents[2] / "alerts" / "rules" / "meta.yml"
    for name in ("prometheus", "alertmanager", "journal"):
        (tmp_path / name).mkdir()
    with (
        recording() as recorder,
        Alertmanager(tmp_path / "alertmanager", recorder) as alertmanager,
        Prometheus(
            tmp_path / "prometheus", [], port=free_port(), rules=[rules], interval=1, alertmanager=alertmanager.address
        ) as prometheus,
    ):
        wait_until(lambda: bool(alertmanager.names("default")), what="VaultWatchdog")
        for unit, service in (("prometheus", prometheus.service), ("alertmanager", alertmanager.service)):
            journal(tmp_path, unit, service.log, service.pid)
        names = {
            "localhost:9090": prometheus.address.removeprefix("http://"),
            "localhost:9093": alertmanager.address,
        }
        yield Desk(tmp_path, standing.desk.address, standing.desk.token, names)


def _journal(folder: Path, node: Node) -> None:
    assert node.server is not None
    journal(folder, "vault", node.directory / "openbao.log", node.server.service.pid)
