"""What is set up before the faults: in Vault, for Vault's listeners, in the exporter, and in Prometheus."""

import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import trustme
import yaml

from tests.lab import api
from tests.lab.nodes import Cluster
from tests.lab.raft import RaftCluster
from tests.lab.waiting import PATIENCE
from vault_exporter.demo.process import program

CLUSTER: Final = "prod"
RAFT: Final = "raft"
"""The cluster of three nodes on raft, where a fault is done to one."""
BACKUP: Final = "nightly.snap"
"""In ``backups`` of the lab's directory."""
RAFT_LOG: Final = "raft.log"
"""In the lab's directory: the audit log of a node on raft, which is there only while a fault needs one."""
LONG: Final = "240h"
"""More than any alert finds short."""
LOCKED_AFTER: Final = 2
"""Logins of a user that fail."""
_ADMIN: Final = 'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }'
_APP: Final = 'path "app/*" { capabilities = ["create", "read", "update", "delete", "list"] }'

DATABASE: Final = "database/config/postgres"


class Certificates:
    """The certificate that all nodes show, and the authority behind it."""

    def __init__(self, directory: Path) -> None:
        self._authority = trustme.CA()
        self.authority = directory / "ca.pem"
        self.files = (directory / "node.pem", directory / "node.key")
        self._authority.cert_pem.write_to_path(self.authority)
        self.issue(timedelta(days=365))

    def issue(self, good_for: timedelta) -> None:
        """Write one in the place of the last; nodes read it when they get SIGHUP."""
        issued = self._authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) + good_for)
        certificate, key = self.files
        certificate.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        key.write_bytes(issued.private_key_pem.bytes())


class Made(NamedTuple):
    """What is in Vault."""

    admin: str
    """Token that may do everything, and is no root token."""
    app: str
    """Token of an application."""
    accessor: str
    """Of a token that is watched."""


def fill(cluster: Cluster) -> Made:
    """Set up engines, logins and tokens."""
    post = _Root(cluster).post
    post("sys/mounts/app", type="kv")
    post("sys/mounts/canary", type="kv", options={"version": "2"})
    for name, text in {"admin": _ADMIN, "app": _APP}.items():
        post(f"sys/policies/acl/{name}", policy=text)
    post("sys/auth/userpass", type="userpass")
    # After so few that they are no spike of failed logins.
    post("sys/auth/userpass/tune", user_lockout_config={"lockout_threshold": str(LOCKED_AFTER)})
    post("auth/userpass/users/someone", password="right-one", token_policies=["app"])
    post("sys/auth/approle", type="approle")
    post("auth/approle/role/billing", secret_id_ttl=LONG)
    post("auth/approle/role/billing/secret-id", metadata="{}")
    post("sys/mounts/database", type="database")
    post(DATABASE, **database(cluster.postgres.url))
    post("database/static-roles/app", db_name="postgres", username="vault", rotation_period="10s")
    admin, app = (post("auth/token/create", policies=[name], period="24h", no_parent=True) for name in ("admin", "app"))
    watched = post("auth/token/create", policies=["app"], ttl=LONG, no_parent=True)
    return Made(admin["auth"]["client_token"], app["auth"]["client_token"], watched["auth"]["accessor"])


def database(url: str) -> Mapping[str, Any]:
    """Return how Vault is to reach PostgreSQL, which believes every password."""
    return {
        "plugin_name": "postgresql-database-plugin",
        "connection_url": url.replace("vault@", "{{username}}:{{password}}@"),
        "username": "vault",
        "password": "any",
        "allowed_roles": "app",
        "verify_connection": False,
    }


