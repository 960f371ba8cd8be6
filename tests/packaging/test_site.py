"""The documentation as a site: it builds without a broken link, and its tables of messages are complete."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests.lab.waiting import PATIENCE
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collectors.telemetry import Status

ROOT = Path(__file__).parents[2]
WRITTEN = [page for page in (ROOT / "docs").glob("*.md") if page.name != "fault-matrix.md"]  # which records a run
DOCS = [*WRITTEN, ROOT / "README.md", ROOT / "alerts/README.md", ROOT / "dashboards/README.md"]


def built(config: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-f", config, "-d", folder],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={"NO_MKDOCS_2_WARNING": "1", "PATH": "/usr/bin:/bin"},
    )


def test_the_site_has_every_document_and_no_broken_link(tmp_path: Path) -> None:
    done = built(ROOT / "mkdocs.yml", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    front = (tmp_path / "index.html").read_text()
    assert 'href="configuration.html#logins"' in front
    assert 'href="alerts/index.html"' in front
    assert (tmp_path / "alerts/runbooks/VaultSealed.html").is_file()
    for page in (ROOT / "docs").glob("*.md"):
        assert (tmp_path / f"{page.stem}.html").is_file()


def test_each_page_is_in_the_menu() -> None:
    menu = str(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"'{page.name}'" not in menu] == []


def test_each_reason_and_status_has_a_remedy() -> None:
    text = (ROOT / "docs/troubleshooting.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert rows == [*Reason, *Status]


def test_documents_name_only_alerts_that_exist() -> None:
    rules = [path.read_text() for path in (ROOT / "alerts/rules").glob("*.yml")]
    alerts = set(re.findall(r"- alert: (\w+)", "\n".join(rules)))
    old = {"VaultUp", "VaultStandby", "VaultRestarted"}  # those of other packs, and one that is gone
    for page in DOCS:
        named = set(re.findall(r"\bVault[A-Z]\w+", page.read_text()))
        assert named - alerts - old == set(), page.name
