"""The demo as a user runs it: it shows a real server, judges what it saw, and leaves nothing behind."""

import os
import signal
import subprocess
from pathlib import Path

from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.demo.process import Service, program


def test_it_ends_by_itself_with_every_check_passed(tmp_path: Path) -> None:
    done = subprocess.run(
        [program("vault-exporter"), "demo", "--duration", "8"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "the exporter showed what really happened" in done.stdout
    assert "VaultExporterDown" not in done.stdout
    assert "Prometheus: every alert rule is loaded and healthy" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_it_ends_cleanly_on_ctrl_c(tmp_path: Path) -> None:
    log, directory = tmp_path / "log", tmp_path / "tmp"
    directory.mkdir()
    with Service("demo", [program("vault-exporter"), "demo"], log=log, env={"TMPDIR": str(directory)}) as demo:
        demo.wait_until(lambda: "requests/s" in log.read_text(), timeout=PATIENCE, what="a look at the exporter")
        demo.signal(signal.SIGINT)
        wait_until(lambda: demo.returncode is not None, what="the demo has ended")
    assert demo.returncode == 0, demo.tail()
    assert "Stopping" in log.read_text()
    assert list(directory.iterdir()) == []
