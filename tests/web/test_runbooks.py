"""The runbooks as pages, which the links of alerts lead to."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.lab.fake_node import StartExporter
from tests.web.test_security import PROMETHEUS, USERS

NAMES = sorted(path.stem for path in (Path(__file__).parents[2] / "alerts" / "runbooks").iterdir())


class Page(HTMLParser):
    """What a page has: text and links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_the_list_leads_to_each(start_exporter: StartExporter) -> None:
    client = await start_exporter()
    moved = await client.get("/runbooks", allow_redirects=False)
    assert (moved.status, moved.headers["Location"]) == (308, "/runbooks/")
    page = Page(await (await client.get("/runbooks/")).text())
    assert [link for link in page.links if link.startswith("/runbooks/Vault")] == [
        f"/runbooks/{name}" for name in NAMES
    ]


async def test_each_is_a_page_whose_links_lead_somewhere(start_exporter: StartExporter) -> None:
    client = await start_exporter()
    for name in NAMES:
        answer = await client.get(f"/runbooks/{name}")
        assert answer.status == 200
        assert answer.content_type == "text/html"
        page = Page(await answer.text())
        assert page.tags.count("h1") == 1
        assert "Meaning" in page.text
        for link in page.links:
            if link.startswith("/runbooks/V"):
                assert link.removeprefix("/runbooks/") in NAMES, name
            else:
                assert not re.search(r"Vault\w+\.md", link), name


async def test_what_a_runbook_says_is_read_as_written(start_exporter: StartExporter) -> None:
    client = await start_exporter()
    html = await (await client.get("/runbooks/VaultDown.md")).text()
    page = Page(html)
    assert 'vault_up_failure_reason{job="vault"} == 1' in page.text
    assert "dmesg -T | grep -i oom" in page.text
    assert "table" in page.tags
    assert 'unsealed), 2 (sealed: go to <a href="/runbooks/VaultSealed">VaultSealed</a>)' in html
    csp = (await client.get("/runbooks/VaultDown")).headers["Content-Security-Policy"]
    assert "unsafe" not in csp
    assert csp.startswith("default-src 'none'; ")


@pytest.mark.parametrize(
    "path", ["None", "..%2F..%2Frules%2Fmeta.yml", "%2Fetc%2Fpasswd", "VaultDown.md.md", "<script>", "README"]
)
async def test_what_is_no_runbook(start_exporter: StartExporter, path: str) -> None:
    client = await start_exporter()
    answer = await client.get(f"/runbooks/{path}", allow_redirects=False)
    text = await answer.text()
    assert (answer.status, text) == (404, "There is no such runbook. /runbooks/ lists them.\n")


async def test_only_whoever_may_see_the_exporter_may_read_them(start_exporter: StartExporter, tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text(USERS)
    client = await start_exporter(web_file=tmp_path / "web.yml")
    assert (await client.get("/runbooks/VaultDown")).status == 401
    assert (await client.get("/runbooks/VaultDown", headers={"Authorization": PROMETHEUS})).status == 200
