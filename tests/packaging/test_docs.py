"""Documents that are generated from the code, or speak of it, are current."""

import re
import subprocess
from pathlib import Path
from typing import get_args

import pytest
import trustme
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.lab.waiting import PATIENCE
from vault_exporter.checks import Flags, load
from vault_exporter.config.schema.model import Auth
from vault_exporter.demo.process import program
from vault_exporter.metrics.catalogue import FAMILIES, NAMES, SERIES
from vault_exporter.metrics.exposition import EOF, Format, render
from vault_exporter.metrics.family import Distribution, Family, Sample
from vault_exporter.scrape.collectors import COLLECTORS

ROOT = Path(__file__).parents[2]


def sample(family: Family) -> Sample:
    value = Distribution((1,) * (len(family.buckets) + 1), 1) if family.type == "histogram" else 1
    return family(value, *family.labels)


@pytest.mark.parametrize("page", ["metrics", "collectors"])
def test_generated_page_is_current(page: str) -> None:
    printed = subprocess.run(
        [program("vault-exporter"), page, "--format", "markdown"], check=True, capture_output=True, timeout=PATIENCE
    ).stdout.decode()
    assert (ROOT / "docs" / f"{page}.md").read_text() == printed, "write it anew with `make generate`"


def test_collectors_are_printed_for_people_and_programs() -> None:
    def printed(fmt: str) -> str:
        return subprocess.run(
            [program("vault-exporter"), "collectors", "--format", fmt],
            check=True,
            capture_output=True,
            timeout=PATIENCE,
        ).stdout.decode()

    assert re.findall(r'"name": "(\w+)"', printed("json")) == [*(one.name for one in COLLECTORS), "telemetry"]
    assert "barrier_key" in printed("table")


def test_catalogue_is_printed_for_people_and_programs() -> None:
    table = subprocess.run(
        [program("vault-exporter"), "metrics"], check=True, capture_output=True, text=True, timeout=PATIENCE
    ).stdout
    assert "GET /v1/sys/health" in table
    assert [name for name in NAMES if name not in table] == []
    json = subprocess.run(
        [program("vault-exporter"), "metrics", "--format", "json"], check=True, capture_output=True, timeout=PATIENCE
    ).stdout.decode()
    assert re.findall(r'"name": "(\w+)"', json) == [family.name for family in FAMILIES]


def test_each_login_can_be_pasted(tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("exporter.example.com")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    issued.private_key_pem.write_to_path(tmp_path / "client.key")
    text = (ROOT / "docs/configuration.md").read_text().partition("\n## Logins\n")[2].partition("\n## ")[0]
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    block = re.sub("/(run|etc)/vault-exporter", str(tmp_path), block)
    targets = yaml.safe_load(block)["targets"]
    for name, one in (("all", targets), *((target["name"], [target]) for target in targets)):
        file = tmp_path / f"{name}.yml"
        file.write_text(block if name == "all" else yaml.safe_dump({"targets": one}))
        assert [target.name for target in load(file, Flags(), {}).targets] == [target["name"] for target in one]
    methods = {kind.__struct_config__.tag for kind in get_args(Auth)}
    assert {target["auth"]["method"] for target in targets} == methods - {"none"}


def test_the_logrotate_file_can_be_pasted(tmp_path: Path) -> None:
    (block,) = re.findall(r"```\n(# /etc/logrotate.d/.*?)```", (ROOT / "docs/configuration.md").read_text(), re.DOTALL)
    log = tmp_path / "audit.log"
    block = block.replace("/vault/audit/audit.log", str(log)).replace("systemctl reload openbao", f"echo new > {log}")
    # logrotate refuses directories that others may write to.
    tmp_path.chmod(0o755)
    (tmp_path / "conf").write_text(block)
    log.write_text("first\n")
    for _ in range(2):
        command = ["/usr/sbin/logrotate", "--force", f"--state={tmp_path}/state", f"{tmp_path}/conf"]
        done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)
        assert (done.returncode, done.stderr) == (0, b"")
    # What was written last is never compressed.
    assert log.read_text() == (tmp_path / "audit.log.1").read_text() == "new\n"
    assert (tmp_path / "audit.log.2.gz").exists()


def test_no_name_is_declared_twice() -> None:
    assert len(NAMES) == len(FAMILIES)


def test_promtool_finds_nothing_in_our_families() -> None:
    page = render(map(sample, FAMILIES), Format.TEXT)
    check = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, check=False, timeout=PATIENCE
    )
    assert (check.returncode, check.stdout.decode(), check.stderr.decode()) == (0, "", "")


def test_the_whole_catalogue_is_good_openmetrics() -> None:
    page = render(map(sample, FAMILIES), Format.OPENMETRICS) + EOF
    parsed = list(text_string_to_metric_families(page.decode()))
    assert {sample.name for family in parsed for sample in family.samples} == SERIES


def test_readme_names_only_metrics_that_exist() -> None:
    native = {"vault_exporter"}
    named = set(re.findall(r"`(vault_\w+)`", (ROOT / "README.md").read_text()))
    assert named <= NAMES | native


@pytest.mark.parametrize(
    "page",
    [path for path in ROOT.rglob("*.md") if {".venv", "build"}.isdisjoint(path.relative_to(ROOT).parts)],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
