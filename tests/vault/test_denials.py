"""What Vault denies is not asked at every scrape, since each question is an entry in its audit log."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.lab.fake_node import Node, StartExporter, target
from tests.lab.logged_in import LoggedIn
from tests.lab.waiting import PATIENCE
from vault_exporter.config.schema.logins import Auth, NoAuth, TokenAuth, UserpassAuth
from vault_exporter.config.schema.secret import Secret
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collectors.telemetry import Status, fetch
from vault_exporter.vault.errors import NoTokenError, VaultError

DENIED = (403, '{"errors":["1 error occurred:\\n\\t* permission denied\\n\\n"]}')
UNKNOWN = (400, '{"errors":["cannot forward local-only request"]}')
"""Of a standby of OpenBao 2.7 on raft, to a token that it does not know."""
GIVEN = TokenAuth(token=Secret("hvs.planted"))
USER = UserpassAuth(username="exporter", password=Secret("planted"))
LOGIN = "auth/userpass/login/exporter"
LOOKUP, RENEW = "auth/token/lookup-self", "auth/token/renew-self"
PATH = "sys/mounts"


def issued(token: str, policy: str = "one", lease: float = 3600) -> tuple[int, str]:
    return 200, (
        f'{{"auth":{{"client_token":"{token}","lease_duration":{lease},"renewable":true,"policies":["{policy}"]}}}}'
    )


def looked_up(policy: str = "one", ttl: float = 3600) -> tuple[int, str]:
    return 200, f'{{"data":{{"ttl":{ttl},"renewable":true,"policies":["{policy}"],"identity_policies":null}}}}'


class Asker:
    """A client with a clock that the test turns, of a node that denies it ``sys/mounts``."""

    def __init__(self, node: Node) -> None:
        self.node, self.now = node, 1_800_000_000.0
        self.clients: list[LoggedIn] = []
        node.answers |= {PATH: DENIED, LOOKUP: looked_up(), LOGIN: issued("hvs.1"), RENEW: issued("hvs.1")}

    def client(self, auth: Auth) -> LoggedIn:
        self.clients.append(LoggedIn(target(self.node, auth=auth), clock=lambda: self.now))
        return self.clients[-1]

    async def ask(self, client: LoggedIn, expected: int = 403) -> int:
        """Ask, and return how often the node was asked so far."""
        answer = await client.get(PATH, token=True)
        assert answer.status == expected
        if expected == 403:
            assert answer.failure().reason is Reason.PERMISSION_DENIED
        return self.node.calls[PATH]


@pytest.fixture
async def asker(node: Node) -> AsyncIterator[Asker]:
    asker = Asker(node)
    yield asker
    for client in asker.clients:
        await client.close()


@pytest.mark.parametrize("auth", [GIVEN, USER, NoAuth()], ids=["given", "login", "none"])
async def test_it_is_asked_once_a_minute_and_refused_meanwhile(asker: Asker, auth: Auth) -> None:
    client = asker.client(auth)
    for seconds, asked in ((0, 1), (15, 1), (44.9, 1), (0.2, 2), (15, 2), (45, 3)):
        asker.now += seconds
        assert await asker.ask(client) == asked
    asker.now += 60
    asker.node.answers[PATH] = (200, '{"data":{}}')
    assert [await asker.ask(client, 200) for _ in range(3)] == [4, 5, 6]
    assert asker.node.calls[LOGIN] == (auth is USER)


async def test_with_a_token_that_vault_does_not_know(asker: Asker) -> None:
    asker.node.answers[LOOKUP] = DENIED
    client = asker.client(GIVEN)
    assert [await asker.ask(client) for _ in range(3)] == [1, 1, 1]
    # It was the node's bad day: once the token is known to be good, what it may do is known no more.
    asker.node.answers |= {LOOKUP: looked_up(), PATH: (200, '{"data":{}}')}
    asker.now += 300
    assert await asker.ask(client, 200) == 2


async def test_a_refusal_of_another_kind_may_be_gone_by_the_next_scrape(asker: Asker) -> None:
    asker.node.answers[PATH] = (403, '{"errors":["invalid accessor"]}')
    client = asker.client(GIVEN)
    assert [await asker.ask(client) for _ in range(3)] == [1, 2, 3]


async def test_another_token_of_the_file_is_tried_at_once(asker: Asker, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("hvs.1")
    client = asker.client(TokenAuth(token_file=file))
    assert [await asker.ask(client) for _ in range(2)] == [1, 1]
    (tmp_path / "new").write_text("hvs.22")
    (tmp_path / "new").replace(file)
    assert [await asker.ask(client) for _ in range(2)] == [2, 2]
    assert asker.node.headers[PATH]["X-Vault-Token"] == "hvs.22"


async def test_another_login_is_tried_at_once(asker: Asker) -> None:
    client = asker.client(USER)
    assert [await asker.ask(client) for _ in range(2)] == [1, 1]
    asker.node.answers |= {LOGIN: issued("hvs.2"), PATH: (200, '{"data":{}}')}
    asker.now += 3601
    assert await asker.ask(client, 200) == 2


@pytest.mark.parametrize(("policy", "asked"), [("one", 1), ("other", 2)])
async def test_other_policies_are_tried_at_once(asker: Asker, policy: str, asked: int) -> None:
    asker.node.answers |= {LOOKUP: looked_up(ttl=1.5), RENEW: issued("hvs.planted", policy)}
    client = asker.client(GIVEN)
    assert [await asker.ask(client) for _ in range(2)] == [1, 1]
    async with asyncio.timeout(PATIENCE):
        while not any(s.family is c.TOKEN_EXPIRY and s.value > asker.now + 1000 for s in client.tokens.samples()):
            await client.get("sys/health")  # the token is renewed beside this
    assert await asker.ask(client) == asked


async def test_names_that_are_others_each_time_leave_room(asker: Asker) -> None:
    client = asker.client(GIVEN)
    for number in range(2000):
        asker.node.answers[f"sys/namespaces/{number}/seal-status"] = DENIED
        await client.get(f"sys/namespaces/{number}/seal-status", token=True)
        asker.now += 1
    assert [await asker.ask(client) for _ in range(2)] == [1, 1]


async def test_a_clock_that_is_set_back_does_not_make_it_last(asker: Asker) -> None:
    client = asker.client(GIVEN)
    assert await asker.ask(client) == 1
    asker.now -= 86_400
    assert [await asker.ask(client) for _ in range(2)] == [2, 2]


async def test_a_clock_that_is_set_back_does_not_hold_up_a_login(asker: Asker) -> None:
    asker.node.answers[LOGIN] = (400, '{"errors":["invalid username or password"]}')
    client = asker.client(USER)
    for expected in (1, 1):
        with pytest.raises(VaultError):
            await client.get(PATH, token=True)
        assert asker.node.calls[LOGIN] == expected
    asker.node.answers |= {LOGIN: issued("hvs.1"), PATH: (200, '{"data":{}}')}
    asker.now -= 86_400
    assert await asker.ask(client, 200) == 1


@pytest.mark.parametrize("refusal", [DENIED, (400, '{"errors":["missing client token"]}')], ids=["403", "400"])
async def test_telemetry_that_wants_a_token_while_there_is_none(asker: Asker, refusal: tuple[int, str]) -> None:
    asker.node.answers |= {LOGIN: (400, '{"errors":["invalid username or password"]}'), "sys/metrics": refusal}
    client = asker.client(USER)
    for seconds, asked in ((0, 1), (15, 1), (44.9, 1), (0.2, 2)):
        asker.now += seconds
        with pytest.raises(NoTokenError):
            await fetch(client)
        assert asker.node.calls["sys/metrics"] == asked
    asker.node.answers |= {LOGIN: issued("hvs.1"), "sys/metrics": (200, "")}
    asker.now += 30
    assert (await fetch(client)).status is Status.OK


async def test_a_standby_learns_of_a_login_a_moment_later(node: Node, start_exporter: StartExporter) -> None:
    node.answers |= {LOGIN: issued("hvs.1"), LOOKUP: looked_up(), "sys/host-info": (200, '{"data":{}}')}
    node.first = {"sys/metrics": [UNKNOWN] * 2, "sys/host-info": [UNKNOWN] * 3}
    client = await start_exporter(target(node, auth=USER))
    page = await (await client.get("/probe?target=n1")).text()
    assert '\nvault_exporter_telemetry_status{status="ok"} 1\n' in page
    assert (node.calls["sys/metrics"], node.calls["sys/host-info"], node.calls[LOGIN]) == (3, 4, 1)


async def test_a_standby_does_not_know_a_token_that_is_revoked(asker: Asker) -> None:
    asker.node.answers[PATH] = (200, '{"data":{}}')
    client = asker.client(USER)
    assert await asker.ask(client, 200) == 1
    asker.now += 60
    asker.node.answers[LOGIN] = issued("hvs.2")  # which it knows
    asker.node.first = {PATH: [UNKNOWN], LOOKUP: [DENIED]}
    assert await asker.ask(client, 200) == 3
    assert asker.node.calls[LOGIN] == 2
    # The token is good, so that there is nothing to do but wait.
    asker.now += 60
    asker.node.answers[PATH] = UNKNOWN
    assert [await asker.ask(client, 400) for _ in range(2)] == [4, 5]
    assert asker.node.calls[LOGIN] == 2
    assert asker.node.calls[LOOKUP] == 4


async def test_a_scrape_goes_on_saying_so(node: Node, start_exporter: StartExporter) -> None:
    node.answers["sys/key-status"] = node.answers["sys/metrics"] = DENIED
    client = await start_exporter(target(node, auth=GIVEN))
    for _ in range(3):
        page = await (await client.get("/probe?target=n1")).text()
        assert '\nvault_exporter_collector_success{collector="barrier_key"} 0\n' in page
        assert re.search(r'failure_reason\{collector="barrier_key",reason="permission_denied"\} 1\n', page)
        assert '\nvault_exporter_telemetry_status{status="permission_denied"} 1\n' in page
    assert (node.calls["sys/key-status"], node.calls["sys/metrics"]) == (1, 1)
