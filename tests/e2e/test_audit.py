"""The audit log under real rotation, with the exporter killed meanwhile, as a real Prometheus counts it."""

import collections
import http.client
import itertools
import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
import yaml

from tests.lab.api import call
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.openbao import Server, dev_server
from vault_exporter.demo.process import free_port
from vault_exporter.demo.prometheus import Prometheus

TOKEN: Final = "root"
MIX: Final = (("GET", "kv/a", "read"), ("PUT", "kv/a", "update"), ("GET", "kv/a", "read"), ("DELETE", "kv/b", "delete"))
"""What is sent, again and again: method, path, operation."""
PREPARED: Final = ("a", "b")
REQUESTS: Final = 2_000
ROTATIONS: Final = 4
KILLS: Final = 2
FULL: Final = (10_000, 20, 5)
"""The same of ``--full-length``."""
INTERVAL: Final = 1.0


class Run:
    """One OpenBao, one exporter at a time, one Prometheus, and what was sent."""

    def __init__(self, directory: Path, server: Server, how: str) -> None:
        self.directory = directory
        self.server = server
        self.log = directory / "bao" / "audit.log"
        self.port = free_port()
        self.sent: collections.Counter[str] = collections.Counter()
        self.killed = 0
        config = {"listen": f"127.0.0.1:{self.port}"}
        name = "audit*.log" if how == "within" else "audit.log"
        audit = {"logs": [str(self.log.with_name(name))], "checkpoint": str(directory / "checkpoint.json")}
        (directory / "exporter.yml").write_text(yaml.safe_dump(config | {"audit": audit}))
        reload_ = f"kill -HUP {server.service.pid}"
        script = "copytruncate" if how == "copytruncate" else f"nocreate\npostrotate\n{reload_}\nendscript"
        if how == "within":  # a pattern: rotated files are named audit.1.log, and match it
            script += "\nextension .log"
        (directory / "logrotate.conf").write_text(f"su root root\n{self.log} {{\nrotate 50\n{script}\n}}\n")

    def start(self) -> ExporterProcess:
        return ExporterProcess(
            ["--config", self.directory / "exporter.yml"],
            port=self.port,
            log=self.directory / f"exporter-{self.killed}.log",
        )

    def rotate(self) -> None:
        state = self.directory / "logrotate.state"
        command = ["/usr/sbin/logrotate", "--force", f"--state={state}", f"{self.directory}/logrotate.conf"]
        subprocess.run(command, check=True, timeout=PATIENCE)

    def send(self, connection: http.client.HTTPConnection) -> None:
        method, path, operation = MIX[self.sent.total() % len(MIX)]
        body = '{"v":"x"}' if method == "PUT" else None
        connection.request(method, f"/v1/{path}", body, {"X-Vault-Token": TOKEN})
        response = connection.getresponse()
        response.read()
        assert response.status in {200, 204}
        self.sent[operation] += 1

    def log_in(self, times: int) -> list[float]:
        """Log in so often; how long each took."""
        assert call(self.server.address, "POST", "sys/auth/userpass", TOKEN, type="userpass").status == 204
        user = "auth/userpass/users/bob"
        assert call(self.server.address, "POST", user, TOKEN, password="a password").status == 204
        seconds = []
        for _ in range(times):
            started = time.perf_counter()
            assert call(self.server.address, "POST", "auth/userpass/login/bob", password="a password").status == 200
            seconds.append(time.perf_counter() - started)
        return seconds

    def lines_on_disk(self) -> int:
        """Of responses of our requests, in all files."""
        found = 0
        for path in self.log.parent.glob("audit*"):
            # What the server is still writing has no line end yet.
            for line in path.read_bytes().split(b"\n")[:-1]:
                entry = json.loads(line)
                found += entry["type"] == "response" and entry["request"]["path"].startswith("kv/")
        return found - len(PREPARED)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    directory = tmp_path / "bao"
    directory.mkdir()
    # logrotate refuses directories that others may write to.
    directory.chmod(0o755)
    with dev_server(directory, root_token=TOKEN, audit_log=directory / "audit.log") as server:
        assert call(server.address, "POST", "sys/mounts/kv", TOKEN, type="kv").status == 204
        for name in PREPARED:
            assert call(server.address, "PUT", f"kv/{name}", TOKEN, v="x").status == 204
        yield server


