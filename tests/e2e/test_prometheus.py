"""What a real Prometheus makes of the pages, against what it makes of Vault's own."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.conftest import StartExporter
from tests.lab import api
from tests.lab.relay import text_relay
from tests.lab.waiting import wait_until
from vault_exporter.demo.openbao import Server, dev_server
from vault_exporter.demo.process import free_port
from vault_exporter.demo.prometheus import Prometheus

TOKEN = "root"
RETENTION = 10
"""Seconds after which Vault forgets a series that was not updated."""
EVERY = 20
"""Seconds between two writes: each finds the series gone."""
WINDOW = 120


@pytest.fixture
def shorter(request: pytest.FixtureRequest) -> int:
    """What the times above are divided by."""
    return 1 if request.config.getoption("--full-length") else 4


@pytest.fixture
def server(tmp_path: Path, shorter: int) -> Iterator[Server]:
    (tmp_path / "bao").mkdir()
    retention = f"{RETENTION * 1000 // shorter}ms"
    with dev_server(tmp_path / "bao", root_token=TOKEN, retention=retention, unauthenticated_metrics=True) as server:
        yield server


def test_increase_is_right_where_vault_forgets(
    server: Server, start_exporter: StartExporter, tmp_path: Path, shorter: int
) -> None:
    exporter = start_exporter(targets=[{"name": "dev", "address": server.address}])
    url = f"{exporter.address}/probe?target=dev"
    node, ours = urlsplit(server.address).netloc, urlsplit(exporter.address).netloc
    (tmp_path / "prometheus").mkdir()
    with text_relay(url) as relay:
        jobs: list[dict[str, Any]] = [
            {
                "job_name": "vault",
                "metrics_path": "/probe",
                "params": {"target": ["dev"]},
                "static_configs": [{"targets": [ours]}],
            },
            {"job_name": "text", "static_configs": [{"targets": [relay]}]},
            {
                "job_name": "direct",
                "metrics_path": "/v1/sys/metrics",
                "params": {"format": ["prometheus"]},
                "static_configs": [{"targets": [node]}],
            },
        ]
        with Prometheus(tmp_path / "prometheus", jobs, port=free_port()) as prometheus:
            window, every = WINDOW // shorter, EVERY / shorter
            wait_until(lambda: {target.health for target in prometheus.targets()} == {"up"}, what="all scraped")
            written: list[float] = []

            def wrote_for_long_enough() -> bool:
                if not written or time.monotonic() - written[-1] >= every:
                    # Cubbyhole is plain storage: one write is one put of the barrier.
                    assert api.call(server.address, "PUT", "cubbyhole/a", TOKEN, value="x").status == 204
                    written.append(time.monotonic())
                return written[-1] - written[0] > window

            wait_until(wrote_for_long_enough, what="the writes")
            # The last one was this moment, and may not be scraped yet: it is the one event of doubt.
            within = sum(time.monotonic() - at < window for at in written)
            increase = f"increase(vault_barrier_put_count{{job=%r}}[{window}s])"
            assert abs((prometheus.value(increase % "vault") or 0) - within) <= 1
            assert abs((prometheus.value(increase % "text") or 0) - within) <= 1
            # The same scrapes of the same server, without the exporter between.
            assert prometheus.value("count(up{job='direct'} == 1)") == 1
            assert (prometheus.value(increase % "direct") or 0) < within - 1

            # No scrape was refused, in either format: a page with one bad line is, whole.
            for job in ("vault", "text"):
                assert prometheus.value(f"min_over_time(up{{job={job!r}}}[{window}s])") == 1
                assert prometheus.value(f"vault_up{{job={job!r}}}") == 1
