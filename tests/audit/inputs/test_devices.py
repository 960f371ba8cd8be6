"""Every input with the device of a real OpenBao that feeds it: what the server says it did is what is counted."""

import json
import os
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.lab.api import call
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.demo.openbao import start_server
from vault_exporter.demo.process import Service, free_port, program

REQUESTS = 25
PLANTED = "planted-http-token"
ROOT = "planted-root-token"

# Where the machine runs a syslog daemon, the exporter cannot be it.
SYSLOG = () if Path("/dev/log").exists() else ("syslog+unixgram:///dev/log",)


class Run:
    """One exporter with all inputs, and one server that writes to all of them, and to a file."""

    def __init__(self, directory: Path) -> None:
        self.tcp = f"tcp://127.0.0.1:{free_port()}"
        self.unix = f"unix://{directory}/a.sock"
        self.file = directory / "audit.log"
        self.page = ""
        self.log = ""
        self.written = 0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    directory = tmp_path_factory.mktemp("run")
    run = Run(directory)
    token, fifo, config = directory / "token", directory / "fifo", directory / "c.yml"
    token.write_text(f"{PLANTED}\n")
    os.mkfifo(fifo)
    listen = f"127.0.0.1:{free_port()}"
    inputs: list[dict[str, str]] = [
        {"type": "stdin"},
        {"type": "socket", "listen": run.tcp},
        {"type": "socket", "listen": run.unix},
        {"type": "http", "token_file": str(token)},
        *({"type": "syslog", "listen": name.removeprefix("syslog+")} for name in SYSLOG),
    ]
    who = {"top": {"enabled": True, "clients": ["token"]}, "paths": ["secret/data/{app}"], "max_path_values": 5}
    config.write_text(json.dumps({"listen": listen, "audit": {"inputs": inputs, **who}}))

    def device(kind: str, name: str, **options: str) -> dict[str, object]:
        return {"type": kind, "path": name, "options": {"log_raw": "true", **options}}

    port, own = free_port(), free_port()
    authorization = json.dumps({"Authorization": [f"Bearer {PLANTED}"]})
    server = {
        "listener": [{"tcp": {"address": f"127.0.0.1:{port}", "tls_disable": True}}],
        "audit": [
            device("file", "file", file_path=str(run.file)),
            device("file", "stdin", file_path=str(fifo)),
            device("socket", "tcp", address=run.tcp.removeprefix("tcp://"), socket_type="tcp"),
            device("socket", "unix", address=run.unix.removeprefix("unix://"), socket_type="unix"),
            device("http", "http", uri=f"http://{listen}/audit", headers=authorization),
            *(device("syslog", "syslog", facility="AUTH", tag="openbao") for _ in SYSLOG),
        ],
    }

    def page() -> str:
        with urllib.request.urlopen(f"http://{listen}/metrics", timeout=PATIENCE) as response:
            return str(response.read().decode())

    def counted() -> bool:
        run.page = page()
        return entries(run.page) == run.written * len(inputs)

    command = ["sh", "-c", f"exec {program('vault-exporter')} serve --config {config} 0<>{fifo}"]
    with Service("exporter", command, log=directory / "exporter.log") as exporter:
        exporter.wait_until(lambda: "listening" in exporter.tail(), timeout=PATIENCE)
        with start_server(
            directory,
            server,
            f"http://127.0.0.1:{port}",
            environment={"BAO_DEV_ROOT_TOKEN_ID": ROOT},
            arguments=("-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{own}"),
            ready=frozenset({200}),
        ) as openbao:
            for number in range(REQUESTS):
                call(openbao.address, "PUT", f"secret/data/app-{number}", ROOT, data={"password": "planted-password"})
            call(openbao.address, "GET", "secret/data/app-1", "planted-bad-token")
        run.written = len(run.file.read_bytes().splitlines())
        wait_until(counted, what="all entries of all devices are counted")
        run.log = exporter.tail(1000)
    return run


def entries(page: str) -> int:
    lines = (line for line in page.splitlines() if line.startswith("vault_audit_entries_total{"))
    return sum(int(line.rsplit(" ", 1)[1]) for line in lines)


def test_every_device_brings_every_entry(run: Run) -> None:
    names = ["stdin", run.tcp, run.unix, "http", *SYSLOG]
    assert run.written > 2 * REQUESTS
    assert f'mount_point="secret/"}} {REQUESTS * len(names)}\n' in run.page
    for name in names:
        assert f'\nvault_audit_reader_up{{log="{name}"}} 1\n' in run.page
        assert f'\nvault_audit_reader_lag_bytes{{log="{name}"}} 0\n' in run.page
        assert f'vault_audit_last_entry_timestamp_seconds{{log="{name}"}} ' in run.page
        rejected = [line for line in run.page.splitlines() if f'rejected_lines_total{{log="{name}"' in line]
        assert rejected
        assert all(line.endswith(" 0") for line in rejected)


def test_latency_is_paired_within_each_input(run: Run) -> None:
    assert 'vault_audit_request_duration_seconds_count{mount_type="kv",' in run.page
    assert "\nvault_audit_unmatched_responses_total 0\n" in run.page
    assert "\nvault_audit_pending_requests 0\n" in run.page


def test_who_asked_for_what(run: Run) -> None:
    devices = 4 + len(SYSLOG)
    assert "\nvault_audit_distinct_clients 1\n" in run.page
    assert "\nvault_audit_distinct_addresses 1\n" in run.page
    made = 'vault_audit_path_requests_total{template="secret/data/{app}",path="secret/data/app-1",operation='
    assert f'\n{made}"create"}} {devices}\n' in run.page
    assert f'\n{made}"read"}} {devices}\n' in run.page
    failed = 'vault_audit_path_errors_total{template="secret/data/{app}",path="secret/data/app-1"}'
    assert f"\n{failed} {devices}\n" in run.page
    other = 'vault_audit_path_requests_total{template="secret/data/{app}",path="other",operation="create"}'
    assert f"\n{other} {devices * (REQUESTS - 5)}\n" in run.page
    overflow = 'vault_audit_path_overflow_total{template="secret/data/{app}"}'
    assert f"\n{overflow} {devices * (REQUESTS - 5)}\n" in run.page
    listed = re.search(r'\nvault_audit_client_requests_total\{client="token"\} (\d+)\n', run.page)
    assert listed is not None
    assert int(listed[1]) >= devices * REQUESTS


def test_nothing_secret_is_said(run: Run) -> None:
    written = run.file.read_text()
    for planted in (ROOT, "planted-password", "planted-bad-token"):
        assert planted in written
    assert "planted" not in run.page
    assert "planted" not in run.log
    for how in ([], ["--json"], ["--metrics"]):
        command: list[str | Path] = [program("vault-exporter"), "replay", *how, run.file]
        said = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE)
        assert b"secret/" in said.stdout
        assert b"planted" not in said.stdout + said.stderr
    assert '\nvault_audit_events_total{event="raw_values_logged"} 0\n' not in run.page
