"""Who asks, shown to nobody who has not proved who they are."""

import time
from pathlib import Path

import pytest

from tests.audit.top.test_observers import TOKEN, line
from tests.lab.fake_node import StartExporter
from tests.lab.waiting import eventually
from tests.web.test_security import PROMETHEUS, USERS
from vault_exporter.config.schema.model import Audit, Top

LOGIN = {"Authorization": PROMETHEUS}


def audit(directory: Path, *, enabled: bool = True) -> Audit:
    log = directory / "audit.log"
    lines = [line(f"secret/data/<b>{number % 3}", client=f"client-{number % 2}", at=_now()) for number in range(9)]
    log.write_bytes(b"".join([*lines, line(f"auth/token/lookup/{TOKEN}", at=_now())]))
    return Audit(logs=(log,), from_start=True, top=Top(enabled=enabled))


def _now() -> float:

    return time.time()


def protected(directory: Path) -> Path:
    path = directory / "web.yml"
    path.write_text(USERS)
    return path


@pytest.mark.parametrize("web_file", ["", "empty"])
async def test_without_a_login_nothing_is_shown(start_exporter: StartExporter, tmp_path: Path, web_file: str) -> None:
    path = tmp_path / "web.yml" if web_file else None
    if path is not None:
        path.touch()
    client = await start_exporter(audit=audit(tmp_path), web_file=path)
    response = await client.get("/audit/top")
    assert response.status == 403
    assert await response.text() == (
        "The most frequent clients are shown only to authenticated users: set web_config_file to a file with "
        "basic_auth_users, or with client_auth_type: RequireAndVerifyClientCert and client_ca_file.\n"
    )
    page = await (await client.get("/")).text()
    assert "client-0" not in page
    assert "secret/data" not in page
    assert "set web_config_file" in page


async def test_with_a_login(start_exporter: StartExporter, tmp_path: Path) -> None:
    client = await start_exporter(audit=audit(tmp_path), web_file=protected(tmp_path))
    assert (await client.get("/audit/top")).status == 401
    metrics = ""

    async def counted() -> bool:
        nonlocal metrics
        metrics = await (await client.get("/metrics", headers=LOGIN)).text()
        return "\nvault_audit_distinct_clients 3\n" in metrics

    await eventually(counted, what="three clients")
    answer = await (await client.get("/audit/top?limit=2", headers=LOGIN)).json()
    assert [(one["value"], one["at_least"]) for one in answer["clients"]] == [("client-0", 5), ("client-1", 4)]
    assert [one["value"] for one in answer["paths"]] == ["secret/data/<b>0", "secret/data/<b>1"]
    assert answer["distinct_addresses"] == 1
    assert answer["window_seconds"] == 3600
    page = await (await client.get("/", headers=LOGIN)).text()
    assert "secret/data/&lt;b&gt;0" in page
    assert "<b>" not in page
    for text in (metrics, page, str(answer), await (await client.get("/audit/top", headers=LOGIN)).text()):
        assert "Planted" not in text
    assert "secret/data" not in metrics
    assert "client-0" not in metrics


@pytest.mark.parametrize("limit", ["", "0", "-1", "1001", "x", "9" * 5000, "²"])
async def test_a_limit_that_is_none(start_exporter: StartExporter, tmp_path: Path, limit: str) -> None:
    client = await start_exporter(audit=audit(tmp_path), web_file=protected(tmp_path))
    response = await client.get("/audit/top", params={"limit": limit}, headers=LOGIN)
    assert response.status == 400
    assert await response.text() == "limit is a number from 1 to 1000.\n"


async def test_where_it_is_not_observed(start_exporter: StartExporter, tmp_path: Path) -> None:
    client = await start_exporter(audit=audit(tmp_path, enabled=False), web_file=protected(tmp_path))
    response = await client.get("/audit/top", headers=LOGIN)
    assert response.status == 404
    assert await response.text() == "The most frequent clients are not counted: set audit.top.enabled: true.\n"
    page = await (await client.get("/", headers=LOGIN)).text()
    assert "Who asks" not in page
