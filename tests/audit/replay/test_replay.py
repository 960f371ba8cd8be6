"""The command: the same figures however it reads, and nothing in its output that should not be there."""

import contextlib
import gzip
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from tests.audit.top.test_observers import TOKEN, line
from tests.lab.waiting import PATIENCE
from vault_exporter.cli.table import assembled
from vault_exporter.demo.process import program

RECORDED = Path(__file__).parents[2] / "data" / "audit" / "openbao.jsonl"


def run(*arguments: str | Path, status: int = 0) -> str:
    """Run the command within this process; a new one takes a second to start."""
    result = CliRunner().invoke(assembled(()), ["replay", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result.stderr if status else result.stdout


def run_program(*arguments: str | Path, stdin: bytes = b"") -> str:
    command = [program("vault-exporter"), "replay", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=PATIENCE, check=True).stdout.decode()


def summary(*arguments: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("--json", *arguments))
    return found


def test_a_recorded_log(tmp_path: Path) -> None:
    whole = summary(RECORDED)
    lines = [json.loads(entry) for entry in RECORDED.read_bytes().splitlines()]
    requests = [entry for entry in lines if entry["type"] == "request"]
    assert whole["requests"] == len(requests)
    assert whole["responses"] == len(lines) - len(requests)
    assert sum(whole["operations"].values()) == len(requests)
    assert sum(mount["requests"] for mount in whole["mounts"]) == len(requests)
    assert sum(mount["errors"] for mount in whole["mounts"]) == sum(whole["errors"].values()) > 0
    paths = [entry["request"]["path"] for entry in requests]
    assert whole["top"]["paths"][0]["at_least"] == max(map(paths.count, paths))
    assert sum(one["count"] for one in whole["latency"]) + whole["unanswered"] <= len(requests)
    assert whole["rejected"] == {}
    assert whole["files"][0]["read_bytes"] == RECORDED.stat().st_size

    packed = tmp_path / "audit.log-20261124.gz"
    packed.write_bytes(gzip.compress(RECORDED.read_bytes()))
    piped = json.loads(run_program("--json", "-", stdin=packed.read_bytes()))
    for other in (summary(packed), piped):
        assert {**other, "files": 0} == {**whole, "files": 0}


def test_a_file_that_is_given_twice_counts_once(tmp_path: Path) -> None:
    log, link = tmp_path / "audit.log", tmp_path / "current"
    log.write_bytes(line("secret/data/a"))
    link.symlink_to(log)
    command = [str(program("vault-exporter")), "replay", "--json", *map(str, (log, log, link))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert json.loads(done.stdout)["requests"] == 1
    assert done.stderr == (
        f"{log} is given twice; it is counted once\n{link} is given twice as {log}; it is counted once\n"
    )


def test_several_processes_say_what_one_says(tmp_path: Path) -> None:
    names = []
    for number in range(3):
        path = tmp_path / f"audit.log.{number}"
        path.write_bytes(
            b"".join(
                line(f"secret/data/{n}", client=f"c{n % 7}", at=1_795_521_600 + n) for n in range(number * 500, 1500)
            )
        )
        names.append(path)
    config = tmp_path / "c.yml"
    config.write_text("audit: {paths: ['secret/data/{n}'], max_path_values: 5000}\n")
    one, several = summary("--jobs", "1", *names), json.loads(run_program("--json", "--jobs", "3", *names))
    assert one == several
    assert one["requests"] == 3000
    assert one["top"]["distinct_clients"] == 7
    metrics = run("--metrics", "-c", config, "--jobs", "1", *names)
    samples = [s for f in text_string_to_metric_families(metrics) for s in f.samples]
    made = [s for s in samples if s.name == "vault_audit_path_requests_total"]
    assert len(made) == 1500
    assert sum(s.value for s in made) == 3000


def test_rules_and_exclusions_of_the_configuration_hold(tmp_path: Path) -> None:
    log, config = tmp_path / "audit.log", tmp_path / "c.yml"
    log.write_bytes(line(name="token") + line(name="monitor") + line(name="monitor", kind="response"))
    config.write_text("targets: nonsense\naudit: {exclude: {display_names: [monitor]}}\n")
    assert summary("-c", config, log)["requests"] == 1
    config.write_text("audit: {exclud: {}}\n")
    assert run("-c", config, log, status=3).startswith(f"{config}:1: audit.exclud: unknown key; did you mean exclude?")


def test_templates_of_paths(tmp_path: Path) -> None:
    log, config = tmp_path / "audit.log", tmp_path / "c.yml"
    log.write_bytes(
        line("secret/data/a")
        + line("secret/data/b") * 2
        + line("secret/data/b", error="permission denied", kind="response")
        + line("secret/data/c") * 4
        + line("other/data/a")
    )
    config.write_text("audit: {paths: ['secret/data/{app}'], max_path_values: 2}\n")
    template = "secret/data/{app}"
    expected = [
        {"template": template, "path": "other", "requests": 4, "errors": 0},
        {"template": template, "path": "secret/data/b", "requests": 2, "errors": 1},
        {"template": template, "path": "secret/data/a", "requests": 1, "errors": 0},
    ]
    assert summary("-c", config, log)["templates"] == expected
    assert summary("-c", config, "--top", "1", log)["templates"] == expected[:1]
    assert "Paths of audit.paths" in run("-c", config, log)
    assert summary(log)["templates"] == []
    assert "audit.paths" not in run(log)


def test_for_people(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(line("secret/[red]a[/red]") + line(r"secret/\u001b[2J\u202eb") + b"torn\n")
    text = run(log)
    for wanted in (
        "1 file(s), 0.0 MB, 2026-11-24 12:00:00 UTC to 2026-11-24 12:00:00 UTC",
        "Busiest paths",
        "secret/[red]a[/red]",
        r"secret/\x1b[2J\u202eb",
        "Lines that are no entry",
        "not_json",
    ):
        assert wanted in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_labels_are_exact_for_prometheus_and_visible_on_a_terminal(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    request = {
        "id": "1",
        "operation": "read",
        "path": "kv/a",
        "mount_type": "kv",
        "mount_point": "kv\u202e\u2028/",
    }
    log.write_text(json.dumps({"time": "2026-11-24T12:00:00Z", "type": "request", "request": request}))
    assert f'mount_point="{request["mount_point"]}"' in run("--metrics", log)
    ours, its = os.openpty()
    command = [str(program("vault-exporter")), "replay", "--metrics", str(log)]
    with subprocess.Popen(command, stdout=its, stderr=subprocess.DEVNULL) as process:
        os.close(its)
        text = b""
        with contextlib.suppress(OSError):  # how a terminal ends
            while block := os.read(ours, 65536):
                text += block
        os.close(ours)
    assert process.returncode == 0
    assert r'mount_point="kv\u202e\u2028/"' in text.decode()
    assert all(character.isprintable() or character in "\r\n" for character in text.decode())


def test_nothing_secret_is_said(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(line(f"auth/token/lookup/{TOKEN}") + line(error=f"token {TOKEN} is bad", kind="response"))
    for how in ([], ["--json"], ["--metrics"]):
        assert "Planted" not in run(*how, log)


@pytest.mark.parametrize("how", [[], ["--json"], ["--metrics"]])
def test_an_empty_log(tmp_path: Path, how: list[str]) -> None:
    log = tmp_path / "audit.log"
    log.touch()
    result = CliRunner().invoke(assembled(()), ["replay", *how, str(log)])
    assert result.exit_code == 0
    assert result.stderr == f"{log}: empty; there is no entry to count\n"


@pytest.mark.parametrize("how", [[], ["--json"], ["--metrics"], ["--report", "kv"]])
def test_the_servers_own_log(tmp_path: Path, how: list[str]) -> None:
    log = tmp_path / "vault.log"
    log.write_bytes(b"2026-11-24T12:00:00.000Z [INFO]  core: vault is unsealed\n" * 3)
    assert run(*how, log, status=1) == f"{log}: no audit entry in it; is it the server's log?\n"


@pytest.mark.parametrize("how", [[], ["--json"], ["--metrics"]])
def test_a_file_that_is_no_audit_log(tmp_path: Path, how: list[str]) -> None:
    log = tmp_path / "syslog"
    log.write_bytes(b"Nov 24 12:00:00 host vault: started\n" * 3 + b'{"level":"info"}\n')
    said = run(*how, log, status=1)
    assert said.startswith(
        f"{log}: no line is an entry of an audit log: 3 not_json, 1 not_an_entry; give the JSON lines"
    )
    other = tmp_path / "audit.log"
    other.write_bytes(line())
    run(*how, log, other)  # where one is a log, the summary says how many lines of the others are not

    monitor, config = tmp_path / "monitor.log", tmp_path / "c.yml"
    monitor.write_bytes(line(name="monitor") + b"torn\n")
    config.write_text("audit: {exclude: {display_names: [monitor]}}\n")
    run(*how, "-c", config, monitor)  # nothing is left, but the file is a log


def test_standard_input_that_is_no_audit_log() -> None:
    done = subprocess.run(
        [program("vault-exporter"), "replay", "-"],
        input=b"nothing\n",
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"-: no line is an entry of an audit log: 1 not_json;")


def test_the_exporters_own_entity_is_not_known(tmp_path: Path) -> None:
    log, config = tmp_path / "audit.log", tmp_path / "c.yml"
    log.write_bytes(line())
    config.write_text("audit: {exclude: {own: true}}\n")
    result = CliRunner().invoke(assembled(()), ["replay", "--json", "-c", str(config), str(log)])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["requests"] == 1
    assert result.stderr.startswith("audit.exclude.own is not heeded: ")
    assert result.stderr.endswith("into audit.exclude.entity_ids\n")


def test_what_is_said_of_files_that_cannot_be_read(tmp_path: Path) -> None:
    none = tmp_path / "none"
    assert run(none, status=1) == f"{none}: there is no such file\n"
    beside = CliRunner().invoke(assembled(()), ["replay", "--json", str(none), str(RECORDED)])
    assert (beside.exit_code, beside.stderr) == (1, f"{none}: cannot be read: No such file or directory\n")
    assert json.loads(beside.stdout)["requests"] > 0
    steering = tmp_path / "a\x1b]0;b.log"
    assert run(steering, status=1) == f"{tmp_path}/a\\x1b]0;b.log: there is no such file\n"
    unreadable = f"{tmp_path}: cannot be read: Is a directory\n"
    assert run(tmp_path, RECORDED, status=1) == unreadable
    alone = CliRunner().invoke(assembled(()), ["replay", str(tmp_path)])
    assert (alone.exit_code, alone.stdout, alone.stderr) == (1, "", unreadable)
    # It costs itself only.
    others = CliRunner().invoke(assembled(()), ["replay", "--json", str(tmp_path), str(RECORDED)])
    assert (others.exit_code, others.stderr) == (1, unreadable)
    said = json.loads(others.stdout)
    assert {**said, "files": 0} == {**summary(RECORDED), "files": 0}
    assert [file["problem"] for file in said["files"]] == ["cannot be read: Is a directory", ""]
    assert run("--json", "--metrics", RECORDED, status=3) == "give either --json or --metrics\n"
