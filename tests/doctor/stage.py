"""A whole chain with real Prometheus and Alertmanager, which a case changes and sets back."""

import contextlib
import copy
import datetime as dt
import itertools
import json
import signal
import time
import traceback
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from typer.testing import CliRunner

from tests.doctor.grafana import TOKEN, Grafana
from tests.doctor.pages import NODE, OWN, PageServer, page
from tests.lab.alertmanager import CONFIG
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.cli.table import assembled
from vault_exporter.demo.process import Service, ServiceError, free_port

__all__ = ["RULES", "SCRAPED", "Case", "Report", "Stage", "examined", "good_case", "is_ready", "stage"]

RULES: Final = Path(__file__).parents[2] / "alerts" / "rules"
INTERVAL: Final = "1s"
SLOW_SCRAPE_TIMEOUT: Final = "900ms"
"""Of the one case whose scrapes nearly time out."""
LEVELS: Final = {"critical": 2, "warning": 1, "info": 0}
"""Exit status by level."""
SCRAPED: Final = {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL}

Json = dict[str, Any]


@dataclass
class Case:
    """A chain: a good one until it is changed."""

    address: str
    """Of the server of pages."""
    closed: str
    """An address where nothing listens."""
    config: Json = field(default_factory=dict)
    alertmanager: Json = field(default_factory=dict)
    rules: dict[str, Json] = field(default_factory=dict)
    """The files of rules by name."""
    pages: dict[str, str] = field(default_factory=dict)
    """Pages of another kind than the exporter's."""
    changes: dict[str, dict[str, float | None]] = field(default_factory=dict)
    """By page, of a good node or of the exporter's own page."""

    @property
    def jobs(self) -> list[Json]:
        jobs: list[Json] = self.config["scrape_configs"]
        return jobs

    def node(self, name: str, changes: Mapping[str, float | None]) -> None:
        """Change samples of a node."""
        self.changes.setdefault(f"/probe?{name}", {"vault_active": int(name == "n1")}).update(changes)

    def nodes(self, changes: Mapping[str, float | None]) -> None:
        """Change samples of every node."""
        for name in ("n1", "n2"):
            self.node(name, changes)

    def own(self, changes: Mapping[str, float | None]) -> None:
        """Change samples of the exporter's own page."""
        self.changes.setdefault("/metrics", {}).update(changes)

    def texts(self) -> dict[str, str]:
        """The pages."""
        made = {path: page(OWN if path == "/metrics" else NODE, changes) for path, changes in self.changes.items()}
        return {**made, **self.pages}

    def alert(self, name: str) -> Json:
        """A loaded rule."""
        return next(rule for _, rule in self.every_rule() if rule.get("alert") == name or rule.get("record") == name)

    def drop(self, *names: str) -> None:
        """Take rules away."""
        for rules, rule in list(self.every_rule()):
            if rule.get("alert") in names or rule.get("record") in names:
                rules.remove(rule)

    def every_rule(self) -> Iterator[tuple[list[Json], Json]]:
        for file in self.rules.values():
            for group in file["groups"]:
                yield from ((group["rules"], rule) for rule in list(group["rules"]))


@dataclass(frozen=True)
class Report:
    """What the command printed."""

    status: int
    findings: tuple[Json, ...]
    notes: tuple[str, ...]

    @property
    def checks(self) -> set[str]:
        return {finding["check"] for finding in self.findings}


def examined(*arguments: str) -> Report:
    """Run the command with ``--json``."""
    result = CliRunner().invoke(assembled(["doctor"]), ["doctor", "--json", *arguments])
    assert isinstance(result.exception, SystemExit | None), "".join(traceback.format_exception(result.exception))
    said = json.loads(result.stdout)
    findings = tuple(finding for finding in said["findings"] if not _is_of_this_machine(finding))
    status = result.exit_code
    if len(findings) < len(said["findings"]):
        status = max((LEVELS[finding["level"]] for finding in findings), default=0)
    return Report(status, findings, tuple(said["notes"]))