@pytest.fixture
def amounts(request: pytest.FixtureRequest) -> tuple[int, int, int]:
    return FULL if request.config.getoption("--full-length") else (REQUESTS, ROTATIONS, KILLS)


@pytest.mark.parametrize("how", ["rename", "within", "copytruncate"])
def test_prometheus_counts_what_was_sent(
    tmp_path: Path,
    server: Server,
    amounts: tuple[int, int, int],
    how: str,
) -> None:
    requests, rotations, kills = amounts
    run = Run(tmp_path, server, how)
    (tmp_path / "prometheus").mkdir()
    jobs = [{"job_name": "vault", "static_configs": [{"targets": [f"127.0.0.1:{run.port}"]}]}]
    exporter = run.start()
    try:
        with Prometheus(tmp_path / "prometheus", jobs, port=free_port(), interval=INTERVAL) as prometheus:

            def scraped() -> bool:
                return prometheus.value("up") == 1

            wait_until(scraped, what="the first scrape")
            connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=PATIENCE)
            for number in range(requests):
                run.send(connection)
                if (number + 1) % (requests // rotations) == 0:
                    run.rotate()
                if (number + 1) % (requests // (kills + 1)) == 0 and run.killed < kills:
                    exporter.service.kill()
                    run.killed += 1
                    exporter = run.start()
            connection.close()

            def counted() -> dict[str, float]:
                counts = {}
                for operation in run.sent:
                    selector = f'vault_audit_entries_total{{mount_point="kv/",type="response",operation="{operation}"}}'
                    counts[operation] = increase(prometheus, selector)
                return counts

            if how != "copytruncate":
                wait_until(lambda: counted() == run.sent, what=f"{dict(run.sent)}; there is {counted()}")
                lost = 0
            else:
                # What no file holds any more nobody can count. The rest is counted, and so are the truncations.
                lost = requests - run.lines_on_disk()
                wait_until(lambda: sum(counted().values()) >= requests - lost, what=f"all but {lost}")
                assert sum(counted().values()) <= requests
                noticed = ("vault_audit_reader_truncations_total", "vault_audit_reader_gaps_total")
                assert sum(increase(prometheus, name) for name in noticed) > 0
            logins = run.log_in(20)
            latency_agrees(prometheus, logins)
            figures = f"{how}: sent {requests}, counted {sum(counted().values()):.0f}, in no file any more {lost}\n"
            (tmp_path / "figures.txt").write_text(figures)
    finally:
        exporter.service.stop()


def increase(prometheus: Prometheus, selector: str) -> float:
    """What was added over the run by the raw samples, as ``increase()`` counts before it extrapolates."""
    total = 0.0
    for samples in prometheus.samples(f"{selector}[1h]"):
        for before, after in itertools.pairwise(samples):
            total += after - before if after >= before else after
    return total


def latency_agrees(prometheus: Prometheus, client: list[float]) -> None:
    """A login takes Vault long enough for the way to it to be of no account: both medians are in one bucket."""
    name = "vault_audit_request_duration_seconds"
    selector = '{mount_type="userpass",operation_class="write"}'

    def buckets() -> dict[float, float]:
        found = prometheus.query(f"{name}_bucket{selector}")
        return {float(one.labels["le"]): one.value for one in found}

    wait_until(lambda: buckets().get(float("inf")) == len(client) + 1, what="the logins, and the user's creation")
    bounds = sorted(buckets())
    ours = next(place for place, bound in enumerate(bounds) if buckets()[bound] >= len(client) / 2)
    theirs = next(place for place, bound in enumerate(bounds) if bound >= statistics.median(client))
    assert abs(ours - theirs) <= 1
    mean = increase(prometheus, f"{name}_sum{selector}") / increase(prometheus, f"{name}_count{selector}")
    assert mean == pytest.approx(statistics.mean(client), rel=0.2)
