"""Logins against a real OpenBao."""

import asyncio
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.logged_in import LoggedIn
from tests.lab.waiting import PATIENCE, eventually
from tests.vault.conftest import POD, POLICY, Bao, Connect
from vault_exporter.config.schema.logins import (
    ApproleAuth,
    Auth,
    CertAuth,
    JwtAuth,
    KubernetesAuth,
    NoAuth,
    TokenAuth,
    UserpassAuth,
)
from vault_exporter.config.schema.secret import Secret
from vault_exporter.metrics.exposition import Format, render
from vault_exporter.metrics.reasons import Reason
from vault_exporter.vault.auth.shared import Shared
from vault_exporter.vault.client import VaultError

USER = UserpassAuth(username="exporter", password=Secret("two words"))


def samples(client: LoggedIn) -> dict[str, float]:
    """Series of the client's login and their values."""
    lines = render(client.tokens.samples(), Format.TEXT).decode().splitlines()
    pairs = (line.removeprefix("vault_exporter_").rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def failures(client: LoggedIn, kind: str = "login") -> dict[str, float]:
    """Reasons that were counted."""
    start = f'{kind}_failures_total{{reason="'
    return {
        name.removeprefix(start).removesuffix('"}'): value
        for name, value in samples(client).items()
        if name.startswith(start) and value
    }


async def status(client: LoggedIn, path: str = "sys/mounts") -> int:
    return (await client.get(path, token=True)).status


def role_id(bao: Bao, role: str = "exporter") -> str:
    text: str = bao.do("GET", f"auth/approle/role/{role}/role-id").body["data"]["role_id"]
    return text


def secret_id(bao: Bao) -> str:
    text: str = bao.do("POST", "auth/approle/role/exporter/secret-id", metadata="{}").body["data"]["secret_id"]
    return text


def given(bao: Bao, method: str, file: Path) -> Auth:
    """A login of each kind, as a configuration would have it."""
    pod = {"kubernetes.io": {"namespace": "monitoring", "serviceaccount": {"name": "exporter", "uid": "1"}}}
    contents: dict[str, Callable[[], str]] = {
        "userpass": lambda: "two words\n",
        "approle": lambda: secret_id(bao),
        "approle wrapped": bao.wrapped_secret_id,
        "jwt": bao.jwt,
        "kubernetes": lambda: bao.jwt(**POD, **pod),
    }
    if method in contents:
        file.write_text(contents[method]())
    auths: dict[str, Auth] = {
        "userpass": UserpassAuth(username="exporter", password_file=file),
        "approle": ApproleAuth(role_id=role_id(bao), secret_id_file=file),
        "approle without secret-id": ApproleAuth(role_id=role_id(bao, "idle")),
        "approle wrapped": ApproleAuth(role_id=role_id(bao), secret_id_file=file, wrapped=True),
        "jwt": JwtAuth(role="exporter", jwt_file=file),
        "kubernetes": KubernetesAuth(role="exporter", token_file=file),
        "cert": CertAuth(role="exporter"),
    }
    return auths[method]


METHODS = ("userpass", "approle", "approle without secret-id", "approle wrapped", "jwt", "kubernetes", "cert")


@pytest.mark.parametrize("method", METHODS)
async def test_one_login_for_all_calls_and_another_when_it_is_revoked(
    bao: Bao, connect: Connect, tmp_path: Path, method: str
) -> None:
    client = await connect(given(bao, method, tmp_path / "credential"), tls=method == "cert")
    assert samples(client)["token_valid"] == 0
    assert samples(client)["logins_total"] == 0
    assert await asyncio.gather(*(status(client) for _ in range(20))) == [200] * 20
    seen = samples(client)
    assert (seen["token_valid"], seen["token_renewable"], seen["logins_total"]) == (1, 1, 1)
    assert seen["token_expiry_timestamp_seconds"] == pytest.approx(time.time() + 3600, abs=10)
    assert failures(client) == {}

    entity, name = client.tokens.identity
    assert entity
    assert name.startswith(method.split(maxsplit=1)[0])

    token = await client.tokens.current()
    assert token is not None
    bao.revoke(token)
    assert await asyncio.gather(*(status(client) for _ in range(20))) == [200] * 20
    assert samples(client)["logins_total"] == 2


async def test_a_denied_path_is_no_reason_to_log_in_again(connect: Connect) -> None:
    client = await connect(USER)
    assert await status(client) == 200
    for _ in range(3):
        before = client.requests
        assert await asyncio.gather(*(status(client, path) for path in ("sys/auth", "sys/policies/acl"))) == [403, 403]
    assert client.requests == before  # they were denied a moment ago
    assert samples(client)["logins_total"] == 1


async def test_a_token_that_may_not_look_itself_up_still_works(bao: Bao, connect: Connect) -> None:
    client = await connect(UserpassAuth(username="blind", password=Secret("two words")))
    assert await status(client) == 200
    assert samples(client)["token_valid"] == 1
    token = await client.tokens.current()
    assert token is not None
    bao.revoke(token)
    assert await status(client) == 200
    # What is refused may be the path. To find out costs a login, so it is done once in some minutes.
    for _ in range(3):
        assert await status(client, "sys/auth") == 403
    assert samples(client)["logins_total"] == 2


async def test_renewal_and_login_before_the_end(connect: Connect) -> None:
    client = await connect(UserpassAuth(username="short", password=Secret("two words")))
    assert await status(client) == 200

    async def renewed_and_logged_in() -> bool:
        assert await status(client) == 200
        return samples(client)["token_renewals_total"] >= 2 and samples(client)["logins_total"] >= 2

    await eventually(renewed_and_logged_in, what="2 renewals and 2 logins within 20 s")
    assert failures(client) == {}
    assert failures(client, "token_renewal") == {}
    assert samples(client)["logins_total"] <= 4


async def test_the_token_is_given_back_in_the_end(bao: Bao, connect: Connect) -> None:
    client = await connect(USER)
    token = await client.tokens.current()
    assert token is not None
    await client.close()
    with pytest.raises(AssertionError, match="403"):
        bao.do("GET", "auth/token/lookup-self", token.reveal())


async def test_a_given_token_is_renewed_and_kept(bao: Bao, connect: Connect) -> None:
    token = bao.token(ttl="3s")
    client = await connect(TokenAuth(token=Secret(token)))

    async def renewed() -> bool:
        assert await status(client) == 200
        return samples(client)["token_renewals_total"] >= 2

    await eventually(renewed, what="2 renewals within 20 s")
    await client.close()
    bao.do("GET", "auth/token/lookup-self", token)


async def test_the_root_token_never_expires(connect: Connect) -> None:
    client = await connect(TokenAuth(token=Secret("root")))
    assert await status(client) == 200
    assert samples(client)["token_valid"] == 1
    assert "token_expiry_timestamp_seconds" not in samples(client)
    assert samples(client)['auth_info{method="token"}'] == 1


async def test_a_revoked_token_that_was_given(bao: Bao, connect: Connect, capsys: pytest.CaptureFixture[str]) -> None:
    token = bao.token()
    client = await connect(TokenAuth(token=Secret(token)))
    assert await status(client) == 200
    bao.revoke(Secret(token))
    for _ in range(3):
        assert await status(client) == 403
    assert samples(client)["token_valid"] == 0
    assert samples(client)["logins_total"] == 1
    log = capsys.readouterr().out
    assert log.count("there is no way to get another") == 1
    assert token not in log


async def test_a_token_file_that_is_rotated_under_load(bao: Bao, connect: Connect, tmp_path: Path) -> None:
    sink = tmp_path / "token"
    client = await connect(TokenAuth(token_file=sink))
    with pytest.raises(VaultError) as caught:
        await status(client)
    assert caught.value.reason is Reason.LOGIN_FAILED
    assert failures(client) == {"no_credentials": 1}

    tokens = [bao.token() for _ in range(4)]
    sink.write_text(tokens[0])
    seen: list[int] = []
    done = asyncio.Event()

    async def load() -> None:
        while not done.is_set():
            seen.append(await status(client))

    workers = [asyncio.create_task(load()) for _ in range(8)]

    async def forty_more() -> None:
        wanted = len(seen) + 40
        async with asyncio.timeout(PATIENCE):
            while len(seen) < wanted:
                assert await status(client) == 200

    for old, new in itertools.pairwise(tokens):
        await forty_more()
        fresh = tmp_path / "token.new"
        fresh.write_text(new + "\n")
        fresh.rename(sink)
        await asyncio.to_thread(bao.revoke, Secret(old))
    await forty_more()
    done.set()
    await asyncio.gather(*workers)
    assert set(seen) == {200}
    assert len(seen) > 160
    assert samples(client)["logins_total"] == 5  # one for each token, and the one that found no file
    assert samples(client)["token_valid"] == 1


async def test_a_token_with_limited_uses_is_refused(bao: Bao, connect: Connect) -> None:
    for auth in (
        UserpassAuth(username="limited", password=Secret("two words")),
        TokenAuth(token=Secret(bao.token(num_uses=5))),
    ):
        client = await connect(auth)
        for _ in range(3):
            with pytest.raises(VaultError, match="set num_uses") as caught:
                await status(client)
            assert caught.value.reason is Reason.LOGIN_FAILED
        assert failures(client) == {"num_uses": 1}
        assert samples(client)["token_valid"] == 0


async def test_refused_credentials_are_not_tried_again_at_once(
    connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "password"
    file.write_text("planted")
    client = await connect(UserpassAuth(username="exporter", password_file=file))
    for _ in range(5):
        with pytest.raises(VaultError) as caught:
            await status(client)
        assert (
            str(caught.value)
            == 'login: auth/userpass/login/exporter: HTTP 400: Vault says "invalid username or password"'
        )
    assert failures(client) == {"denied": 1}
    log = capsys.readouterr().out
    assert log.count("cannot log in") == 1
    assert "planted" not in log

    file.write_text("two words")
    assert await status(client) == 200


async def test_a_wrapped_secret_id_is_opened_once_for_all_targets(bao: Bao, connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "wrapping-token"
    file.write_text(bao.wrapped_secret_id())
    auth = ApproleAuth(role_id=role_id(bao), secret_id_file=file, wrapped=True)
    shared = Shared()
    clients = [await connect(auth, shared) for _ in range(3)]
    assert await asyncio.gather(*(status(client) for client in clients)) == [200, 200, 200]

    # Somebody else's attempt fails, and says what may have happened.
    with pytest.raises(VaultError, match="HTTP 400"):
        await status(await connect(auth))
    # A token that wraps something else is no secret-id, whatever is in it.
    reply = bao.do("POST", "sys/wrapping/wrap", headers={"X-Vault-Wrap-TTL": "60s"}, secret_id="planted")
    file.write_text(reply.body["wrap_info"]["token"])
    with pytest.raises(VaultError, match="does not hold a secret-id of auth/approle"):
        await status(await connect(auth))


async def test_a_login_in_a_namespace(bao: Bao, connect: Connect) -> None:
    inside = {"X-Vault-Namespace": "team"}
    bao.do("POST", "sys/namespaces/team")
    bao.do("PUT", "sys/policies/acl/mounts", headers=inside, policy=POLICY)
    bao.do("POST", "sys/auth/userpass", headers=inside, type="userpass")
    bao.do("POST", "auth/userpass/users/exporter", headers=inside, password="inside", token_policies=["mounts"])
    client = await connect(UserpassAuth(username="exporter", password=Secret("inside")), namespace="team")
    assert await status(client) == 200
    assert samples(client)["token_valid"] == 1
    # In the root namespace it is another user's password.
    with pytest.raises(VaultError, match="HTTP 400"):
        await status(await connect(UserpassAuth(username="exporter", password=Secret("inside"))))


async def test_without_a_login_there_is_nothing_to_say(connect: Connect) -> None:
    client = await connect(NoAuth())
    assert await status(client) == 403
    assert samples(client) == {'auth_info{method="none"}': 1}