def _is_of_this_machine(finding: Json) -> bool:
    """Return whether a busy machine needed all of a scrape's second; the case about slow scrapes sets another time."""
    return finding["check"] == "timeout-too-short" and SLOW_SCRAPE_TIMEOUT not in json.dumps(finding)


def good_case(pages: PageServer, receiver: str) -> Case:
    """A chain without fault, with Alertmanager at that address."""
    case = Case(pages.address, f"127.0.0.1:{free_port()}")
    case.config = {
        "global": {**SCRAPED, "evaluation_interval": INTERVAL},
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [receiver]}]}]},
        "scrape_configs": [
            {
                "job_name": "vault",
                "metrics_path": "/probe",
                "static_configs": [
                    {
                        "targets": [case.address],
                        "labels": {"instance": name, "__param_target": name, "cluster": "prod"},
                    }
                    for name in ("n1", "n2")
                ],
            },
            {
                "job_name": "vault-exporter",
                "static_configs": [{"targets": [case.address], "labels": {"cluster": "prod"}}],
            },
        ],
    }
    case.rules = {path.name: yaml.load(path.read_text(), yaml.CSafeLoader) for path in sorted(RULES.glob("*.yml"))}
    case.alertmanager = yaml.safe_load(CONFIG.read_text())
    case.alertmanager.pop("templates")
    for one in case.alertmanager["receivers"]:
        for told in one.get("pagerduty_configs", ()):
            told.clear()
            told.update(routing_key="planted", url=f"http://{case.address}/")
        for told in one.get("webhook_configs", ()):
            told["url"] = f"http://{case.address}/"
    case.nodes({})
    case.own({})
    return case


