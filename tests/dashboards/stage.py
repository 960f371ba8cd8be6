"""Everything that the dashboards show, real and small: clusters, traffic, the exporter, Prometheus.

``main`` has three nodes on PostgreSQL with audit logs, ``raft`` one node with TLS, and ``enterprise`` one that only
plays Vault Enterprise. One exporter asks all of them; it is scraped every two seconds.
"""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import trustme
import yaml

from tests.lab.api import call, initialize, unseal
from tests.lab.enterprise import enterprise_node
from tests.lab.nodes import Cluster, Node, postgres_cluster, raft_node
from tests.lab.waiting import wait_until
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.process import free_port
from vault_exporter.demo.prometheus import Prometheus
from vault_exporter.demo.setup import MOUNT, PATHS, prepare
from vault_exporter.demo.traffic import Traffic
from vault_exporter.metrics.catalogue import AUDIT_ENTRIES
from vault_exporter.scrape.collectors import COLLECTORS, policy, telemetry

__all__ = ["CERTIFICATE_EXPIRES", "SCRAPE_SECONDS", "WATCHER", "Stage", "entries", "open_stage"]

SCRAPE_SECONDS: Final = 2
CERTIFICATE_EXPIRES: Final = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)

_CLUSTERS: Final = {"main": ["n1", "n2", "n3"], "raft": ["node"], "enterprise": ["played"]}
WATCHER: Final = "watcher"
"""The exporter's own token, whose requests are not counted."""
_RULES: Final = [
    {"alert": "VaultSealed", "expr": "vault_sealed == 1", "labels": {"severity": "critical"}},
    {"alert": "VaultWatchdog", "expr": "vector(1)", "labels": {"severity": "info", "cluster": "default"}},
]
"""As the pack has them, but firing at once."""


@dataclass(frozen=True, slots=True)
class Stage:
    cluster: Cluster
    raft: Node
    raft_token: str
    exporter: ExporterProcess
    prometheus: Prometheus
    traffic: Traffic
    started: float
    """When the traffic began."""
    backup: Path

    @property
    def logs(self) -> list[Path]:
        return _logs(self.cluster)


@contextlib.contextmanager
def open_stage(directory: Path) -> Iterator[Stage]:
    """Start everything."""
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(postgres_cluster(audited=True))
        raft, raft_token = _raft(stack, directory)
        played = stack.enter_context(enterprise_node())
        accounts = prepare(cluster.leader.address, cluster.root_token)
        _write(cluster.leader.address, cluster.root_token, "sys/mounts/canary", type="kv", options={"version": "2"})
        backup = directory / "vault-1.snap"
        backup.write_text("a snapshot")
        exporter = stack.enter_context(
            _exporter(directory, _targets(cluster, raft, raft_token, played, directory), _logs(cluster), backup)
        )
        prometheus = stack.enter_context(_prometheus(directory, exporter))
        # A first round, so that Prometheus knows every series from before the traffic that is looked at.
        with Traffic(cluster.leader.address, accounts) as first:
            wait_until(lambda: first.sent.failed_logins == 2, what="a round of traffic")
        # Compare anew each time: entries may still be written.
        wait_until(
            lambda: _counted(prometheus) == len(list(entries(_logs(cluster)))), what="the audit logs are counted"
        )
        started = time.time()
        traffic = stack.enter_context(Traffic(cluster.leader.address, accounts, rate=20))
        yield Stage(cluster, raft, raft_token, exporter, prometheus, traffic, started, backup)


def entries(logs: list[Path]) -> Iterator[dict[str, Any]]:
    """Read audit logs by other means than the exporter's, without its own entries."""
    for log in logs:
        # The server may be writing a line at this moment: it counts once its line end is there.
        for line in log.read_text().split("\n")[:-1]:
            entry = json.loads(line)
            if entry.get("auth", {}).get("display_name") != f"token-{WATCHER}":
                yield entry


def _counted(prometheus: Prometheus) -> float | None:
    return prometheus.value(f"sum({AUDIT_ENTRIES.name})")


def _logs(cluster: Cluster) -> list[Path]:
    return [node.audit_log for node in cluster.nodes]


