"""Run a real Prometheus if it is installed, and query its API.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import yaml

from vault_exporter.demo.process import OPENER, Service, ServiceError, is_ready

__all__ = ["Prometheus", "PrometheusTarget", "Rule", "Value"]


class Value(NamedTuple):
    """One series of an instant query."""

    labels: dict[str, str]
    value: float


class Rule(NamedTuple):
    """An alert rule as Prometheus sees it."""

    name: str
    health: str
    """``ok``, ``err``, or ``unknown`` before its first evaluation."""
    state: str
    """``inactive``, ``pending`` or ``firing``."""
    severity: str
    """Its label; empty without one."""


class PrometheusTarget(NamedTuple):
    """A scraped endpoint."""

    job: str
    health: str
    """``up``, ``down``, or ``unknown`` before the first scrape."""
    last_error: str


class Prometheus:
    """A running Prometheus. Use it as a context manager, which stops it."""

    def __init__(
        self,
        directory: Path,
        jobs: Sequence[Mapping[str, Any]],
        *,
        port: int,
        rules: Sequence[Path] = (),
        interval: float = 1.0,
        alertmanager: str | None = None,
    ) -> None:
        """Start it and wait until it is ready.

        Args:
            directory: an existing directory of its own, for its configuration, data and output.
            jobs: its ``scrape_configs``.
            port: to listen on, of 127.0.0.1.
            rules: files of rules.
            interval: seconds between scrapes, and between evaluations of rules.
            alertmanager: host and port of one to send alerts to.

        Raises:
            ServiceError: it is not installed, or does not start.
        """
        binary = shutil.which("prometheus")
        if binary is None:
            raise ServiceError("Prometheus is missing; install it with: apt-get install prometheus")
        self.address = f"http://127.0.0.1:{port}"
        config = directory / "prometheus.yml"
        seconds = f"{round(interval * 1000)}ms"
        config.write_text(
            yaml.safe_dump(
                {
                    "global": {
                        "scrape_interval": seconds,
                        "scrape_timeout": seconds,
                        "evaluation_interval": seconds,
                    },
                    "rule_files": [str(path) for path in rules],
                    "alerting": {
                        "alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}] if alertmanager else []
                    },
                    "scrape_configs": list(jobs),
                },
                sort_keys=False,
            )
        )
        self.service = Service(
            "Prometheus",
            [
                binary,
                f"--config.file={config}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                # Alerts sent during a reload of the configuration get lost, and are sent again after this delay.
                "--rules.alert.resend-delay=5s",
                "--log.level=warn",
            ],
            log=directory / "prometheus.log",
            cwd=directory,
        )
        try:
            self.service.wait_until(self._ready, timeout=60)
        except BaseException:
            self.service.stop()
            raise

    def query(self, expression: str) -> list[Value]:
        """Ask for the present value of an expression.

        Raises:
            ServiceError: it refuses the expression, or does not answer.
        """
        answer = self._get("query", query=expression)
        result = answer["result"]
        if answer["resultType"] == "scalar":
            return [Value({}, float(result[1]))]
        return [Value(series["metric"], float(series["value"][1])) for series in result]

    def value(self, expression: str) -> float | None:
        """Ask for the present value of an expression with one series; None where there is none, or several."""
        values = self.query(expression)
        return values[0].value if len(values) == 1 else None

    def samples(self, expression: str) -> list[list[float]]:
        """Ask for the raw samples of a range selector, such as ``up[5m]``: those of each series, the oldest first.

        Raises:
            ServiceError: it refuses the expression, or does not answer.
        """
        return [
            [float(value) for _, value in series["values"]] for series in self._get("query", query=expression)["result"]
        ]

    def rules(self) -> tuple[Rule, ...]:
        """Return its alert rules.

        Raises:
            ServiceError: it does not answer.
        """
        return tuple(
            Rule(rule["name"], rule["health"], rule["state"], rule["labels"].get("severity", ""))
            for group in self._get("rules", type="alert")["groups"]
            for rule in group["rules"]
        )

    def targets(self) -> tuple[PrometheusTarget, ...]:
        """Return the endpoints it scrapes.

        Raises:
            ServiceError: it does not answer.
        """
        return tuple(
            PrometheusTarget(target["labels"]["job"], target["health"], target["lastError"])
            for target in self._get("targets", state="active")["activeTargets"]
        )

    def stop(self) -> None:
        """End it."""
        self.service.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ready(self) -> bool:
        return is_ready(self.address)

    def _get(self, what: str, **parameters: str) -> dict[str, Any]:
        url = f"{self.address}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with OPENER.open(url, timeout=10) as response:
                data: dict[str, Any] = json.load(response)["data"]
                return data
        except urllib.error.HTTPError as error:
            with error:
                raise ServiceError(f"Prometheus: {what}: {json.load(error).get('error', error.reason)}") from error
        except (OSError, ValueError) as error:
            raise ServiceError(f"Prometheus does not answer: {error}") from error
