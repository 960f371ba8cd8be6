"""What the commands say of a configuration whose targets are discovered."""

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.lab.waiting import PATIENCE
from vault_exporter.cli.table import assembled
from vault_exporter.demo.process import free_port, program


def run(*arguments: str | Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [program("vault-exporter"), *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    return done.returncode, done.stdout, done.stderr


def written(directory: Path, *sources: str) -> Path:
    file = directory / "c.yml"
    file.write_text("discovery:\n" + "".join(f"  - {{{source}}}\n" for source in sources))
    return file


def test_check_names_the_discoveries(tmp_path: Path) -> None:
    file = written(tmp_path, "type: cluster, address: 'http://v:8200', cluster: prod", "type: dns, name: v.svc")
    assert run("check", "--config", file) == (
        0,
        (
            "The configuration is good: listen on :9410, targets: none listed, discovery: cluster http://v:8200, "
            "dns v.svc:8200, audit logs: none.\n"
        ),
        "",
    )


def test_the_policy_for_what_only_a_discovery_finds(tmp_path: Path) -> None:
    cluster = "type: cluster, address: 'http://v:8200', cluster: prod, auth: {method: token, token: t}"
    file = written(tmp_path, cluster, "type: file, path: /t/*.yml")
    assert run("policy", "--config", file, "--target", "v1:8200") == (
        3,
        "",
        (
            "--target: no such target is listed; listed: none. A target that a discovery finds needs what all that it "
            "finds need; for these give --target http://v:8200 or --target /t/*.yml\n"
        ),
    )
    status, policy, _ = run("policy", "--config", file, "--target", "http://v:8200")
    assert status == 0
    assert 'path "sys/ha-status"' in policy
    file.write_text("targets: [{name: n1, address: 'http://v'}]\n")
    assert run("policy", "--config", file, "--target", "v") == (
        3,
        "",
        "--target: no such target is listed; listed: n1\n",
    )
    file.write_text("audit: {logs: [/vault/audit/audit.log]}\n")
    assert run("policy", "--config", file) == (
        3,
        "",
        "there is no target in the configuration; list one under targets or discovery, or set VAULT_ADDR\n",
    )


def test_a_discovery_that_finds_nothing_is_not_well(tmp_path: Path) -> None:
    file = written(tmp_path, f"type: file, path: {tmp_path}/t.json")
    detail = "there is no such file; it is looked for again"
    trouble = f"discovery file {tmp_path}/t.json: cannot discover targets: {detail}\n"
    status, out, _ = run("check", "--online", "--config", file)
    missing = f"warning: {tmp_path}/t.json: there is no such file; it is looked for again. Until then, "
    assert (status, out.splitlines(keepends=True)[1:]) == (
        1,
        [
            f"{missing}file {tmp_path}/t.json finds no targets.\n",
            trouble,
            "Result: 1 check failed; see above.\n",
        ],
    )
    assert run("status", "--config", file) == (1, "There is no target.\n", trouble)


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps([{"targets": [f"http://127.0.0.1:{free_port()}" for _ in range(3)]}]))
    file = written(tmp_path, f"type: file, path: {tmp_path}/t.json, max_targets: 2")
    status, out, _ = run("check", "--online", "--config", file)
    assert status == 1
    more = "1 more left out; raise max_targets if all are meant"
    assert f"\ndiscovery file {tmp_path}/t.json: targets: 2, {more}\n" in out
    assert out.count(": down, ") == 2


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--nothing",),
        ("nothing",),
        ("serve", "--nothing"),
        ("status", "--config"),
        ("doctor",),
        ("doctor", "--prometheus", "127.0.0.1:9090"),
        ("demo", "--duration", "1"),
        ("replay", "--json", "--metrics", "-"),
        ("rules", "--format", "json"),
        ("rules", "--set", "job"),
        ("healthcheck", "--nothing"),
    ],
    ids=" ".join,
)
def test_wrong_usage_has_one_exit_status(words: tuple[str, ...]) -> None:
    assert CliRunner().invoke(assembled(words), words).exit_code == 3
