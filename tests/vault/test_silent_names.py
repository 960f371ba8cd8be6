"""A name server that does not answer costs the targets with names, and neither the others nor the exporter's end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

STOP_SECONDS = 5
"""Within this the exporter has stopped, whatever hangs."""


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_names_that_hang_cost_nobody_else(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:5\n")
    script = 'mount --bind "$1/resolv.conf" /etc/resolv.conf && exec "$2" -m tests.vault.silent_names "$1" "$3" 12'
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    done = subprocess.run(
        ["unshare", *user, "--mount", "--net", "sh", "-c", script, "sh", tmp_path, sys.executable, scheme],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    log = tmp_path / "exporter.log"
    assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")
    found = json.loads(done.stdout)
    for page in found["pages"]:
        assert "\nvault_up 1\n" in page
        assert '\nvault_exporter_collector_success{collector="certificate"} 1\n' in page
        assert "\nvault_listener_certificate_not_after_timestamp_seconds " in page
    for page in found["down"]:
        assert '\nvault_up_failure_reason{reason="timeout"} 1\n' in page
    assert found["status"] == 0, log.read_text()
    assert found["stopped"] < STOP_SECONDS
    assert found["seconds"] < STOP_SECONDS
