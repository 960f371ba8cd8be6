"""A backtest equals what a real Prometheus did; ``make backtest-test`` does the same for an hour, with each version."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.backtest.equal import assert_equal, assert_promise
from tests.backtest.played import Played, played, run
from tests.lab.waiting import PATIENCE
from vault_exporter.cli.table import assembled
from vault_exporter.demo.process import free_port
from vault_exporter.diagnose.backtest.history import History
from vault_exporter.diagnose.backtest.rules import of_file
from vault_exporter.diagnose.backtest.run import Backtest, Period
from vault_exporter.diagnose.doctor.read.api import Api
from vault_exporter.diagnose.doctor.read.http_config import load_http_config

SECONDS = 20.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with played(tmp_path_factory.mktemp("played"), "prometheus", SECONDS) as made:
        yield made


def test_it_equals_the_alerts_of_the_server(server: Played) -> None:
    assert_equal(server, SECONDS)


def test_a_suggestion_keeps_its_promise(server: Played, tmp_path: Path) -> None:
    assert_promise(server, SECONDS, tmp_path)


def test_the_report_names_what_has_no_data_and_what_is_not_counted(server: Played, tmp_path: Path) -> None:
    picture = tmp_path / "firings.png"
    said = run("--backtest", server.url, "--days", "0.002", "--against", str(server.rules), "--plot", str(picture))
    assert "inhibition, grouping and silences are not counted" in said
    assert "VaultInhibitor: it depends on the states of other alerts (ALERTS)" in said
    assert "  VaultHostMemoryLow: vault_host_memory_total_bytes{" in said.partition("No data:")[2]
    assert "- page   PlayedFor" in said
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_groups_are_evaluated_at_the_moments_of_the_server(server: Played, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text("""
groups:
  - {name: alerts, interval: 1s, rules: [{alert: PlayedClock, expr: a}]}
  - {name: recorded, interval: 1s, rules: [{record: "cluster:played:max", expr: a}, {alert: New, expr: a}]}
  - {name: slow, interval: 1s, rules: [{alert: New, expr: a}]}
  - {name: unknown, interval: 1s, rules: [{alert: New, expr: a}]}
""")

    async def phases() -> tuple[list[int], int]:
        now = int(time.time() * 1000)
        async with Api("Prometheus", "--backtest", server.url, load_http_config(None, https=False), PATIENCE) as api:
            history = History(api, lambda _: None, 30)
            said = await history.server()
            run = Backtest(history, said, Period(now - 60_000, now))
            return [one.phase for one in await run.alerts(of_file(rules))], said.evaluated["slow"] % 1000

    made, of_slow = asyncio.run(phases())
    clock = round(server.evaluated_until() * 1000) % 1000
    assert made == [clock, clock, of_slow, 0]


def test_without_matplotlib_the_extra_is_named(server: Played, tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError\n")
    command = [sys.executable, "-m", "vault_exporter", "rules", "--backtest", server.url, "--days", "0.001"]
    result = subprocess.run(
        [*command, "--profile", "core", "--plot", "firings.png"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "pip install 'vault-exporter[plot]'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suggest", "2"], "--suggest needs --backtest URL"),
        (["--backtest", "prometheus:9090"], "--backtest: not a URL such as"),
        (["--backtest", "http://127.0.0.1:9", "--suggest", "1", "--json"], "--suggest prints a file of overrides"),
        (["--backtest", "http://["], "--backtest: not a URL such as http://127.0.0.1:9090"),
        (["--backtest", "http://[::1"], "--backtest: not a URL such as"),
        (["--backtest", "http://127.0.0.1:9", "--interval", "soon"], "--interval: 'soon' is not a duration"),
        (["--backtest", "http://127.0.0.1:9", "--interval", "1ms"], "--interval: at least 1s is expected"),
        (["--backtest", "http://127.0.0.1:9", "--interval", "0"], "--interval: at least 1s is expected"),
        (["--backtest", "http://127.0.0.1:9", "--days", "nan"], "--days"),
        (["--days", "3"], "--days needs --backtest URL"),
        (["--days", "30"], "--days needs --backtest URL"),
        (["--backtest", "http://127.0.0.1:9", "--format", "operator"], "--format operator is not for --backtest"),
        (["--backtest", "http://127.0.0.1:9", "--datasource", "x"], "--datasource is not for --backtest"),
        (["--backtest", "http://127.0.0.1:9", "--parameters"], "--parameters and --backtest: give one of them"),
        (["--backtest", "http://127.0.0.1:9", "--against", "missing.yml"], "missing.yml"),
    ],
)
def test_wrong_options_are_said(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(assembled(["rules"]), ["rules", *arguments])
    assert result.exit_code == 3
    assert message in result.output


def test_a_server_that_is_not_there_is_said() -> None:
    result = CliRunner().invoke(assembled(["rules"]), ["rules", "--backtest", f"http://127.0.0.1:{free_port()}"])
    assert result.exit_code == 1
    assert "Prometheus" in result.output
