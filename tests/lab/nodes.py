"""Real OpenBao nodes that start without being initialized: one on raft, three on PostgreSQL."""

import contextlib
import os
import pwd
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self

from tests.lab.api import call, initialize, unseal
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.demo.openbao import Server, audit_file, start_server
from vault_exporter.demo.process import Service, free_port

AUDIT_LOG: Final = "audit/audit.log"
"""Of the nodes that are audited, which must agree on the path: each has a working directory of its own."""
_METRICS_FOR_ALL: Final = {"unauthenticated_metrics_access": True}


class Node:
    """A node that can be started again on the same storage."""

    def __init__(
        self,
        directory: Path,
        name: str,
        storage: Mapping[str, Any],
        settings: Mapping[str, object] | None = None,
        certificate: tuple[Path, Path] | None = None,
        **telemetry: object,
    ) -> None:
        """Prepare it; with the files of a certificate and its key, it also listens with TLS at ``tls_address``.

        It reads those files again when it gets SIGHUP, and ``telemetry`` when it starts.
        """
        directory.mkdir()
        self.name = name
        self.directory = directory
        self.address = f"http://127.0.0.1:{free_port()}"
        self.tls_address = f"https://127.0.0.1:{free_port()}" if certificate else ""
        self.server: Server | None = None
        self.telemetry = {"prometheus_retention_time": "24h", "disable_hostname": True, **telemetry}
        own, cluster = self.address.removeprefix("http://"), f"127.0.0.1:{free_port()}"
        self._config: dict[str, Any] = {
            "storage": storage,
            "listener": [
                {
                    "tcp": {
                        "address": own,
                        "cluster_address": cluster,
                        "tls_disable": True,
                        "telemetry": _METRICS_FOR_ALL,
                    }
                }
            ],
            "telemetry": self.telemetry,
            "api_addr": self.address,
            "cluster_addr": f"https://{cluster}",
            **(settings or {}),
        }
        if certificate:
            cert, key = map(str, certificate)
            tls = {
                "address": self.tls_address.removeprefix("https://"),
                "tls_cert_file": cert,
                "tls_key_file": key,
                "telemetry": _METRICS_FOR_ALL,
            }
            self._config["listener"].append({"tcp": tls})

    @property
    def audit_log(self) -> Path:
        return self.directory / AUDIT_LOG

    def start(self) -> Self:
        # Without storage a node answers 500, but it answers.
        every = frozenset({200, 429, 500, 501, 503})
        self.server = start_server(self.directory, self._config, self.address, name=self.name, ready=every)
        return self

    def kill(self) -> None:
        """End it with SIGKILL."""
        assert self.server is not None
        self.server.service.kill()

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()

    def health(self) -> int:
        return call(self.address, "GET", "sys/health").status


@contextlib.contextmanager
def raft_node(
    directory: Path,
    settings: Mapping[str, object] | None = None,
    certificate: tuple[Path, Path] | None = None,
    **telemetry: object,
) -> Iterator[Node]:
    """One node on raft, started, not initialized."""
    data = directory / "raft"
    data.mkdir()
    storage = {"raft": {"path": str(data), "node_id": "node"}}
    node = Node(directory / "node", "node", storage, settings, certificate, **telemetry)
    try:
        yield node.start()
    finally:
        node.stop()


class Postgres:
    """A private PostgreSQL; as root it runs as the user ``postgres``, since it refuses root."""

    def __init__(self, directory: Path) -> None:
        (binary,) = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
        self._binary = binary
        self._directory = directory
        directory.mkdir(mode=0o755)
        self._user = "postgres" if os.getuid() == 0 else None
        if self._user:
            owner = pwd.getpwnam(self._user)
            os.chown(directory, owner.pw_uid, owner.pw_gid)
        self.port = free_port()
        self._service: Service | None = None
        arguments = ["--auth=trust", "--username=vault", "--no-sync", "--encoding=UTF8", "--locale=C"]
        self._run("initdb", "-D", str(directory / "data"), *arguments)

    def start(self) -> Self:
        self._service = Service(
            "PostgreSQL",
            [
                self._binary / "postgres",
                *("-D", str(self._directory / "data"), "-p", str(self.port), "-h", "127.0.0.1"),
                *("-k", "", "-c", "fsync=off"),
            ],
            log=self._directory.with_name("postgres.log"),
            cwd=self._directory,
            user=self._user,
        )
        self._service.wait_until(self._answers, timeout=PATIENCE)
        return self

    def stop(self) -> None:
        """End it at once, with its clients' connections."""
        if self._service is not None:
            self._service.signal(3)  # SIGQUIT: immediate shutdown
            self._service.stop()

    def create_tables(self) -> None:
        """Create the database; OpenBao creates its tables."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "vault", "vault")

    @property
    def url(self) -> str:
        return f"postgres://vault@127.0.0.1:{self.port}/vault?sslmode=disable"

    def _answers(self) -> bool:
        return self._run("pg_isready", "-h", "127.0.0.1", "-p", str(self.port), "-U", "vault", check=False) == 0

    def _run(self, name: str, *arguments: str, check: bool = True) -> int:
        log = self._directory.with_name(f"{name}.log")
        service = Service(name, [self._binary / name, *arguments], log=log, cwd=self._directory, user=self._user)
        wait_until(lambda: service.returncode is not None, what=name)
        assert not check or service.returncode == 0, service.tail()
        return service.returncode or 0


class Cluster:
    """Three nodes on PostgreSQL, initialized and unsealed."""

    def __init__(self, directory: Path, *, audited: bool = False, certificate: tuple[Path, Path] | None = None) -> None:
        # PostgreSQL's user must be able to reach its files.
        directory.chmod(0o755)
        self._directory = directory
        self._settings = {"audit": audit_file(AUDIT_LOG)} if audited else None
        self._certificate = certificate
        self.postgres = Postgres(directory / "postgres")
        self.nodes: list[Node] = []
        self.root_token = ""
        self.keys: list[str] = []

    def start(self) -> Self:
        self.postgres.start().create_tables()
        storage = {"postgresql": {"connection_url": self.postgres.url, "ha_enabled": "true", "max_parallel": "16"}}
        for number in (1, 2, 3):
            directory, name = self._directory / f"n{number}", f"n{number}"
            self.nodes.append(Node(directory, name, storage, self._settings, self._certificate))
            self.nodes[-1].start()
        self.root_token, keys = initialize(self.nodes[0].address, shares=3, threshold=2)
        self.keys = keys[:2]
        for node in self.nodes:
            unseal(node.address, self.keys)
        wait_until(lambda: sorted(self.statuses()) == [200, 429, 429], what="one active, two standbys")
        return self

    def statuses(self) -> list[int]:
        return [node.health() for node in self.nodes]

    @property
    def leader(self) -> Node:
        (active,) = (node for node in self.nodes if node.health() == 200)
        return active

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()
        self.postgres.stop()


@contextlib.contextmanager
def postgres_cluster(*, audited: bool = False, certificate: tuple[Path, Path] | None = None) -> Iterator[Cluster]:
    """Three nodes on PostgreSQL, in a directory that its user can reach: those of pytest are root's alone."""
    with tempfile.TemporaryDirectory(prefix="vault-exporter-cluster-") as directory:
        cluster = Cluster(Path(directory), audited=audited, certificate=certificate)
        try:
            yield cluster.start()
        finally:
            cluster.stop()
