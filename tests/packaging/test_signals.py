"""Signals that come before the exporter serves: while it is loaded, and while it gets ready."""

import signal
import subprocess
from pathlib import Path

import pytest

from vault_exporter.demo.process import program

WAITING = "import sys\nprint('here', flush=True)\nsys.stdin.read()\n"
"""A library that takes its time to load."""
SERVE = ["serve", "--listen", "127.0.0.1:1", "--address", "http://127.0.0.1:1"]


@pytest.mark.parametrize(
    ("command", "library", "number", "status"),
    [
        (SERVE, "structlog", signal.SIGTERM, 0),
        (SERVE, "structlog", signal.SIGINT, 0),
        (SERVE, "uvloop", signal.SIGTERM, 0),
        (SERVE, "uvloop", signal.SIGINT, 0),
        (["status"], "typer", signal.SIGINT, 130),
        (["status"], "typer", signal.SIGTERM, 143),
    ],
)
def test_it_ends_at_once_and_silently(
    tmp_path: Path, command: list[str], library: str, number: int, status: int
) -> None:
    (tmp_path / f"{library}.py").write_text(WAITING)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [program("vault-exporter"), *command],
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
    ) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        assert started.stdout.readline() == b"here\n"
        if command[0] == "serve":
            started.send_signal(signal.SIGHUP)
        started.send_signal(number)
        assert (started.wait(30), started.stderr.read()) == (status, b"")
