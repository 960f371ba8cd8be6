"""Everything the faults are tried on: a real cluster, exporter, Prometheus and Alertmanager, and the far end.

Beside it, a second Prometheus scrapes the nodes' own telemetry with the three rules as first written.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from tests.faults import scaled
from tests.lab import api
from tests.lab.alertmanager import Alertmanager
from tests.lab.nodes import Cluster, Node, postgres_cluster
from tests.lab.pagerduty import Recorder, recording
from vault_exporter.collectors import COLLECTORS, policy, telemetry
from vault_exporter.demo.exporter import Exporter
from vault_exporter.demo.process import free_port, wait_until
from vault_exporter.demo.prometheus import Prometheus

CLUSTER: Final = "prod"
GROUP_WAIT: Final = 6
"""Seconds: causes and symptoms come within it, as they do within the 30 s of the configuration."""
BACKUP: Final = "nightly.snap"
"""In ``backups`` of the lab's directory."""
MEMORY_LIMIT: Final = "1073741824"
_ADMIN: Final = 'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }'
_APP: Final = 'path "app/*" { capabilities = ["create", "read", "update", "delete", "list"] }'


@dataclass
class Lab:
    """The running parts, and what faults need of them."""

    directory: Path
    cluster: Cluster
    recorder: Recorder
    alertmanager: Alertmanager
    start_exporter: Callable[[], Exporter]
    exporter: Exporter
    admin: str
    app: str
    prometheus: Prometheus
    """With our rules, scraping the exporter."""
    plain: Prometheus
    """With the three as first written, scraping the nodes."""
    pace: scaled.Pace
    literals: dict[str, str] = field(default_factory=dict)
    """Thresholds of our rules that are changed for a fault."""

    @property
    def nodes(self) -> list[Node]:
        return self.cluster.nodes

    @property
    def leader(self) -> Node:
        return self.cluster.leader

    @property
    def standby(self) -> Node:
        leader = self.leader
        return next(node for node in self.nodes if node is not leader)

    def call(self, method: str, path: str, /, **data: Any) -> api.Reply:
        """Ask the active node as an administrator who has no root token."""
        return api.call(self.leader.address, method, path, self.admin, **data)

    def write_rules(self) -> None:
        """Write the rules with the thresholds as they are now, and have both Prometheus read them."""
        scaled.ours(self.directory, self.pace, self.literals)
        scaled.plain(self.directory, self.pace, self.literals.get(MEMORY_LIMIT, MEMORY_LIMIT))
        for prometheus in (self.prometheus, self.plain):
            prometheus.service.signal(1)  # SIGHUP

    def mend(self) -> None:
        """Start and unseal whatever is not there."""
        for node in self.nodes:
            assert node.server is not None
            node.server.service.signal(18)  # SIGCONT
            if node.server.service.returncode is not None:
                node.start()
            wait_until(lambda node=node: node.health() in {200, 429, 503}, timeout=60, what=node.name)  # type: ignore[misc]
            if node.health() == 503:
                api.unseal(node.address, self.cluster.keys)
        wait_until(self.serves, timeout=90, what="one active, two standbys")

    def serves(self) -> bool:
        return sorted(self.cluster.statuses()) == [200, 429, 429]


