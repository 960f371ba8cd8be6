"""Logins that cannot be had on one machine: what is sent, to a node over HTTP that takes it. Hand-made answers."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from tests.lab.logged_in import LoggedIn
from vault_exporter.config.schema.logins import Auth, AwsAuth, AzureAuth, GcpAuth, LdapAuth, TokenAuth
from vault_exporter.config.schema.model import Target
from vault_exporter.config.schema.secret import Secret
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.reasons import Reason
from vault_exporter.vault.client import VaultError

ISSUED = {"auth": {"client_token": "hvs.1", "lease_duration": 3600, "renewable": True, "entity_id": "e", "num_uses": 0}}


class Fake:
    """Takes every login; keeps what came."""

    def __init__(self) -> None:
        self.bodies: dict[str, Any] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.login: tuple[int, Any] = (200, ISSUED)
        self.lookup: tuple[int, Any] = (200, {"data": {"ttl": 3599, "display_name": "cloud"}})

    async def answer(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix("/v1/")
        self.headers[path] = dict(request.headers)
        if "/login" in path:
            self.bodies[path] = await request.json()
            status, body = self.login
            return web.json_response(body, status=status)
        if path == "auth/token/lookup-self":
            status, body = self.lookup
            return web.json_response(body, status=status)
        return web.json_response({"data": {}})


@pytest.fixture
async def fake(aiohttp_server: AiohttpServer) -> tuple[Fake, str]:
    fake = Fake()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.answer)
    server = await aiohttp_server(app)
    return fake, f"http://127.0.0.1:{server.port}"


async def logged_in(address: str, auth: Auth, namespace: str | None = None) -> None:
    client = LoggedIn(Target(name="n1", address=address, auth=auth, namespace=namespace))
    try:
        assert (await client.get("sys/mounts", token=True)).status == 200
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("auth", "path", "body"),
    [
        (
            LdapAuth(username="exporter", password=Secret("two words"), mount="team/ldap", namespace="ops/people"),
            "auth/team/ldap/login/exporter",
            {"password": "two words"},
        ),
        (
            GcpAuth(role="exporter", jwt=Secret("a.b.c")),
            "auth/gcp/login",
            {"role": "exporter", "jwt": "a.b.c"},
        ),
        (
            AzureAuth(role="exporter", jwt=Secret("a.b.c"), subscription_id="s", resource_group_name="g", vm_name="v"),
            "auth/azure/login",
            {"role": "exporter", "jwt": "a.b.c", "subscription_id": "s", "resource_group_name": "g", "vm_name": "v"},
        ),
    ],
    ids=["ldap", "gcp", "azure"],
)
async def test_what_is_sent(fake: tuple[Fake, str], auth: Auth, path: str, body: dict[str, str]) -> None:
    node, address = fake
    await logged_in(address, auth, namespace="ops")
    assert node.bodies == {path: body}
    namespace = "ops/people" if isinstance(auth, LdapAuth) else "ops"
    for own in (path, "auth/token/lookup-self", "auth/token/revoke-self"):
        assert node.headers[own]["X-Vault-Namespace"] == namespace
    assert node.headers["sys/mounts"]["X-Vault-Namespace"] == "ops"
    assert "X-Vault-Token" not in node.headers[path]
    assert node.headers[path]["User-Agent"].startswith("vault-exporter/")
    assert node.headers["sys/mounts"]["X-Vault-Token"] == "hvs.1"


async def test_a_signed_question_for_aws(fake: tuple[Fake, str], tmp_path: Path) -> None:
    node, address = fake
    secret = tmp_path / "secret"
    secret.write_text("planted\n")
    auth = AwsAuth(
        access_key=Secret("AKIA1"),
        secret_key_file=secret,
        session_token=Secret("session"),
        role="exporter",
        region="eu-central-1",
        header_value="vault.example.com",
    )
    await logged_in(address, auth)
    body = node.bodies["auth/aws/login"]
    assert body["role"] == "exporter"
    assert body["iam_http_request_method"] == "POST"
    headers = json.loads(base64.b64decode(body["iam_request_headers"]))
    assert headers["X-Vault-AWS-IAM-Server-ID"] == ["vault.example.com"]
    (authorization,) = headers["Authorization"]
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=AKIA1/")
    assert "/eu-central-1/sts/aws4_request" in authorization
    assert "planted" not in json.dumps(headers)


@pytest.mark.parametrize(
    ("status", "body", "reason", "failure"),
    [
        (400, {"errors": ["role not found"]}, Reason.LOGIN_FAILED, "denied"),
        (404, {"errors": []}, Reason.LOGIN_FAILED, "denied"),
        (429, {"errors": ["rate limit quota exceeded"]}, Reason.RATE_LIMITED, "unavailable"),
        (500, {"errors": ["context deadline exceeded"]}, Reason.HTTP_5XX, "unavailable"),
        (200, {"data": {}}, Reason.LOGIN_FAILED, "bad_reply"),
        (200, {"auth": {"client_token": "hvs.1", "num_uses": 7}}, Reason.LOGIN_FAILED, "num_uses"),
        (307, {}, Reason.REDIRECT, "unavailable"),
    ],
)
async def test_why_there_is_no_token(
    fake: tuple[Fake, str], status: int, body: object, reason: Reason, failure: str
) -> None:
    node, address = fake
    node.login = (status, body)
    client = LoggedIn(Target(name="n1", address=address, auth=GcpAuth(role="r", jwt=Secret("planted"))))
    try:
        with pytest.raises(VaultError) as caught:
            await client.get("sys/mounts", token=True)
        assert caught.value.reason is reason
        counted = {
            s.labels[0]: s.value for s in client.tokens.samples() if s.family.name.endswith("login_failures_total")
        }
        assert {name for name, value in counted.items() if value} == {failure}
        assert "sys/mounts" not in node.headers
        assert "planted" not in str(caught.value)
    finally:
        await client.close()


async def test_a_sealed_node_says_so_itself(fake: tuple[Fake, str]) -> None:
    node, address = fake
    node.login = (503, {"errors": ["Vault is sealed"]})
    await logged_in(address, GcpAuth(role="r", jwt=Secret("a.b.c")))
    assert "X-Vault-Token" not in node.headers["sys/mounts"]


async def test_a_given_token_that_is_refused_is_asked_about_again(fake: tuple[Fake, str]) -> None:
    node, address = fake
    now = 1000.0
    client = LoggedIn(
        Target(name="n1", address=address, auth=TokenAuth(token=Secret("hvs.0"))),
        clock=lambda: now,
    )

    async def valid() -> float:
        assert (await client.get("sys/mounts", token=True)).status == 200
        (value,) = (one.value for one in client.tokens.samples() if one.family is c.TOKEN_VALID)
        return value

    try:
        node.lookup = (403, {"errors": ["permission denied"]})
        assert await valid() == 0
        node.lookup = (200, {"data": {"ttl": 3599}})
        assert await valid() == 0
        now += 301
        assert await valid() == 1
    finally:
        await client.close()
