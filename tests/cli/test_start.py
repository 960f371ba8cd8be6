"""What ``serve`` imports, and its options, which it reads without typer."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.lab.waiting import PATIENCE
from vault_exporter.checks import Flags
from vault_exporter.cli import names, start
from vault_exporter.cli.serve import serve
from vault_exporter.demo.process import program
from vault_exporter.util.logging import LogFormat, LogLevel

OPTIONS = {
    name: (parameter, next(one for one in get_args(parameter.annotation) if hasattr(one, "param_decls")))
    for name, parameter in inspect.signature(serve).parameters.items()
}
"""The command's parameters, each with what typer makes an option of."""
NEEDED_BY_FEW = {"bcrypt", "hvac", "jinja2", "markdown_it", "pydantic", "requests", "typer", "yaml"}


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [program("vault-exporter"), "serve", *arguments], check=False, capture_output=True, text=True, timeout=PATIENCE
    )


def _declared(option: Any) -> tuple[str, ...]:
    """Return the names that were given to an option; in an annotation the first takes the place of its default."""
    return tuple(one for one in (option.default, *option.param_decls) if isinstance(one, str))


def test_its_options_are_those_of_the_command() -> None:
    declared = {
        flag: name
        for name, (_, option) in OPTIONS.items()
        for flag in _declared(option) or (f"--{name.replace('_', '-')}",)
    }
    assert declared == names.flags_of() | names.flags_of(switch=True)
    switches = {name for name, one in names.OPTIONS.items() if one.switch}
    assert switches == {name for name, (one, _) in OPTIONS.items() if one.default is False}


def test_all_options_at_once(tmp_path: Path) -> None:
    config = tmp_path / "vault-exporter.yml"
    config.write_text("{}")
    words = f"-c {config} --listen :1 --web.listen-address=:2 --web.config.file w.yml --web.enable-lifecycle"
    more = "--shard 0/4 --address http://n1:8200 --token-file t --namespace=a=b --audit-from-start --audit-log -"
    logs = "--audit-log=a.log --audit-checkpoint /nonexistent/c --log-format json --log-level debug"
    flags = Flags(
        listen=":2",
        web_config_file="w.yml",
        web_enable_lifecycle=True,
        shard="0/4",
        address="http://n1:8200",
        token_file="t",
        namespace="a=b",
        audit_logs=("-", "a.log"),
        audit_from_start=True,
        audit_checkpoint="/nonexistent/c",
    )
    assert start.read(f"{words} {more} {logs}".split()) == (config, flags, LogFormat.JSON, LogLevel.DEBUG)


def test_no_option_at_all() -> None:
    assert start.read(()) == (None, Flags(), LogFormat.LOGFMT, LogLevel.INFO)


def test_a_variable_counts_where_the_option_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_EXPORTER_CONFIG", "c.yml")
    monkeypatch.setenv("VAULT_EXPORTER_LISTEN", ":3")
    monkeypatch.setenv("VAULT_EXPORTER_SHARD", "")
    config, flags, _, _ = start.read(["--listen", ":4"]) or pytest.fail("not read")
    assert (config, flags) == (Path("c.yml"), Flags(listen=":4"))
    _, flags, _, _ = start.read(()) or pytest.fail("not read")
    assert flags == Flags(listen=":3")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("--help", 0, "Serve metrics until SIGTERM or Ctrl-C"),
        ("--lisden :1", 3, "No such option"),
        ("--listen", 3, "requires an argument"),
        ("--web.enable-lifecycle=yes", 3, "does not take a value"),
        ("--log-level loud", 3, "'loud' is not one of"),
        ("n1", 3, "unexpected extra argument"),
        ("--config /nonexistent", 3, "/nonexistent"),
        ("--log-level error --config /nonexistent", 3, "/nonexistent"),
        ("--address http://127.0.0.1:1 --listen 192.0.2.1:9410", 1, "cannot listen on 192.0.2.1:9410"),
    ],
)
def test_help_and_errors(words: str, status: int, said: str) -> None:
    done = run(*words.split())
    assert done.returncode == status
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words", ["--help", "--lisden :1", "--listen", "--listen --shard", "-c=a", "--log-level loud", "n1"]
)
def test_the_rest_is_left_to_the_command(words: str) -> None:
    assert start.read(words.split()) is None


def test_it_imports_only_what_these_settings_need() -> None:
    listening = ("--address", "http://127.0.0.1:1", "--listen", "192.0.2.1:9410")  # it starts, and cannot listen
    command = [sys.executable, "-X", "importtime", "-m", "vault_exporter", "serve", *listening]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)
    assert "cannot listen" in done.stderr
    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert {"aiohttp", "structlog", "vault_exporter.app", "vault_exporter.vault.auth.token_manager"} <= names
    roots = {name.partition(".")[0] for name in names}
    assert roots & NEEDED_BY_FEW == set()
    assert not names & {"cryptography.x509", "rich.console", "rich.traceback"}


def test_the_default_trust_of_aiohttp_is_read_by_nobody() -> None:
    script = (
        "import os; os.environ['SSL_CERT_FILE'] = 'given'\n"
        "from vault_exporter.cli import load; load(['serve'])\n"
        "from aiohttp import connector\n"
        "print(os.environ['SSL_CERT_FILE'], connector._SSL_CONTEXT_VERIFIED.get_ca_certs())"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout == "given []\n"