class _Load:
    """Ordinary requests to the active node, a few a second, all the time."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        address = self._lab.leader.address
        number = 0
        while not self._end.wait(0.3):
            number += 1
            try:
                if number % 2:
                    status = api.call(address, "PUT", f"app/{number % 9}", self._lab.app, value="x").status
                else:
                    status = api.call(address, "GET", f"app/{(number - 1) % 9}", self._lab.app).status
                lost = status >= 400
            except OSError:
                lost = True
            if lost:
                # As a client behind a load balancer: on to whoever is active now.
                with contextlib.suppress(OSError, ValueError):
                    address = self._lab.leader.address


@contextlib.contextmanager
def running(directory: Path, pace: scaled.Pace = scaled.Pace()) -> Iterator[Lab]:  # noqa: B008 - frozen
    """Start everything, with ordinary load."""
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(postgres_cluster(audited=True))
        recorder = stack.enter_context(recording())
        admin, app, own = _tokens(cluster)
        port = free_port()
        config = _exporter_config(directory, cluster, port, own)

        def start_exporter() -> Exporter:
            return stack.enter_context(Exporter(["--config", config], port=port, log=directory / "exporter.log"))

        exporter = start_exporter()
        alertmanager = stack.enter_context(
            Alertmanager(_made(directory / "am"), recorder, group_wait=f"{GROUP_WAIT}s", group_interval="3s")
        )
        rules = scaled.ours(directory, pace, {})
        prometheus = stack.enter_context(
            Prometheus(
                _made(directory / "ours"),
                _jobs(cluster, exporter),
                port=free_port(),
                interval=2,
                rules=rules,
                alertmanager=alertmanager.address,
            )
        )
        plain = stack.enter_context(
            Prometheus(
                _made(directory / "plain"),
                [
                    {
                        "job_name": "vault",
                        "metrics_path": "/v1/sys/metrics",
                        "params": {"format": ["prometheus"]},
                        "static_configs": [{"targets": [urlsplit(node.address).netloc for node in cluster.nodes]}],
                    }
                ],
                port=free_port(),
                interval=2,
                rules=[scaled.plain(directory, pace, MEMORY_LIMIT)],
            )
        )
        lab = Lab(
            directory, cluster, recorder, alertmanager, start_exporter, exporter, admin, app, prometheus, plain, pace
        )
        stack.enter_context(_Load(lab))
        wait_until(
            lambda: {target.health for target in prometheus.targets()} == {"up"}, timeout=60, what="all targets scraped"
        )
        # The three rules as first written fire on a healthy cluster; what they do then is no part of the first fault.
        began = monotonic()
        wait_until(lambda: monotonic() - began > pace.shortest + 5, timeout=90, what="a while", interval=1)
        yield lab


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _tokens(cluster: Cluster) -> tuple[str, str, str]:
    """Set the cluster up; return the tokens of an administrator, an application, and the exporter."""
    address, root = cluster.leader.address, cluster.root_token

    def ask(method: str, path: str, **data: Any) -> Any:
        reply = api.call(address, method, path, root, **data)
        assert reply.status < 300, reply
        return reply.body

    ask("POST", "sys/mounts/app", type="kv")
    ask("POST", "sys/auth/userpass", type="userpass")
    ask("PUT", "auth/userpass/users/someone", password="right-one", token_policies=["app"])
    grants = [telemetry.GRANT, *(grant for one in COLLECTORS for grant in one.grants)]
    for name, text in {"admin": _ADMIN, "app": _APP, "exporter": "\n".join(map(str, policy(grants)))}.items():
        ask("PUT", f"sys/policies/acl/{name}", policy=text)
    made = [
        ask("POST", "auth/token/create", policies=[name], period="24h", no_parent=True)["auth"]["client_token"]
        for name in ("admin", "app", "exporter")
    ]
    return made[0], made[1], made[2]


def _exporter_config(directory: Path, cluster: Cluster, port: int, token: str) -> Path:
    (directory / "token").write_text(token)
    path = directory / "vault-exporter.yml"
    backups = _made(directory / "backups")
    (backups / BACKUP).write_text("a backup")
    path.write_text(
        yaml.safe_dump(
            {
                "listen": f"127.0.0.1:{port}",
                "defaults": {
                    "cluster": CLUSTER,
                    "timeout": "4s",
                    "auth": {"method": "token", "token_file": str(directory / "token")},
                    "collectors": {
                        "enable": ["audit_devices"],
                        "intervals": {"barrier_key": "2s", "audit_devices": "2s", "leases": "2s"},
                    },
                },
                "targets": [{"name": node.name, "address": node.address} for node in cluster.nodes],
                "backup": [{"name": "nightly", "files": str(backups / "*.snap"), "max_age": "1h"}],
                "audit": {"logs": [str(node.audit_log) for node in cluster.nodes]},
            }
        )
    )
    return path


def _jobs(cluster: Cluster, exporter: Exporter) -> list[dict[str, Any]]:
    host = urlsplit(exporter.address).netloc
    labels = {"cluster": CLUSTER}
    return [
        {
            "job_name": "vault",
            "metrics_path": "/probe",
            "static_configs": [{"targets": [node.name for node in cluster.nodes], "labels": labels}],
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


def monotonic() -> float:
    """The clock of everything measured here."""
    return time.monotonic()
