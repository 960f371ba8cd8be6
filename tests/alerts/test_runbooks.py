"""The runbooks: one an alert, with all that it must say, and commands that exist."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.alerts.promql import KNOWN
from tests.alerts.runbooks import RUNBOOKS, Command, commands, pairs
from tests.lab.api import initialize, unseal
from tests.lab.nodes import raft_node
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.alert_rules import load
from vault_exporter.alert_rules.rules import alerts
from vault_exporter.demo.process import program

TABLES: Final = {"vault_kv_store", "vault_ha_locks"}
"""Of Vault in PostgreSQL, which runbooks name."""
SECTIONS: Final = ["Meaning", "Impact", "Diagnosis", "Mitigation", "False positives"]

RENAMED: Final = {
    "operator rotate-keys": "operator rekey",
    "write -force sys/rotate": "operator rotate",
    "read sys/key-status": "operator key-status",
}
"""What the two programs call by other names."""
VAULT_ONLY: Final = {"vault license get"}

EVERY: Final = sorted({command for path in RUNBOOKS for command in commands(path)})
PAIRS: Final = sorted({pair for path in RUNBOOKS for pair in pairs(path)})
READING: Final = sorted(
    command.text
    for command in EVERY
    if re.fullmatch(
        r"bao (status|read|list|policy list|(audit|auth|secrets) list|token capabilities|operator members"
        r"|operator raft (list-peers|autopilot state)|operator \S+ -status)( [^A-Z]+)?",
        command.text,
    )
)
"""Those that change nothing, and that have no word to be replaced."""


def test_they_are_one_to_one() -> None:
    assert {path.stem for path in RUNBOOKS} == set(alerts(load()))


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_what_each_says(path: Path) -> None:
    text = path.read_text()
    assert text.startswith(f"# {path.stem}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    bodies = re.split(r"^## .*$", text, flags=re.MULTILINE)[1:]
    assert all(body.strip() for body in bodies)
    assert {command.program for command in commands(path)} == {"bao", "vault"}
    named = set(re.findall(r"\b(vault_\w+)\b", text)) - {"vault_exporter", *TABLES}
    assert named <= set(KNOWN), "metrics that do not exist"
    # Neither a token nor a key: of OpenBao (s., b.), of Vault (hvs., hvb.), or a share (44 characters of base64).
    assert not re.search(r"\b(hv[sb]|[sb])\.[A-Za-z0-9]{20,}|[A-Za-z0-9+/]{43}=", text)


def run(directory: Path, command: Command, address: str, token: str) -> subprocess.CompletedProcess[str]:
    """Run it as `bao`, whichever it is of."""
    return subprocess.run(
        [program("bao"), *command.arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=directory,
        env=os.environ | {"BAO_ADDR": address, "BAO_TOKEN": token, "BAO_MAX_RETRIES": "0"},
    )


@pytest.mark.parametrize("command", [one for one in EVERY if one.text not in VAULT_ONLY], ids=lambda one: one.text)
def test_bao_takes_it(command: Command, tmp_path: Path) -> None:
    """Without a server, `bao` takes flags and arguments in, and only then finds nobody.

    Vault's own program is not free and not here; what is the same but for its name is tried as `bao`.
    """
    (tmp_path / "FILE").write_text("")
    said = run(tmp_path, command, "http://127.0.0.1:1", "any").stdout
    ends = [
        "connection refused",
        "attempting to ask for an unseal key",  # it does not read from a pipe
        "Vault Diagnose",  # which asks no server
    ]
    if not command.is_whole:  # the name of a command, without its arguments
        ends += [
            r"expected \S+, got \d",
            r"Must supply .*data",
            "audit type missing",
            "Must specify a configuration file",
        ]
    assert re.search("|".join(ends), said), said


@pytest.mark.parametrize(("with_bao", "with_vault"), PAIRS)
def test_with_vault_it_is_the_same(with_bao: str, with_vault: str) -> None:
    for of_bao, of_vault in RENAMED.items():
        if with_bao.startswith(of_bao):
            assert with_vault == with_bao.replace(of_bao, of_vault)
            return
    # Cut short, or the name only.
    assert f"{with_bao} ".startswith(f"{with_vault.removesuffix('...').strip()} ")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    with raft_node(tmp_path_factory.mktemp("runbooks")) as node:
        token, keys = initialize(node.address)
        unseal(node.address, keys)
        wait_until(lambda: node.health() == 200, what="active")
        yield node.address, token


@pytest.mark.parametrize("text", READING)
def test_a_server_answers_it(server: tuple[str, str], text: str, tmp_path: Path) -> None:
    done = run(tmp_path, Command(text, is_whole=True), *server)
    # An empty list, or nothing at a path that is there, ends with 2 and says no more.
    assert done.returncode == 0 or re.search(r"^No (value|.* enabled|audit)", done.stdout, re.MULTILINE), done.stdout


def test_enough_is_found() -> None:
    """The expressions above could find nothing, and nothing would fail."""
    assert len(EVERY) > 130
    assert len(PAIRS) > 60
    assert len(READING) > 20
