"""The command for a container's health check, in front of what is no exporter."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab import faulty
from tests.lab.waiting import PATIENCE
from vault_exporter.demo.process import free_port, program


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (faulty.garbage, "not with HTTP"),
        (faulty.silent, "not in time"),
        (faulty.resets, "Connection reset by peer"),
        (None, "Connection refused"),
    ],
)
def test_it_says_what_is_wrong_within_its_time(behaviour: faulty.Behaviour | None, said: str) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(faulty.listening(behaviour)) if behaviour else free_port()
        done = subprocess.run(
            [program("vault-exporter"), "healthcheck", "--listen", f":{port}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"vault-exporter does not answer on :{port}: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


HEAVY = {"aiohttp", "asyncio", "hvac", "msgspec", "rich", "ssl", "structlog", "typer", "yaml"}


def imported(*arguments: str) -> set[str]:
    """Run the command, and return the names of the modules that it imported."""
    command = [sys.executable, "-X", "importtime", "-m", "vault_exporter", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("arguments", [("--version",), ("healthcheck", "--listen", "127.0.0.1:1")])
def test_it_imports_next_to_nothing(arguments: tuple[str, ...]) -> None:
    names = imported(*arguments)
    assert "vault_exporter.cli" in names
    assert not names & HEAVY
    ours = {name for name in names if name.startswith("vault_exporter.")}
    assert ours <= {"vault_exporter.cli", "vault_exporter.cli.names", "vault_exporter.cli.probe"}


def test_a_command_imports_no_other_command() -> None:
    names = imported("metrics", "--help")
    assert "vault_exporter.metrics.describe" in names
    assert not names & {"aiohttp", "hvac", "vault_exporter.cli.options", "vault_exporter.serve"}


def test_a_start_leaves_out_what_only_people_look_at() -> None:
    names = imported("serve", "--config", "/nonexistent")
    assert {"structlog", "vault_exporter.app"} <= names
    assert not names & {"jinja2", "markdown_it", "rich.traceback", "rich.console", "grafanalib"}


def test_replay_imports_nothing_of_the_network(tmp_path: Path) -> None:
    names = imported("replay", str(tmp_path / "missing.log"))
    assert {"vault_exporter.audit.replay.run", "vault_exporter.checks"} <= names
    assert not names & {"aiohttp", "asyncio", "hvac", "prometheus_client", "structlog", "vault_exporter.scrape"}


def test_the_help_and_wrong_options_are_those_of_the_command() -> None:
    for arguments, status, said in (
        (("--help",), 0, "Check the health of the exporter"),
        (("healthcheck", "--help"), 0, "--web.listen-address"),
        (("healthcheck", "--lisden", ":1"), 3, "No such option"),
        (("healthcheck", "--listen"), 3, "requires an argument"),
        (("healthchek",), 3, "No such command"),
    ):
        done = subprocess.run(
            [program("vault-exporter"), *arguments], check=False, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == status
        assert said in done.stdout + done.stderr
