"""The alert rules and dashboards to download from the exporter."""

import re
from pathlib import Path

import pytest

from tests.lab.fake_node import StartExporter
from tests.web.test_runbooks import Page
from tests.web.test_security import PROMETHEUS, USERS

ROOT = Path(__file__).parents[2]
RULES = {path.name: path.read_bytes() for path in sorted((ROOT / "alerts" / "rules").glob("*.yml"))}
DASHBOARDS = {path.name: path.read_bytes() for path in sorted((ROOT / "dashboards" / "json").glob("*.json"))}


@pytest.mark.parametrize(
    ("index", "files", "kind"),
    [("/rules/", RULES, "application/yaml"), ("/dashboards/", DASHBOARDS, "application/json")],
    ids=["rules", "dashboards"],
)
async def test_the_list_leads_to_each_file_as_it_is(
    start_exporter: StartExporter, index: str, files: dict[str, bytes], kind: str
) -> None:
    client = await start_exporter()
    moved = await client.get(index.rstrip("/"), allow_redirects=False)
    assert (moved.status, moved.headers["Location"]) == (308, index)
    page = Page(await (await client.get(index)).text())
    assert [link for link in page.links if re.match(rf"{index}\w", link)] == [f"{index}{name}" for name in files]
    for name, content in files.items():
        answer = await client.get(f"{index}{name}")
        assert (answer.status, answer.content_type) == (200, kind)
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
        assert await answer.read() == content


async def test_each_says_what_it_is_for(start_exporter: StartExporter) -> None:
    client = await start_exporter()
    rules = Page(await (await client.get("/rules/")).text()).text
    assert re.search(r"availability\.yml \d+ alerts\. Is every node there, and does the cluster serve\?", rules)
    assert re.search(r"inhibition\.yml 1 alert\. Which alert is the cause of which other\.", rules)
    dashboards = Page(await (await client.get("/dashboards/")).text()).text
    assert "vault-overview.json Vault / Overview: Is Vault all right, and if not, where?" in dashboards


@pytest.mark.parametrize("index", ["/rules/", "/dashboards/"])
@pytest.mark.parametrize("name", ["nothing.yml", "..%2F..%2Fpyproject.toml", "%3Cscript%3E"])
async def test_other_files_are_not_there(start_exporter: StartExporter, index: str, name: str) -> None:
    client = await start_exporter()
    answer = await client.get(f"{index}{name}")
    assert (answer.status, await answer.text()) == (404, f"There is no such file. {index} lists them.\n")


async def test_they_are_behind_the_login_as_other_pages_are(start_exporter: StartExporter, tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text(USERS)
    client = await start_exporter(web_file=tmp_path / "web.yml")
    for path in ("/rules/", "/dashboards/vault-overview.json"):
        assert (await client.get(path)).status == 401
        assert (await client.get(path, headers={"Authorization": PROMETHEUS})).status == 200
