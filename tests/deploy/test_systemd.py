"""The files for systemd are understood by it, and leave the service no more rights than it needs."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.lab.waiting import PATIENCE
from vault_exporter.demo.process import program

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/systemd"
UNIT = FOLDER / "vault-exporter.service"
INSTALLED = "/opt/vault-exporter/bin/vault-exporter"
PAGE = (ROOT / "docs/vms.md").read_text()


def ran(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Return the unit with the program of this environment, since systemd looks for it."""
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace(INSTALLED, str(program("vault-exporter"))))
    return path


def test_systemd_finds_nothing_in_the_unit(unit: Path) -> None:
    done = ran("systemd-analyze", "verify", unit)
    # Unknown keys are warnings, which leave the exit status 0.
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_does_find_a_wrong_key(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectSystem=", "ProtectSytem="))
    assert "ProtectSytem" in ran("systemd-analyze", "verify", unit).stderr


def test_the_service_has_few_rights(unit: Path) -> None:
    done = ran("systemd-analyze", "security", "--offline=true", "--threshold=30", "--no-pager", unit)
    assert done.returncode == 0, done.stdout
    (exposure,) = re.findall(r"Overall exposure level for \S+: (\S+)", done.stdout)
    assert float(exposure) <= 3
    (promised,) = re.findall(r"rates the unit (\d\.\d)", (FOLDER / "README.md").read_text())
    assert float(exposure) <= float(promised) + 0.5  # each version of systemd weighs a little differently


def test_user_and_group_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    done = ran("systemd-sysusers", f"--root={tmp_path}", FOLDER / "vault-exporter.sysusers")
    assert done.returncode == 0, done.stderr
    (group,) = re.findall(r"^SupplementaryGroups=(.+)$", UNIT.read_text(), re.MULTILINE)
    for file in ("passwd", "group"):
        assert [line for line in (tmp_path / "etc" / file).read_text().splitlines() if line.startswith(f"{group}:")]


def test_the_document_has_the_same_logrotate_file() -> None:
    # tests/packaging/test_docs.py runs it.
    assert f"```\n{(FOLDER / 'vault-audit.logrotate').read_text()}```" in (ROOT / "docs/configuration.md").read_text()


def test_the_page_installs_files_that_exist_and_starts_what_the_unit_says() -> None:
    (command,) = re.findall(r"^ExecStart=(.+)$", UNIT.read_text(), re.MULTILINE)
    installed, verb, *rest = command.split()
    assert (installed, verb) == (INSTALLED, "serve")
    assert f"python3 -m venv {Path(INSTALLED).parents[1]}\n" in PAGE
    assert " ".join(rest) in PAGE
    for page in (PAGE, (ROOT / "README.md").read_text()):
        named = re.findall(r"install -m 644 (\S+) ", page)
        assert named
        assert [name for name in named if not (ROOT / name).is_file()] == []


def test_the_configuration_of_the_page_is_good(tmp_path: Path) -> None:
    exporter, prometheus = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert yaml.safe_load(exporter)["audit"]["checkpoint"].startswith("/var/lib/vault-exporter/")
    config = tmp_path / "vault-exporter.yml"
    # Certificates and directories of the page are not on this machine.
    exporter = re.sub(r"ca_cert: \S+, ", "", exporter)
    exporter = re.sub("/(etc|var/lib)/vault-exporter", str(tmp_path), exporter)
    config.write_text(exporter)
    done = ran(program("vault-exporter"), "check", "--config", config)
    assert done.returncode == 0, done.stderr
    rules = ran(program("vault-exporter"), "rules", "--config", config)
    assert rules.returncode == 0, rules.stderr
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/vault.yml").write_text(rules.stdout)
    file = tmp_path / "prometheus.yml"
    file.write_text(prometheus.replace("/etc/prometheus/rules", str(tmp_path / "rules")))
    checked = ran("promtool", "check", "config", file)
    assert checked.returncode == 0, checked.stderr
