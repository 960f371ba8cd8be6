"""One checkpoint is for one exporter."""

import subprocess
from pathlib import Path

import pytest

from tests.lab.waiting import PATIENCE
from vault_exporter.audit.tail.lock import LockedError, hold
from vault_exporter.demo.process import Service, free_port, program


def test_a_checkpoint_is_for_one_process(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.json"
    with hold(path):
        with pytest.raises(LockedError, match=f"another exporter uses {path}"), hold(path):
            pass
        with hold(tmp_path / "other.json"), hold(None):
            pass
    with hold(path):
        pass


def test_without_a_lock_it_goes_on_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".checkpoint.json.lock").symlink_to(tmp_path / "victim")
    with hold(tmp_path / "checkpoint.json"):
        assert not (tmp_path / "victim").exists()
    assert "cannot lock the checkpoint" in "".join(capsys.readouterr())


def test_a_second_exporter_with_the_same_checkpoint_does_not_start(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.json"

    def command() -> list[str | Path]:
        listen = f"127.0.0.1:{free_port()}"
        log = tmp_path / "audit.log"
        return [program("vault-exporter"), "serve", "--listen", listen, "--audit-log", log, "--audit-checkpoint", path]

    with Service("exporter", command(), log=tmp_path / "log") as first:
        first.wait_until(lambda: "listening" in first.tail(), timeout=PATIENCE)
        second = subprocess.run(command(), capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert second.returncode == 2
        assert second.stderr.splitlines()[-1] == (
            f"audit.checkpoint: another exporter uses {path}, and counts would be lost to both; "
            "stop it, or give each a file of its own"
        )
        first.kill()
    with Service("exporter", command(), log=tmp_path / "log2") as third:
        third.wait_until(lambda: "listening" in third.tail(), timeout=PATIENCE)
