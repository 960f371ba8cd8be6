"""A plain value is looked up by its hash at a real server, and found in that server's own log."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.audit.reports.test_reports import run
from tests.lab.api import call
from vault_exporter.demo.openbao import dev_server

HASHED = "timeline @hashed"


class Server(NamedTuple):
    """A server with an audit log, and a token that used it."""

    address: str
    log: Path
    root: Path
    """File with the root token."""
    token: str
    accessor: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    root, log = f"root-{secrets.token_hex(8)}", folder / "audit.log"
    with dev_server(folder, root_token=root, audit_log=log) as running:
        made = call(running.address, "POST", "auth/token/create", root, policies=["default"]).body["auth"]
        call(running.address, "GET", "auth/token/lookup-self", made["client_token"])
        file = folder / "root-token"
        file.write_text(root)
        yield Server(running.address, log, file, made["client_token"], made["accessor"])


def options(server: Server, device: str = "file") -> list[str]:
    return ["--hash-with", device, "--vault-addr", server.address, "--token-file", str(server.root)]


@pytest.mark.parametrize("value", ["token", "accessor"])
@pytest.mark.parametrize("from_file", [True, False])
def test_a_plain_value_is_found(server: Server, tmp_path: Path, value: str, *, from_file: bool) -> None:
    plain = tmp_path / "plain"
    plain.write_text(getattr(server, value) + "\n")
    more = ["--plain", plain] if from_file else []
    stdin = None if from_file else plain.read_text()
    said = run(server.log, "--json", "--report", HASHED, *options(server), *more, stdin=stdin)
    assert getattr(server, value) not in said
    rows = json.loads(said)["reports"][0]["tables"]["requests"]["rows"]
    assert [row["path"] for row in rows] == ["auth/token/create", "auth/token/lookup-self"]


@pytest.mark.parametrize(
    ("device", "stdin", "error", "status"),
    [
        ("other", "x\n", "; the token needs 'update' on sys/audit-hash/other, and the device must be enabled\n", 1),
        ("file", "\n", "--plain: the value is empty\n", 3),
        (
            "../../sys/seal",
            "x\n",
            "--hash-with: not an audit device; write it as vault audit list shows it, like file\n",
            3,
        ),
        ("file?x=y", "x\n", "--hash-with: not an audit device; write it as vault audit list shows it, like file\n", 3),
    ],
)
def test_what_goes_wrong(server: Server, device: str, stdin: str, error: str, status: int) -> None:
    said = run(server.log, "--report", HASHED, *options(server, device), status=status, stdin=stdin)
    assert said.endswith(error)


def test_a_server_that_does_not_answer(server: Server, tmp_path: Path) -> None:
    gone = server._replace(address="http://127.0.0.1:1")
    said = run(server.log, "--report", HASHED, *options(gone), status=1, stdin=server.token)
    assert said.startswith("--hash-with: login: auth/token/lookup-self: refused")
    assert server.token not in said
    missing = tmp_path / "missing"
    said = run(server.log, "--report", HASHED, *options(server), "--plain", missing, status=3)
    assert said == f"--plain: {missing}: cannot be read: No such file or directory\n"
