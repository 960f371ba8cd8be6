"""The status page in a real browser: what it says, that it fits, and that everyone can use it."""

import contextlib
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.lab.waiting import wait_until
from tests.web import scenes
from tests.web.served import Served
from tests.web.test_security import PASSWORD

WIDE = {"width": 1240, "height": 900}
PHONE = {"width": 360, "height": 740}
DARK = {"color_scheme": "dark"}
LOGIN = {"http_credentials": {"username": "prometheus", "password": PASSWORD}}


@pytest.fixture(scope="module")
def stage() -> Iterator[scenes.Stage]:
    made = scenes.Stage()
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture
def show(stage: scenes.Stage, browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Open a scene. Its screenshot is in the test's directory."""
    with contextlib.ExitStack() as stack:

        def show(scene: AbstractAsyncContextManager[Served], path: str = "/", size: Any = WIDE, **options: Any) -> Page:
            served = stage.run(scene.__aenter__())
            stack.callback(lambda: stage.run(scene.__aexit__(None, None, None)))
            context = browser.new_context(viewport=size, **options)
            stack.callback(context.close)
            page = context.new_page()
            errors: list[str] = []
            page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("dialog", lambda dialog: errors.append(dialog.message))
            page.goto(f"http://localhost:{served.port}{path}")
            page.screenshot(path=tmp_path / "page.png", full_page=True)
            if options.get("java_script_enabled", True):
                check(page, size["width"])
            assert not errors
            return page

        yield show


def check(page: Page, width: int) -> None:
    """Nothing scrolls sideways, and axe-core finds nothing."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page)
    assert not [(one["id"], [node["target"] for node in one["nodes"]]) for one in found.response["violations"]]


def said(page: Page) -> list[str]:
    """The sentences at the top."""
    return [" ".join(text.split()) for text in page.locator(".say:visible").all_inner_texts()]


def rows(page: Page) -> list[str]:
    """The nodes, in their order."""
    return [
        " ".join(text.split()) for text in page.locator("#nodes ~ table").first.locator("tbody tr").all_inner_texts()
    ]


def test_healthy(show: Callable[..., Page]) -> None:
    page = show(scenes.healthy())
    assert said(page) == ["OK prod: serving, vault-2 is active, 2 standbys"]
    assert page.title() == "OK: prod (vault-exporter)"
    assert [row.split()[:3] for row in rows(page)] == [
        ["vault-2", "prod", "active"],
        ["vault-1", "prod", "standby"],
        ["vault-3", "prod", "standby"],
    ]
    assert [row.split()[-4] for row in rows(page)] == ["itself", "vault-2", "vault-2"]  # before "0 s ago"


@pytest.mark.parametrize(("size", "options"), [(WIDE, DARK), (PHONE, {})], ids=["wide-dark", "phone-light"])
def test_one_sealed(show: Callable[..., Page], size: dict[str, int], options: dict[str, Any]) -> None:
    page = show(scenes.one_sealed(), size=size, **options)
    assert said(page) == [
        (
            "Warning prod: serving, vault-2 is active, 1 standby, vault-3 is sealed "
            "vault-3: Unseal it with 3 of its key shares. Runbook"
        )
    ]
    assert rows(page)[0].startswith("vault-3 prod sealed")
    page.get_by_role("link", name="sealed 1").click()
    assert len(rows(page)) == 1
    page.get_by_role("link", name="Runbook VaultSealed", exact=True).click()
    assert page.get_by_role("heading", level=1).inner_text() == "VaultSealed"
    check(page, size["width"])


def test_unsealing(show: Callable[..., Page]) -> None:
    page = show(scenes.unsealing())
    assert said(page) == [
        (
            "Outage prod: all 3 nodes are sealed; 1 of 3 key shares given to vault-1 "
            "vault-1: Unseal it with 2 more of its key shares. Runbook"
        )
    ]
    assert "1 of 3 key shares" in rows(page)[0]


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_storage_gone(show: Callable[..., Page], size: dict[str, int]) -> None:
    page = show(scenes.storage_gone(), size=size)
    (sentence,) = said(page)
    assert re.fullmatch(
        r"Outage prod: no active node: PostgreSQL refuses connections \(says Vault\) since \d\d:\d\d UTC "
        r"Bring the storage back. Do not restart or seal Vault meanwhile. Runbook",
        sentence,
    )
    assert all("connection refused" in row and "down" in row for row in rows(page))
    page.get_by_role("link", name="vault-2", exact=True).click()
    assert page.get_by_role("heading", level=1).inner_text() == "vault-2"
    assert "connect: connection refused" in page.locator(".say:visible").inner_text()
    check(page, size["width"])


def test_all_down(show: Callable[..., Page]) -> None:
    page = show(scenes.all_down())
    assert said(page) == [
        (
            "Outage prod: none of its 3 nodes answers (nothing listens there) "
            "Start Vault on its host, then unseal it. Runbook"
        )
    ]


def test_empty(show: Callable[..., Page]) -> None:
    page = show(scenes.empty())
    assert said(page) == ["No target is known. Name nodes under targets or discovery in the configuration."]


def test_stale(show: Callable[..., Page]) -> None:
    page = show(scenes.stale())
    (sentence,) = said(page)
    assert sentence.startswith("Unknown prod: nobody has asked its nodes lately; the last answer is of ")
    assert sentence.endswith("Prometheus should scrape them through this exporter: look at its targets.")
    assert all(row.endswith("60 min ago old") for row in rows(page))
    assert page.locator("tr.old").count() == 3


def test_reload_failed(show: Callable[..., Page]) -> None:
    page = show(scenes.reload_failed())
    warning, sentence = said(page)
    assert warning.startswith("Warning Configuration: the reload at ")
    assert warning.endswith("vault-exporter.yml:7: targets[0].adress is not a key; did you mean address?")
    assert sentence == "OK prod: serving, vault-2 is active, 2 standbys"


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_hostile_names(show: Callable[..., Page], size: dict[str, int]) -> None:
    page = show(scenes.hostile(), size=size)
    assert page.locator("script").count() == 1  # our own
    assert "<script>alert(1)</script>" in page.locator("main").inner_text()
    assert page.locator("main").inner_text().replace("\n", "").replace("\t", "").isprintable()
    page.get_by_role("link", name="../../config", exact=True).click()
    assert page.get_by_role("heading", level=1).inner_text() == "../../config"
    check(page, size["width"])


def test_everything_for_whoever_has_logged_in(show: Callable[..., Page], tmp_path: Path) -> None:
    page = show(scenes.complete(tmp_path), **LOGIN)
    text = page.locator("main").inner_text()
    for expected in (
        "Vault refuses the exporter's token on vault-1, vault-2 and vault-3",
        "No such file or directory",
        "not committed",
        "Security events",
        "Busiest mounts",
        "client-0",
        "there is no such file; it is looked for again",
        "Revoked, expired, or not allowed auth/token/lookup-self; put another one into auth.token",
        "1 entity, 1 address",
    ):
        assert expected in text
    page.get_by_role("link", name="Configuration").click()
    text = page.locator("pre").inner_text()
    assert "token: <secret>" in text
    assert scenes.PLANTED not in page.content()
    check(page, WIDE["width"])


def test_it_refreshes_gently_and_can_be_stopped(show: Callable[..., Page], stage: scenes.Stage) -> None:
    changing = scenes.Changing()
    page = show(changing.scene())
    assert said(page) == ["OK prod: serving, vault-2 is active, 2 standbys"]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"

    def sealed_is_shown() -> bool:
        stage.run(changing.seal())  # Prometheus goes on scraping, or the page would say that nobody does
        return page.get_by_text("vault-3 is sealed").first.is_visible()

    wait_until(sealed_is_shown, what="the change on the page", interval=1)
    page.get_by_role("button", name="Pause refreshing").click()
    assert page.get_by_role("button", name="Go on refreshing").is_visible()


def test_without_scripts(show: Callable[..., Page]) -> None:
    page = show(scenes.one_sealed(), java_script_enabled=False)
    assert said(page)[0].startswith("Warning prod: serving, vault-2 is active, 1 standby, vault-3 is sealed")
    assert page.locator("noscript meta[http-equiv=refresh]").count() or page.locator("meta[http-equiv=refresh]").count()
    assert not page.get_by_role("button").count()