class Stage:
    """The running servers."""

    def __init__(
        self, folder: Path, pages: PageServer, grafana: Grafana, prometheus: Service, alertmanager: Service
    ) -> None:
        self.folder, self.pages, self.grafana = folder, pages, grafana
        self.prometheus, self.alertmanager = prometheus, alertmanager
        self.arguments: tuple[str, ...] = ()
        self.urls: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def good(self) -> Case:
        """A chain without fault."""
        return good_case(self.pages, self.urls["alertmanager"].partition("//")[2])

    def play(self, case: Case) -> None:
        """Load the chain, and wait until Prometheus has scraped and evaluated all of it."""
        number = next(self._numbers)
        rules = self.folder / f"rules-{number % 2}"
        rules.mkdir(exist_ok=True)
        for old in rules.iterdir():
            old.unlink()
        for name, content in case.rules.items():
            (rules / name).write_text(yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False))
        self.pages.pages = case.texts()
        config = copy.deepcopy(case.config)
        config["rule_files"] = [f"{rules}/*.yml"]
        config["scrape_configs"].append({"job_name": f"case-{number}", "static_configs": []})
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        routes = copy.deepcopy(case.alertmanager)
        routes["receivers"].append({"name": f"case-{number}"})
        (self.folder / "alertmanager.yml").write_text(yaml.safe_dump(routes))
        began = time.time()
        self.alertmanager.signal(signal.SIGHUP)
        self.prometheus.signal(signal.SIGHUP)
        self.wait(lambda: f"case-{number}" in self.get("prometheus", "/api/v1/status/config")["data"]["yaml"])
        self.wait(lambda: f"case-{number}" in self.get("alertmanager", "/api/v2/status")["config"]["original"])
        self.wait(lambda: self._is_settled(began))

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait for it, and notice if a server has ended."""

        def holds() -> bool:
            for service in (self.prometheus, self.alertmanager):
                if service.returncode is not None:
                    raise ServiceError(service.tail())
            return condition()

        wait_until(holds, what="the chain is as the case wants it")

    def examined(self, *, until: Callable[[Report], bool]) -> Report:
        """Run the command until its report is as expected; series of the case before go after some scrapes."""
        reports: list[Report] = []

        def is_so() -> bool:
            reports[:] = [examined(*self.arguments)]
            return until(reports[0])

        with contextlib.suppress(ServiceError):
            wait_until_soon(is_so)
        return reports[0]

    @contextlib.contextmanager
    def silenced(self, matchers: list[Json]) -> Iterator[None]:
        """Have a silence in Alertmanager."""
        now = dt.datetime.now(dt.UTC)
        silence = {
            "matchers": matchers,
            "startsAt": now.isoformat(),
            "endsAt": (now + dt.timedelta(hours=1)).isoformat(),
            "createdBy": "test",
            "comment": "test",
        }
        name = self._send("POST", "/api/v2/silences", silence)["silenceID"]
        self.wait(lambda: any(one["id"] == name for one in self.get("alertmanager", "/api/v2/silences")))
        try:
            yield
        finally:
            self._send("DELETE", f"/api/v2/silence/{name}")

    def _send(self, method: str, path: str, body: Json | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - HTTP
            f"{self.urls['alertmanager']}{path}",
            data=json.dumps(body).encode() if body else None,
            headers={"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - HTTP
            return json.loads(answer.read() or b"null")

    def get(self, server: str, path: str) -> Any:
        url = f"{self.urls[server]}{path}"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - HTTP
            return json.load(answer)

    def _is_settled(self, began: float) -> bool:
        targets = self.get("prometheus", "/api/v1/targets?state=active")["data"]["activeTargets"]
        if any(_time(one["lastScrape"]) < began for one in targets if one["scrapeInterval"] == INTERVAL):
            return False
        groups = self.get("prometheus", "/api/v1/rules")["data"]["groups"]
        return all(_time(one["lastEvaluation"]) > began for one in groups if one["interval"] == 1)


def wait_until_soon(condition: Callable[[], bool]) -> None:
    """Wait for at most a minute: what is found then is what the test shows."""
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise ServiceError("not so")


def _time(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


@contextlib.contextmanager
def stage(folder: Path, *, program: str = "prometheus", prefix: str = "") -> Iterator[Stage]:
    """Start the servers once for all cases of a file.

    Args:
        folder: of its own.
        program: which Prometheus.
        prefix: of the paths of Prometheus, as Mimir has one.
    """
    token = folder / "grafana-token"
    token.write_text(f"{TOKEN}\n")
    (folder / "prometheus.yml").write_text("{}\n")
    (folder / "alertmanager.yml").write_text("{route: {receiver: none}, receivers: [{name: none}]}\n")
    ports = free_port(), free_port()
    with (
        PageServer() as pages,
        Grafana() as grafana,
        Service(
            "Alertmanager",
            [
                "prometheus-alertmanager",
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'am'}",
                f"--web.listen-address=127.0.0.1:{ports[1]}",
                "--cluster.listen-address=",
                "--log.level=error",
            ],
            log=folder / "alertmanager.log",
            cwd=folder,
        ) as alertmanager,
        Service(
            "Prometheus",
            [
                program,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{ports[0]}",
                f"--web.external-url=http://127.0.0.1:{ports[0]}{prefix}",
                "--rules.alert.resend-delay=1s",
                # Prometheus marks no series as stale if its whole job is gone.
                "--query.lookback-delta=2s",
                "--log.level=error",
            ],
            log=folder / "prometheus.log",
            cwd=folder,
        ) as prometheus,
    ):
        made = Stage(folder, pages, grafana, prometheus, alertmanager)
        made.urls = {
            "prometheus": f"http://127.0.0.1:{ports[0]}{prefix}",
            "alertmanager": f"http://127.0.0.1:{ports[1]}",
        }
        made.arguments = (
            *("--prometheus", made.urls["prometheus"]),
            *("--alertmanager", made.urls["alertmanager"]),
            *("--grafana", grafana.url, "--grafana-token-file", str(token)),
        )
        for name, service in (("prometheus", prometheus), ("alertmanager", alertmanager)):
            service.wait_until(lambda name=name: is_ready(f"{made.urls[name]}/-/ready"), timeout=PATIENCE)  # type: ignore[misc]
        yield made


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - HTTP
            return bool(answer.status == 200)
    except OSError:
        return False
