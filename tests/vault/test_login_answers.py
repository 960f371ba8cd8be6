"""What a login answers is not trusted: it never makes the exporter log in at each scrape. Hand-made answers."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from tests.lab.logged_in import LoggedIn
from tests.vault.test_logins import failures, samples
from vault_exporter.config.schema.logins import Auth, TokenAuth, UserpassAuth
from vault_exporter.config.schema.model import Target
from vault_exporter.config.schema.secret import Secret
from vault_exporter.vault.auth.shared import Shared
from vault_exporter.vault.client import VaultError

USER = UserpassAuth(username="exporter", password=Secret("planted"))
ISSUED = {"client_token": "hvs.planted", "lease_duration": 3600}
LOGIN = "auth/userpass/login/exporter"
LOOKUP = "auth/token/lookup-self"
INTERVAL, AN_HOUR = 15, 3600


class Hour:
    """An hour of scrapes of a node with these answers, by a clock that does not wait."""

    def __init__(self, issued: dict[str, Any], looked_up: dict[str, Any]) -> None:
        self.now = 1_800_000_000.0
        self.calls: Counter[str] = Counter()
        self._issued, self._looked_up = issued, looked_up

    async def answer(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix("/v1/")
        self.calls[path] += 1
        found = {LOOKUP: {"data": self._looked_up}, LOGIN: {"auth": self._issued}}
        text = json.dumps(found.get(path, {"data": {}}), ensure_ascii=False)
        return web.Response(body=text.encode(errors="surrogateescape"), content_type="application/json")

    async def scrape(self, start: AiohttpServer, auth: Auth) -> tuple[LoggedIn, set[str]]:
        """Scrape; return the client, and what the scrapes failed with."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        server = await start(app)
        address = f"http://127.0.0.1:{server.port}"
        client = LoggedIn(Target(name="n1", address=address, auth=auth), clock=lambda: self.now)
        errors = set()
        try:
            for _ in range(AN_HOUR // INTERVAL):
                try:
                    await client.get("sys/mounts", token=True)
                except VaultError as error:
                    errors.add(f"{error.reason}: {error}")
                self.now += INTERVAL
        finally:
            await client.close()
        return client, errors

    @property
    def logins(self) -> int:
        return self.calls[LOGIN]


class Refusing(Hour):
    """A node that knows each token that it gives once, when it is looked up first."""

    async def answer(self, request: web.Request) -> web.Response:
        if request.path.endswith(LOGIN):
            self._issued = ISSUED | {"client_token": f"hvs.{self.logins}"}
            self.calls["known"] = 1
        elif not (request.path.endswith(LOOKUP) and self.calls["known"]):
            self.calls[request.path.removeprefix("/v1/")] += 1
            return web.json_response({"errors": ["permission denied"]}, status=403)
        else:
            self.calls["known"] = 0
        return await super().answer(request)


@pytest.mark.parametrize(
    "wrong",
    [
        {"lease_duration": -1},
        {"lease_duration": -0.001},
        {"client_token": ""},
        {"client_token": "hvs.\nplanted"},
        {"client_token": "hvs.planted "},
        {"client_token": "hvs.plantéd"},
        {"client_token": None},
        {"lease_duration": "1h"},
    ],
    ids=repr,
)
async def test_what_is_no_login(aiohttp_server: AiohttpServer, wrong: dict[str, Any]) -> None:
    hour = Hour(ISSUED | wrong, {})
    client, errors = await hour.scrape(aiohttp_server, USER)
    (error,) = errors
    assert error.startswith("login_failed: login: auth/userpass/login/exporter: Vault's answer is not understood")
    assert failures(client) == {"bad_reply": hour.logins}
    assert 10 < hour.logins < 25  # the pause grows from 5 seconds to 5 minutes
    assert hour.calls["sys/mounts"] == 0


@pytest.mark.parametrize("auth", [USER, TokenAuth(token=Secret("hvs.planted"))], ids=["login", "given"])
async def test_what_is_no_text(aiohttp_server: AiohttpServer, auth: Auth) -> None:
    hour = Hour(ISSUED, {"ttl": AN_HOUR, "entity_id": "\udcff"})
    client, errors = await hour.scrape(aiohttp_server, auth)
    if auth is USER:  # the login is proof enough of the token
        assert (hour.logins, errors) == (1, set())
    else:
        (error,) = errors
        assert error.startswith("login_failed: login: auth/token/lookup-self: Vault's answer is not understood")
        assert set(failures(client)) == {"bad_reply"}
        assert hour.calls[LOOKUP] < 25


async def test_tokens_that_are_given_and_not_taken(
    aiohttp_server: AiohttpServer, capsys: pytest.CaptureFixture[str]
) -> None:
    hour = Refusing(ISSUED, {"ttl": AN_HOUR})
    client, errors = await hour.scrape(aiohttp_server, USER)
    assert "login_failed: login: Vault does not take the token that it gave just now" in errors
    assert 10 < hour.logins == samples(client)["logins_total"] < 25
    assert hour.calls["sys/mounts"] <= 2 * hour.logins
    assert "hvs." not in capsys.readouterr().out


@pytest.mark.parametrize("lease", [0.001, 1, 4.9])
async def test_a_token_that_lives_too_short(
    aiohttp_server: AiohttpServer, lease: float, capsys: pytest.CaptureFixture[str]
) -> None:
    hour = Hour(ISSUED | {"lease_duration": lease, "renewable": True}, {"ttl": lease})
    client, errors = await hour.scrape(aiohttp_server, USER)
    assert errors == {f"login_failed: login: the last token lived for {lease:g} s only; raise token_ttl"}
    assert 10 < hour.logins == samples(client)["logins_total"] < 25
    assert capsys.readouterr().out.count("the token lives too short") == 1


async def test_a_token_that_lives_from_scrape_to_scrape(aiohttp_server: AiohttpServer) -> None:
    hour = Hour(ISSUED | {"lease_duration": INTERVAL}, {"ttl": INTERVAL})
    _, errors = await hour.scrape(aiohttp_server, USER)
    assert errors == set()
    assert hour.calls["sys/mounts"] == AN_HOUR / INTERVAL


async def test_a_given_token_with_a_life_below_zero(aiohttp_server: AiohttpServer) -> None:
    hour = Hour({}, {"ttl": -5})
    client, errors = await hour.scrape(aiohttp_server, TokenAuth(token=Secret("hvs.planted")))
    (error,) = errors
    assert error.startswith("login_failed: login: auth/token/lookup-self: Vault's answer is not understood")
    assert set(failures(client)) == {"bad_reply"}
    assert hour.calls[LOOKUP] < 25


async def test_the_audit_log_may_say_at_once_who_looks_the_token_up(aiohttp_server: AiohttpServer) -> None:
    shared, known = Shared(), []

    async def answer(request: web.Request) -> web.Response:
        known.append((request.path.removeprefix("/v1/"), set(shared.entities)))
        return web.json_response({"auth": ISSUED | {"entity_id": "e-1"}, "data": {"ttl": 3600}})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    server = await aiohttp_server(app)
    client = LoggedIn(Target(name="n1", address=f"http://127.0.0.1:{server.port}", auth=USER), shared=shared)
    await client.get("sys/mounts", token=True)
    await client.close()
    assert known[:3] == [(LOGIN, set()), (LOOKUP, {"e-1"}), ("sys/mounts", {"e-1"})]


def test_who_the_exporter_was_is_remembered_within_bounds() -> None:
    shared = Shared()
    entities = shared.entities
    for number in range(10_000):
        shared.note_entity("kept")
        shared.note_entity(f"e-{number}")
    shared.note_entity("")
    shared.note_entity("e" * 1_000_000)
    assert len(entities) == 4096
    assert {"kept", "e-9999"} <= entities
    assert "e-0" not in entities
    assert "" not in entities


async def test_a_wrong_password_that_is_written_again_and_again(aiohttp_server: AiohttpServer, tmp_path: Path) -> None:
    file, other = tmp_path / "password", tmp_path / "new"
    tries = []

    async def answer(request: web.Request) -> web.Response:
        tries.append((await request.json())["password"])
        return web.json_response({"errors": ["invalid username or password"]}, status=400)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    server = await aiohttp_server(app)
    auth = UserpassAuth(username="exporter", password_file=file)
    client = LoggedIn(Target(name="n1", address=f"http://127.0.0.1:{server.port}", auth=auth), clock=lambda: 1e9)
    for password in ("wrong", "wrong", "wrong", "other", "other"):
        other.write_text(password)
        other.replace(file)
        with pytest.raises(VaultError):
            await client.get("sys/mounts", token=True)
    await client.close()
    assert tries == ["wrong", "other"]