def _raft(stack: contextlib.ExitStack, directory: Path) -> tuple[Node, str]:
    certificate, key = directory / "node.pem", directory / "node-key.pem"
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", not_after=CERTIFICATE_EXPIRES)
    authority.cert_pem.write_to_path(directory / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    (directory / "raft").mkdir()
    node = stack.enter_context(raft_node(directory / "raft", certificate=(certificate, key)))
    token, keys = initialize(node.address)
    unseal(node.address, keys)
    wait_until(lambda: node.health() == 200, what="the raft node is active")
    _write(node.address, token, "sys/mounts/pki", type="pki")
    made = call(node.address, "POST", "pki/root/generate/internal", token, common_name="its-camera")
    assert made.status == 200, made
    return node, token


def _targets(cluster: Cluster, raft: Node, raft_token: str, played: str, directory: Path) -> list[dict[str, Any]]:
    every = {"enable": ["audit_devices"]}
    main = {
        "cluster": "main",
        "auth": {"method": "token", "token": _exporter_token(cluster.leader.address, cluster.root_token)},
        "collectors": every,
    }
    return [
        *({"name": node.name, "address": node.address, **main} for node in cluster.nodes),
        {
            "name": "node",
            "address": raft.tls_address,
            "cluster": "raft",
            "auth": {"method": "token", "token": _exporter_token(raft.address, raft_token)},
            "tls": {"ca_cert": str(directory / "ca.pem")},
            "collectors": every,
        },
        {
            "name": "played",
            "address": played,
            "cluster": "enterprise",
            "auth": {"method": "token", "token": "any"},
            "collectors": every,
        },
    ]


def _exporter_token(address: str, root_token: str) -> str:
    """Make a token that may do what any collector needs, and what the configuration below asks for."""
    rules = policy([telemetry.GRANT, *(grant for one in COLLECTORS for grant in one.grants)])
    own = [
        f'path "{MOUNT}/metadata/*" {{ capabilities = ["read", "list"] }}',
        'path "pki/certs" { capabilities = ["list"] }',
        'path "pki/certs/revoked" { capabilities = ["list"] }',
        'path "canary/*" { capabilities = ["create", "read", "update", "delete", "list"] }',
    ]
    _write(address, root_token, f"sys/policies/acl/{WATCHER}", policy="\n".join([*map(str, rules), *own]))
    made = call(
        address,
        "POST",
        "auth/token/create",
        root_token,
        policies=[WATCHER],
        display_name=WATCHER,
        period="24h",
        no_parent=True,
    )
    token: str = made.body["auth"]["client_token"]
    return token


def _write(address: str, token: str, path: str, **data: Any) -> None:
    written = call(address, "POST", path, token, **data)
    assert written.status == 204, written


def _exporter(directory: Path, targets: list[dict[str, Any]], logs: list[Path], backup: Path) -> ExporterProcess:
    port = free_port()
    file = directory / "vault-exporter.yml"
    found = directory / "found.json"
    found.write_text("[]")
    web = directory / "web.yml"
    web.write_text("rate_limit: {interval: 1ms, burst: 1000}\n")
    config = {
        "listen": f"127.0.0.1:{port}",
        "shard": "0/1",
        "web_config_file": str(web),
        "targets": targets,
        "discovery": [{"type": "file", "path": str(found)}],
        "audit": {
            "logs": [str(log) for log in logs],
            "inputs": [{"type": "socket", "listen": f"tcp://127.0.0.1:{free_port()}"}],
            "from_start": True,
            "checkpoint": str(directory / "checkpoint"),
            "exclude": {"display_names": [f"token-{WATCHER}"]},
            "paths": [f"{MOUNT}/data/{{app}}/*"],
            "top": {"enabled": True, "clients": ["approle"]},
        },
        "kv": [{"mount": MOUNT, "paths": [PATHS[0]], "max_age": "90d", "clusters": ["main"]}],
        "pki": [{"mount": "pki", "certificates": True, "clusters": ["raft"]}],
        "approle": [{"roles": ["ci"], "clusters": ["enterprise"]}],
        "watched_tokens": [{"name": "ci", "accessor": "any", "clusters": ["enterprise"]}],
        "database": [{"roles": ["app"], "clusters": ["enterprise"]}],
        "canary": {"mount": "canary", "interval": "1s", "clusters": ["main"]},
        "backup": [{"name": "daily", "files": str(backup.parent / "*.snap"), "max_age": "26h"}],
    }
    file.write_text(yaml.safe_dump(config))
    return ExporterProcess(["--config", file], port=port, log=directory / "vault-exporter.log")


def _prometheus(directory: Path, exporter: ExporterProcess) -> Prometheus:
    """Scrape the targets as job ``vault``, and the exporter itself with its audit logs as ``vault-exporter``."""
    host = exporter.address.removeprefix("http://")
    nodes = {
        "job_name": "vault",
        "metrics_path": "/probe",
        "static_configs": [{"targets": names, "labels": {"cluster": name}} for name, names in _CLUSTERS.items()],
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__address__"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": host},
        ],
    }
    own = {
        "job_name": "vault-exporter",
        "static_configs": [{"targets": [host], "labels": {"cluster": "main", "instance": "exporter"}}],
    }
    folder = directory / "prometheus"
    folder.mkdir()
    rules = folder / "rules.yml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "stage", "rules": _RULES}]}))
    return Prometheus(folder, [nodes, own], port=free_port(), rules=[rules], interval=SCRAPE_SECONDS)
