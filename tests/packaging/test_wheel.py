"""The wheel: what is in it, and that it runs from an empty environment."""

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.lab.waiting import PATIENCE
from vault_exporter import __version__
from vault_exporter.demo.process import Service, free_port, program

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", directory],
        cwd=ROOT,
        check=True,
        timeout=PATIENCE,
    )
    (path,) = directory.iterdir()
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty virtual environment with the wheel installed, its ``bin`` directory."""
    directory = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", directory], check=True, timeout=PATIENCE)
    subprocess.run([directory / "bin" / "pip", "install", "--quiet", wheel], check=True, timeout=300)
    return directory / "bin"


def test_contents(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"vault_exporter", f"vault_exporter-{__version__}.dist-info"}
    packaged = {name.removeprefix("vault_exporter/data/") for name in names if name.startswith("vault_exporter/data/")}
    expected = {
        str(path.relative_to(ROOT / "alerts").parent / path.name) for path in (ROOT / "alerts").glob("r*/*.[ym]*")
    }
    assert {name.removeprefix("alerts/") for name in packaged if name.startswith(("alerts/rules", "alerts/runb"))} == (
        expected
    )
    shown = {path.name for path in (ROOT / "dashboards" / "json").iterdir()}
    assert {name.removeprefix("dashboards/") for name in packaged if name.startswith("dashboards/")} == shown
    assert {name for name in packaged if name.startswith("provisioning/")} == {
        f"provisioning/{kind}/vault.yml" for kind in ("alerting", "dashboards", "datasources")
    }
    assert "vault_exporter/py.typed" in names
    assert not [name for name in names if re.search(r"(^|/)(conf)?tests?[_./]", name.lower())]


def test_runs_from_an_empty_environment(environment: Path, tmp_path: Path) -> None:
    command = environment / "vault-exporter"
    clean = {"PATH": os.environ["PATH"]}
    version = subprocess.run(
        [command, "--version"], check=True, capture_output=True, text=True, env=clean, timeout=PATIENCE
    )
    assert version.stdout == f"vault-exporter {__version__}\n"
    bundle = ["dashboard", "--format", "bundle", "--output", "grafana"]
    subprocess.run([command, *bundle], check=True, capture_output=True, env=clean, cwd=tmp_path, timeout=PATIENCE)
    assert len(list((tmp_path / "grafana").rglob("*.*"))) == len(list((ROOT / "dashboards" / "json").iterdir())) + 3
    imported = subprocess.run(
        [environment / "python", "-c", "import vault_exporter; print(vault_exporter.__file__)"],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=PATIENCE,
    )
    assert Path(imported.stdout.strip()).is_relative_to(environment.parent)

    port, nothing = free_port(), free_port()
    for printing in ("rules", "dashboard", "schema", "metrics --format json"):
        words = printing.split()
        ours, theirs = (
            subprocess.run([one, *words], check=True, capture_output=True, env=clean, cwd=tmp_path, timeout=PATIENCE)
            for one in (program("vault-exporter"), command)
        )
        assert (theirs.stdout, theirs.stderr) == (ours.stdout, ours.stderr), printing
    checked = subprocess.run(
        [command, "check", "--address", f"http://127.0.0.1:{nothing}"], check=False, env=clean, timeout=PATIENCE
    )
    assert checked.returncode == 0
    arguments = ["serve", "--listen", f"127.0.0.1:{port}", "--address", f"http://127.0.0.1:{nothing}"]
    with Service("exporter", [command, *arguments], log=tmp_path / "log", cwd=tmp_path) as exporter:
        exporter.wait_until(lambda: _get(port, "/-/ready").startswith("vault-exporter is ready"))
        check = subprocess.run([command, "healthcheck", "--listen", f":{port}"], check=False, timeout=PATIENCE)
        assert check.returncode == 0
        page = _get(port, "/metrics")
        assert "\nvault_up 0\n" in page
        assert '\nvault_up_failure_reason{reason="refused"} 1\n' in page
        assert f'vault_exporter_build_info{{version="{__version__}"' in page
        assert exporter.stop() == 0
    refused = subprocess.run(
        [command, "healthcheck", "--listen", f":{port}"], check=False, capture_output=True, text=True, timeout=PATIENCE
    )
    assert refused.returncode == 1
    remedy = "give the --config or --web.listen-address that it runs with"
    assert refused.stderr == f"vault-exporter does not answer on :{port}: Connection refused; {remedy}\n"


def _get(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as response:
            text: str = response.read().decode()
            return text
    except urllib.error.HTTPError as error:
        error.close()
        return ""
    except OSError:
        return ""
