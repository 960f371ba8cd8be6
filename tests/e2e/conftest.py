"""The exporter as its users run it, in front of real servers."""

import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.waiting import PATIENCE
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.page import ScrapedPage, parse
from vault_exporter.demo.process import free_port
from vault_exporter.metrics.exposition import Format

StartExporter = Callable[..., ExporterProcess]


@contextmanager
def exporters(directory: Path) -> Iterator[StartExporter]:
    """Start ``vault-exporter serve`` with the given configuration (top-level keys)."""
    with ExitStack() as stack:

        def start(*arguments: str, env: dict[str, str] | None = None, **config: Any) -> ExporterProcess:
            port = free_port()
            file = directory / f"vault-exporter-{port}.yml"
            file.write_text(yaml.safe_dump({"listen": f"127.0.0.1:{port}", **config}))
            log = directory / f"vault-exporter-{port}.log"
            return stack.enter_context(ExporterProcess(["--config", file, *arguments], port=port, log=log, env=env))

        yield start


@pytest.fixture
def start_exporter(tmp_path: Path) -> Iterator[StartExporter]:
    with exporters(tmp_path) as start:
        yield start


def probe(exporter: ExporterProcess, name: str, timeout: float = 60.0) -> ScrapedPage:
    """Scrape one target as Prometheus does with this timeout."""
    request = urllib.request.Request(  # noqa: S310 - HTTP
        f"{exporter.address}/probe?target={name}", headers={"X-Prometheus-Scrape-Timeout-Seconds": str(timeout)}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310 - HTTP
        return parse(response.read(), Format.TEXT)


def reason(page: ScrapedPage) -> str:
    """Why vault_up is 0; empty while it is 1."""
    reasons = [one.labels["reason"] for one in page.series("vault_up_failure_reason") if one.value]
    assert len(reasons) == (page.value("vault_up") == 0)
    return reasons[0] if reasons else ""
