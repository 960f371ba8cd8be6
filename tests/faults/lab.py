"""Everything the faults are tried on: a real cluster, exporter, Prometheus and Alertmanager, and the far end.

Beside it, a second Prometheus scrapes the nodes' own telemetry with the three rules as first written.
"""

import contextlib
import copy
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from tests.faults import scaled, settings
from tests.lab import api
from tests.lab.alertmanager import Alertmanager
from tests.lab.nodes import Cluster, Node, postgres_cluster
from tests.lab.pagerduty import Recorder, recording
from tests.lab.raft import RaftCluster
from tests.lab.waiting import wait_until
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.process import free_port
from vault_exporter.demo.prometheus import Prometheus

GROUP_WAIT: Final = 6
"""Seconds: causes and symptoms come within it, as they do within the 30 s of the configuration."""
INTERVAL: Final = 2
"""Seconds between scrapes."""
MEMORY_LIMIT: Final = "1073741824"


@dataclass
class Lab:
    """The running parts, and what faults need of them."""

    directory: Path
    cluster: Cluster
    recorder: Recorder
    alertmanager: Alertmanager
    start_exporter: Callable[[], ExporterProcess]
    start_sidecar: Callable[[], ExporterProcess]
    """Start another exporter, with the same configuration but no audit logs, at a port of its own."""
    exporter: ExporterProcess
    certificates: settings.Certificates
    made: settings.Made
    prometheus: Prometheus
    """With our rules, scraping the exporter."""
    plain: Prometheus
    """With the three as first written, scraping the nodes."""
    pace: scaled.Pace
    started: contextlib.ExitStack
    """What faults start, and leave running until the lab ends."""
    sidecars: list[ExporterProcess] = field(default_factory=list)
    """Exporters that scrape single nodes."""
    raft: list[RaftCluster] = field(default_factory=list)
    """The cluster on raft, since a fault needed one."""
    more_jobs: list[dict[str, Any]] = field(default_factory=list)
    """Scraped beside the nodes since then."""
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
        return api.call(self.leader.address, method, path, self.made.admin, **data)

    def write_rules(self) -> None:
        """Write the rules with the thresholds as they are now, and have both Prometheus read them."""
        scaled.ours(self.directory, self.pace, self.literals)
        scaled.plain(self.directory, self.pace, self.literals.get(MEMORY_LIMIT, MEMORY_LIMIT))
        for prometheus in (self.prometheus, self.plain):
            prometheus.service.signal(1)  # SIGHUP

    def scrape(self, jobs: list[dict[str, Any]] | None = None, interval: int = INTERVAL) -> None:
        """Have Prometheus with our rules scrape these jobs, the usual ones by default, at an interval in seconds."""
        file = self.directory / "ours" / "prometheus.yml"
        config = yaml.safe_load(file.read_text())
        config["scrape_configs"] = jobs or self.jobs()
        config["global"] |= {"scrape_interval": f"{interval}s", "scrape_timeout": f"{interval}s"}
        file.write_text(yaml.safe_dump(config, sort_keys=False))
        self.prometheus.service.signal(1)  # SIGHUP

    def jobs(self) -> list[dict[str, Any]]:
        """Return the usual jobs: each node, the exporter's own page, and what faults added."""
        jobs = settings.jobs([node.name for node in self.nodes], self.exporter.address)
        return [*jobs, *copy.deepcopy(self.more_jobs)]

    def mend(self) -> None:
        """Start and unseal whatever is not there."""
        for node in self.nodes:
            assert node.server is not None
            node.server.service.signal(18)  # SIGCONT
            if node.server.service.returncode is not None:
                node.start()
            wait_until(lambda node=node: node.health() in {200, 429, 503}, what=node.name)  # type: ignore[misc]
            if node.health() == 503:
                api.unseal(node.address, self.cluster.keys)
        wait_until(self.serves, what="one active, two standbys")

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
                    status = api.call(address, "PUT", f"app/{number % 9}", self._lab.made.app, value="x").status
                else:
                    status = api.call(address, "GET", f"app/{(number - 1) % 9}", self._lab.made.app).status
                lost = status >= 400
            except OSError:
                lost = True
            if lost:
                # As a client behind a load balancer: on to whoever is active now.
                with contextlib.suppress(OSError, ValueError):
                    address = self._lab.leader.address


@contextlib.contextmanager
def running(directory: Path, pace: scaled.Pace = scaled.PATIENT) -> Iterator[Lab]:
    """Start everything, with ordinary load."""
    with contextlib.ExitStack() as stack:
        certificates = settings.Certificates(directory)
        cluster = stack.enter_context(postgres_cluster(audited=True, certificate=certificates.files))
        recorder = stack.enter_context(recording())
        made, port = settings.fill(cluster), free_port()
        config = settings.exporter(directory, cluster, port, certificates, made)

        def start_exporter() -> ExporterProcess:
            return stack.enter_context(ExporterProcess(["--config", config], port=port, log=directory / "exporter.log"))

        def start_sidecar() -> ExporterProcess:
            own = free_port()
            file = settings.sidecar(directory, own)
            return stack.enter_context(ExporterProcess(["--config", file], port=own, log=directory / "sidecar.log"))

        exporter = start_exporter()
        alertmanager = stack.enter_context(
            Alertmanager(_made(directory / "am"), recorder, group_wait=f"{GROUP_WAIT}s", group_interval="3s")
        )
        rules = scaled.ours(directory, pace, {})
        prometheus = stack.enter_context(
            Prometheus(
                _made(directory / "ours"),
                settings.jobs([node.name for node in cluster.nodes], exporter.address),
                port=free_port(),
                interval=INTERVAL,
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
                interval=INTERVAL,
                rules=[scaled.plain(directory, pace, MEMORY_LIMIT)],
            )
        )
        lab = Lab(
            directory=directory,
            cluster=cluster,
            recorder=recorder,
            alertmanager=alertmanager,
            start_exporter=start_exporter,
            start_sidecar=start_sidecar,
            exporter=exporter,
            certificates=certificates,
            made=made,
            prometheus=prometheus,
            plain=plain,
            pace=pace,
            started=stack,
        )
        stack.enter_context(_Load(lab))
        wait_until(lambda: {target.health for target in prometheus.targets()} == {"up"}, what="all targets scraped")
        # The three rules as first written fire on a healthy cluster; what they do then is no part of the first fault.
        began = monotonic()
        wait_until(lambda: monotonic() - began > pace.shortest + 5, what="a while", interval=1)
        yield lab


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def monotonic() -> float:
    """The clock of everything measured here."""
    return time.monotonic()
