"""A real server after a bad night: everything happened once that a runbook asks the server or its audit log about."""

import contextlib
import gzip
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from tests.alerts.shell import Desk
from tests.faults.settings import Certificates
from tests.lab.api import Reply, call, initialize, unseal
from tests.lab.bao import Bao
from tests.lab.nodes import Node, Postgres, raft_node
from tests.lab.waiting import wait_until
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.openbao import audit_file
from vault_exporter.demo.process import free_port

__all__ = ["Night", "journal", "night"]

KNOWN_USER, UNKNOWN_USERS = 5, 4
"""Failed logins of a user who is there, and of users who are not."""
ROOT_TOKENS: Final = 2
"""Root tokens that were created."""


@dataclass(frozen=True)
class Night:
    """The server, the exporter beside it, and who looks at them."""

    desk: Desk
    node: Node
    keys: list[str]
    exporter: ExporterProcess
    postgres: Postgres

    def seal(self) -> None:
        assert call(self.node.address, "PUT", "sys/seal", self.desk.token).status == 204
        wait_until(lambda: self.node.health() == 503, what="sealed")

    def unseal(self) -> None:
        unseal(self.node.address, self.keys)
        wait_until(lambda: self.node.health() == 200, what="active")


@contextlib.contextmanager
def night(folder: Path) -> Iterator[Night]:
    """Start all of it."""
    with contextlib.ExitStack() as stack:
        certificates = Certificates(folder)
        for name in ("audit", "backups", "journal", "etc", "raft"):
            (folder / name).mkdir()
        certificates.issue(timedelta(days=20))
        log = folder / "audit" / "audit.log"
        node = stack.enter_context(
            raft_node(folder / "raft", {"audit": audit_file(log)}, certificate=certificates.files)
        )
        token, keys = initialize(node.address)
        unseal(node.address, keys)
        wait_until(lambda: node.health() == 200, what="active")
        postgres = stack.enter_context(_database())
        names = _happen(node, token, postgres)
        exporter = stack.enter_context(_exporter(folder, node, token, log))
        (folder / "audit" / "audit.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
        journal(folder, "vault", node.directory / "openbao.log", _pid(node))
        journal(folder, "vault-exporter", folder / "vault-exporter.log", exporter.service.pid)
        (folder / "journal" / "vault-backup.log").write_text("saved vault-2026-11-28.snap\n")
        _server_configuration(folder / "etc", postgres)
        (folder / "etc" / "logrotate").write_text("/vault/audit/*.log { daily\n compress\n delaycompress\n }\n")
        names |= {
            "https://vault-1.example.com:8200": node.address,
            "vault-1.example.com:8200": node.tls_address.removeprefix("https://"),
            "localhost:9410": exporter.address.removeprefix("http://"),
            "/vault/audit": str(folder / "audit"),
            "/etc/vault-exporter.yml": str(folder / "vault-exporter.yml"),
            "-config=/etc/openbao/openbao.hcl": f"-config={node.directory / 'openbao.json'}",
            "/opt/vault": str(folder),
            "/etc/openbao": str(folder / "etc"),
            "/etc/vault.d": str(folder / "etc"),
            "/etc/logrotate.d/vault": str(folder / "etc" / "logrotate"),
            "sport = :8200": f"sport = :{node.address.rpartition(':')[2]}",
            "-duration=1m": "-duration=5s -interval=5s -metrics-interval=5s",
            "DATABASE_HOST": "127.0.0.1",
            "-p 5432": f"-p {postgres.port}",
            "CONNECTION_URL": postgres.url,
            "target=NAME": "target=vault-1",
        }
        yield Night(Desk(folder, node.address, token, names), node, keys, exporter, postgres)


def journal(folder: Path, unit: str, log: Path, pid: int) -> None:
    """Have ``journalctl`` and ``systemctl`` know a process."""
    link = folder / "journal" / f"{unit}.log"
    link.unlink(missing_ok=True)
    link.symlink_to(log)
    link.with_suffix(".pid").write_text(str(pid))


@contextlib.contextmanager
def _database() -> Iterator[Postgres]:
    folder = Path(os.path.realpath("/tmp")) / f"vault-exporter-runbooks-{os.getpid()}"  # noqa: S108 - PostgreSQL's user must reach it
    folder.mkdir(mode=0o755)
    postgres = Postgres(folder / "postgres").start()
    try:
        postgres.create_tables()
        yield postgres
    finally:
        postgres.stop()
        shutil.rmtree(folder)


def _happen(node: Node, token: str, postgres: Postgres) -> dict[str, str]:
    """Do everything once; return names of what was made."""

    def done(method: str, path: str, /, **data: Any) -> Any:
        reply = call(node.address, method, path, token, **data)
        assert reply.status < 300, (path, reply)
        return reply.body

    def refused(method: str, path: str, by: str = token, /, **data: Any) -> Reply:
        reply = call(node.address, method, path, by, **data)
        assert reply.status >= 400, (path, reply)
        return reply

    done("POST", "sys/mounts/secret", type="kv", options={"version": "2"})
    done("POST", "sys/mounts/canary", type="kv", options={"version": "2"})
    # An engine of version 2 refuses for a moment after it was enabled.
    write = ("PUT", "secret/data/database", token)
    wait_until(lambda: call(node.address, *write, data={"password": "x"}).status == 200, what="the engine is ready")
    done("PUT", "sys/policies/acl/vault-exporter", policy='path "sys/*" { capabilities = ["read", "list"] }')
    done("PUT", "sys/policies/acl/app", policy='path "secret/data/app" { capabilities = ["read"] }')
    done("POST", "sys/auth/userpass", type="userpass")
    done("POST", "sys/auth/userpass/tune", user_lockout_config={"lockout_threshold": "5"})
    done("POST", "auth/userpass/users/someone", password="right", token_policies=["app"])
    done("POST", "sys/auth/approle", type="approle")
    done("POST", "auth/approle/role/billing", secret_id_ttl="240h")
    secret_id = done("POST", "auth/approle/role/billing/secret-id", metadata="{}")["data"]["secret_id_accessor"]
    for _ in range(KNOWN_USER):
        call(node.address, "PUT", "auth/userpass/login/someone", password="wrong")
    for number in range(UNKNOWN_USERS):
        call(node.address, "PUT", f"auth/userpass/login/nobody-{number}", password="wrong")
    app = done("POST", "auth/token/create", policies=["app"], ttl="240h")["auth"]
    for _ in range(3):
        refused("GET", "secret/data/database", app["client_token"])
    for _ in range(ROOT_TOKENS):
        found = done("POST", "auth/token/create", policies=["root"])["auth"]
    done("GET", "auth/token/lookup-self")
    done("POST", "sys/mounts/pki", type="pki")
    done("POST", "pki/root/generate/internal", common_name="its-camera", issuer_name="first")
    done("POST", "sys/quotas/rate-limit/app", path="secret", rate=1000, interval="1s")
    done("PUT", "sys/generate-root-token/attempt")
    refused("PUT", "sys/audit/other", type="file", options={"file_path": "/tmp/x"})  # noqa: S108 - never written
    refused("GET", "sys/raw/core/keyring")
    refused("POST", "sys/storage/raft/remove-peer", "no-token", server_id="other")
    done("POST", "sys/mounts/database", type="database")
    done(
        "POST",
        "database/config/postgres",
        plugin_name="postgresql-database-plugin",
        connection_url=postgres.url.replace("vault@", "{{username}}:{{password}}@"),
        username="vault",
        password="any",
        allowed_roles="app",
        verify_connection=False,
    )
    done("POST", "database/static-roles/app", db_name="postgres", username="vault", rotation_period="24h")
    Bao(node.address, token)("operator", "raft", "snapshot", "save", str(node.directory / "snap"))
    return {
        "role/ROLE": "role/billing",
        "secret_id_accessor=ACCESSOR": f"secret_id_accessor={secret_id}",
        "revoke -accessor ACCESSOR": f"revoke -accessor {found['accessor']}",
        "-accessor ACCESSOR": f"-accessor {app['accessor']}",
        "MOUNT/static-roles/ROLE": "database/static-roles/app",
        "MOUNT/config/DB_NAME": "database/config/postgres",
        "MOUNT/config/crl": "pki/config/crl",
        "v1/MOUNT/crl": "v1/pki/crl",
        "MOUNT/issuers": "pki/issuers",
        "MOUNT/issuer/NAME": "pki/issuer/first",
        "rate-limit/NAME": "rate-limit/app",
        "policy read NAME": "policy read app",
        "-mount=MOUNT PATH": "-mount=secret database",
    }


@contextlib.contextmanager
def _exporter(folder: Path, node: Node, token: str, log: Path) -> Iterator[ExporterProcess]:
    port = free_port()
    (folder / "backups" / "daily.snap").write_text("a snapshot")
    (folder / "token").write_text(token)
    (folder / "targets.json").write_text("[]")
    config = {
        "listen": f"127.0.0.1:{port}",
        "targets": [
            {
                "name": "vault-1",
                "address": node.address,
                "cluster": "prod",
                "auth": {"method": "token", "token_file": str(folder / "token")},
            }
        ],
        "discovery": [{"type": "file", "path": str(folder / "targets.json")}],
        "audit": {"logs": [str(log)], "from_start": True},
        "backup": [{"name": "daily", "files": str(folder / "backups" / "*.snap")}],
        "canary": {"mount": "canary", "interval": "1s"},
    }
    file = folder / "vault-exporter.yml"
    file.write_text(yaml.safe_dump(config))
    with ExporterProcess(["--config", file], port=port, log=folder / "vault-exporter.log") as exporter:
        wait_until(lambda: b"vault_canary_success" in exporter.get("/probe?target=vault-1"), what="canary")
        yield exporter


def _server_configuration(folder: Path, postgres: Postgres) -> None:
    """Write the server's configuration as people write it, in HCL; the server itself was given it as JSON."""
    (folder / "vault.hcl").write_text(
        f"""
storage "postgresql" {{
  connection_url = "{postgres.url}"
  ha_enabled     = "true"
}}
seal "transit" {{
  address  = "https://vault.example.com:8200"
  key_name = "autounseal"
}}
listener "tcp" {{
  address       = "0.0.0.0:8200"
  tls_cert_file = "/etc/vault.d/vault.pem"
  tls_key_file  = "/etc/vault.d/vault.key"
}}
telemetry {{
  prometheus_retention_time = "24h"
}}
audit "file" "file" {{
  options {{
    file_path = "/vault/audit/audit.log"
    log_raw   = "true"
  }}
}}
raw_storage_endpoint = true
"""
    )
    shutil.copy(folder / "vault.hcl", folder / "openbao.hcl")


def _pid(node: Node) -> int:
    assert node.server is not None
    return node.server.service.pid