def exporter(directory: Path, cluster: Cluster, port: int, certificates: Certificates, made: Made) -> Path:
    """Write the exporter's configuration, and the token that it may have by it."""
    file, token = directory / "vault-exporter.yml", directory / "token"
    backups = directory / "backups"
    backups.mkdir()
    (backups / BACKUP).write_text("a backup")
    (directory / RAFT_LOG).touch()
    token.write_text("none yet")
    often = ("barrier_key", "audit_devices", "leases", "locked_users", "approle", "watched_tokens", "database")
    settings = {
        "listen": f"127.0.0.1:{port}",
        "defaults": {
            "cluster": CLUSTER,
            "timeout": "4s",
            "tls": {"ca_cert": str(certificates.authority)},
            "auth": {"method": "token", "token_file": str(token)},
            "collectors": {"enable": ["audit_devices"], "intervals": dict.fromkeys(often, "2s")},
        },
        "targets": [{"name": node.name, "address": node.tls_address} for node in cluster.nodes],
        "backup": [{"name": "nightly", "files": str(backups / "*.snap"), "max_age": "1h"}],
        "audit": {"logs": [*(str(node.audit_log) for node in cluster.nodes), str(directory / RAFT_LOG)]},
        "canary": {"mount": "canary", "interval": "2s"},
        "approle": [{"roles": ["billing"]}],
        "watched_tokens": [{"name": "ci", "accessor": made.accessor}],
        "database": [{"roles": ["app"]}],
    }
    file.write_text(yaml.safe_dump(settings))
    _give_token(cluster, file, token)
    return file


def raft_exporter(directory: Path, cluster: RaftCluster, port: int) -> Path:
    """Write the configuration of an exporter for a cluster on raft, and its token."""
    file, token = directory / "raft-exporter.yml", directory / "raft-token"
    token.write_text("none yet")
    often = dict.fromkeys(("raft", "autopilot", "ha_nodes"), "2s")
    settings = {
        "listen": f"127.0.0.1:{port}",
        "defaults": {
            "cluster": RAFT,
            "timeout": "4s",
            "auth": {"method": "token", "token_file": str(token)},
            "collectors": {"intervals": often},
        },
        "targets": [{"name": node.name, "address": node.address} for node in cluster.nodes],
    }
    file.write_text(yaml.safe_dump(settings))
    _give_token(cluster, file, token)
    return file


def _give_token(cluster: Cluster | RaftCluster, file: Path, token: Path) -> None:
    """Write the exporter's token, which may do what its configuration needs."""
    policy = subprocess.run(
        [program("vault-exporter"), "policy", "--config", file],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    ).stdout
    post = _Root(cluster).post
    post("sys/policies/acl/exporter", policy=policy)
    own = post("auth/token/create", policies=["exporter"], period="24h", no_parent=True)
    token.write_text(own["auth"]["client_token"])


def sidecar(directory: Path, port: int) -> Path:
    """Write the configuration of an exporter that only asks the nodes."""
    whole = yaml.safe_load((directory / "vault-exporter.yml").read_text())
    file = directory / "sidecar.yml"
    file.write_text(
        yaml.safe_dump({"listen": f"127.0.0.1:{port}", **{key: whole[key] for key in ("defaults", "targets")}})
    )
    return file


def jobs(names: Sequence[str], address: str) -> list[dict[str, Any]]:
    """Return what Prometheus is to scrape of the exporter: each target, and its own page."""
    host = urlsplit(address).netloc
    labels = {"cluster": CLUSTER}
    return [
        {
            "job_name": "vault",
            "metrics_path": "/probe",
            "static_configs": [{"targets": list(names), "labels": labels}],
            "relabel_configs": [
                {"source_labels": ["__address__"], "target_label": "__param_target"},
                {"source_labels": ["__address__"], "target_label": "instance"},
                {"target_label": "__address__", "replacement": host},
            ],
        },
        {
            "job_name": "vault-exporter",
            "static_configs": [{"targets": [host], "labels": {**labels, "instance": "exporter"}}],
        },
    ]


def another_job(cluster: str, names: Sequence[str], address: str) -> dict[str, Any]:
    """Return how Prometheus is to scrape the targets of an exporter as another cluster.

    Its instances have names of their own: the same instances with another label would be a cluster that was renamed.
    """
    job, _ = jobs(names, address)
    (nodes,) = job["static_configs"]
    nodes["labels"] = {"cluster": cluster}
    job["relabel_configs"] += [
        {"target_label": "job", "replacement": "vault"},
        {"source_labels": ["instance"], "target_label": "instance", "replacement": f"{cluster}-$1"},
    ]
    return job | {"job_name": cluster}


class _Root:
    """Asks the active node with the root token."""

    def __init__(self, cluster: Cluster | RaftCluster) -> None:
        self._address, self._token = cluster.leader.address, cluster.root_token

    def post(self, path: str, **data: Any) -> Any:
        reply = api.call(self._address, "POST", path, self._token, **data)
        assert reply.status < 300, (path, reply)
        return reply.body
