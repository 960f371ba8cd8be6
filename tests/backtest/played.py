"""A real Prometheus that runs rules over played faults, and its own ALERTS to compare a backtest with.

Samples are stamped some seconds ahead, so no evaluation comes before the samples that it looks at are stored.
"""

import contextlib
import http.server
import json
import math
import re
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from typer.testing import CliRunner

from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.cli.table import assembled
from vault_exporter.demo.process import Service, free_port

__all__ = ["FIRING", "PACK", "Played", "played", "run", "stamped"]

OFFSETS_SINCE: Final = (2, 53)
PACK: Final = ("--set", "VaultHighMemoryUsage.for=0s", "--set", "VaultDown.for=1s")
RULES: Final = """
groups:
  - name: played
    rules:
      - {record: "cluster:played:max", expr: "max by (cluster) (played_value)"}
      - {alert: PlayedClock, expr: vector(1)}
      - {alert: PlayedRecorded, expr: "cluster:played:max > 5", labels: {severity: info}}
      - alert: PlayedFor
        expr: played_value > 5
        for: 2s
        labels:
          severity: critical
          cluster: '{{ or $labels.cluster $externalLabels.cluster "default" }}'
          of: '{{ $labels.instance }}'
      - alert: PlayedKept
        expr: played_value > 8
        keep_firing_for: 3s
        labels: {severity: warning, external: "{{ $externalLabels.region }}"}
      - {alert: PlayedGone, expr: "absent(played_now_and_then)", for: 1s}
      - {alert: PlayedOfValue, expr: "round(played_value) > 8", labels: {value: "{{ $value }}"}}
      - {alert: PlayedRaw, expr: "avg_over_time(played_value[3s]) > 6"}
      - {alert: PlayedRange, expr: "avg_over_time(cluster:played:max[5s]) > 8"}
      - {alert: PlayedNever, expr: "played_never > 0"}
  - name: slow
    interval: 2s
    rules:
      - {alert: SlowClock, expr: vector(1)}
      - {alert: SlowRange, expr: "sum_over_time(cluster:played:max[6s]) > 45", for: 2s}
"""
LATE: Final = """
  - name: late
    query_offset: 3s
    rules:
      - {record: "cluster:late:min", expr: "min by (cluster) (played_value)"}
      - {alert: LateClock, expr: vector(1)}
      - {alert: LateFor, expr: "played_value > 5", for: 2s}
      - {alert: LateRange, expr: "avg_over_time(cluster:late:min[4s]) > 3"}
"""

FIRING: Final = {
    "Played": {
        "PlayedRecorded", "PlayedFor", "PlayedKept", "PlayedGone", "PlayedOfValue", "PlayedRaw", "PlayedRange"
    },
    "Slow": {"SlowRange"},
    "Late": {"LateFor", "LateRange"},
}  # fmt: skip
"""Alerts of each group that fire again and again."""


def stamped(second: int) -> str:
    """The page of one second: a function of its time, however often it is read."""
    lines = []
    for node in (1, 2):
        value = 5 + 5 * math.sin(second / (1.7 + node)) + 2 * math.sin(second / 1.3)
        lines.append(f'played_value{{node="{node}"}} {value:.3f} {second * 1000}')
    lines.append(
        f"vault_runtime_alloc_bytes {1e8 if second % 6 < 4 else (2 + second // 6 % 3) * 1e9:.0f} {second * 1000}"
    )
    # The node is down for moments, and for longer than VaultDown has patience with a node that has served.
    lines.append(f"vault_up {int(second % 11 > 2 and second % 600 < 300)} {second * 1000}")
    lines.append(f"vault_active {int(second % 22 < 11)} {second * 1000}")
    if second // 9 % 2:
        lines.append(f"played_now_and_then 1 {second * 1000}")
    return "\n".join(lines) + "\n"


class Page(http.server.BaseHTTPRequestHandler):
    ahead = 0

    def do_GET(self) -> None:
        body = stamped(int(time.time()) + self.ahead).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""


class Played:
    def __init__(self, url: str, rules: Path, groups: tuple[str, ...]) -> None:
        self.url, self.rules, self.groups = url, rules, groups

    def query(self, query: str, at: float) -> list[dict[str, Any]]:
        text = urllib.parse.urlencode({"query": query, "time": f"{at:.3f}"})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{text}", timeout=PATIENCE) as answer:  # noqa: S310
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found

    def fired(self) -> set[str]:
        found = self.query("count_over_time(ALERTS{alertstate='firing'}[2h])", time.time())
        return {one["metric"]["alertname"] for one in found}

    def evaluated_until(self) -> float:
        found = self.query("timestamp(ALERTS{alertname='PlayedClock'})", time.time())
        return float(found[0]["value"][1]) if found else 0.0


def run(*arguments: str) -> str:
    result = CliRunner().invoke(assembled(["rules"]), ["rules", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@contextlib.contextmanager
def played(folder: Path, program: str, seconds: float, ahead: int = 5) -> Iterator[Played]:
    """Run the rules for some seconds, on samples that are stamped some seconds ahead."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Page", (Page,), {"ahead": ahead}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    rules = folder / "played.yml"
    has_offsets = _version(program) >= OFFSETS_SINCE
    rules.write_text(RULES + LATE if has_offsets else RULES)
    (folder / "pack.yml").write_text(run(*PACK))
    target = {"targets": [f"127.0.0.1:{server.server_port}"], "labels": {"cluster": "prod", "instance": "n1"}}
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s", "external_labels": {"region": "north"}},
        "rule_files": [str(rules), str(folder / "pack.yml")],
        "scrape_configs": [{"job_name": "vault", "static_configs": [target]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--query.lookback-delta=3s",
        "--log.level=error",
    ]
    try:
        with Service("Prometheus", command, log=folder / "prometheus.log", cwd=folder) as service:
            groups = ("Played", "Slow", "Late") if has_offsets else ("Played", "Slow")
            made = Played(f"http://127.0.0.1:{port}", rules, groups)
            service.wait_until(lambda: _is_ready(made.url), timeout=PATIENCE)
            end = time.time() + ahead + seconds
            if seconds > PATIENCE:
                threading.Event().wait(seconds)
            wait_until(lambda: made.evaluated_until() > end, what="the rules ran", interval=0.5)
            # A busy server misses evaluations, so an alert may fire later than in the given time.
            firing = set().union(*(FIRING[group] for group in groups))
            wait_until(lambda: made.fired() >= firing, what="each alert fired", interval=0.5)
            # The history stays the same from here on, however long the tests take.
            server.shutdown()
            server.server_close()
            settled = time.time() + ahead + 6
            wait_until(lambda: made.evaluated_until() > settled, what="the last samples are past", interval=0.5)
            yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _version(program: str) -> tuple[int, ...]:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.findall(r"version (\d+)\.(\d+)", said)[0]))


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=PATIENCE) as answer:  # noqa: S310 - HTTP
            return bool(answer.status == 200)
    except OSError:
        return False
