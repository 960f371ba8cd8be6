"""Who gets an answer, over real connections: users, certificates, limits, and a file that changes meanwhile."""

import asyncio
import base64
import contextlib
import os
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import bcrypt
import pytest
import trustme
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from tests.audit.device import Clock
from tests.lab.waiting import PATIENCE, wait_until
from tests.web.served import Served, ask, serving
from vault_exporter.config.schema.model import Config
from vault_exporter.demo.process import Service, free_port, program
from vault_exporter.demo.prometheus import Prometheus
from vault_exporter.web.auth import Guard
from vault_exporter.web.passwords import Passwords
from vault_exporter.web.settings import SettingsFile

PASSWORD = "planted-password"
PROBES = ["/-/healthy", "/-/ready"]
CLOSED = ["/", "/metrics", "/probe", "/-/healthy/", "/-//healthy", "/-/reload", "/nothing"]


def login(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


PROMETHEUS = login("prometheus", PASSWORD)

Start = Callable[[str], Awaitable[Served]]


def hashed(password: str = PASSWORD, cost: int = 4) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


USERS = f'basic_auth_users: {{prometheus: "{hashed()}"}}\n'


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(text: str) -> Served:
            path = tmp_path / "web.yml"
            path.write_text(text)
            return await stack.enter_async_context(serving(Config(web_config_file=path)))

        yield start


def write_anew(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(text)
    temporary.replace(path)


@pytest.mark.parametrize("path", CLOSED)
async def test_nobody_gets_in_without_a_password(start: Start, path: str) -> None:
    status, text, headers = await ask(await start(USERS), path)
    assert (status, text) == (401, "Unauthorized\n")
    assert headers["WWW-Authenticate"] == 'Basic realm="vault-exporter"'


@pytest.mark.parametrize("path", PROBES)
async def test_an_orchestrator_needs_no_password(start: Start, path: str) -> None:
    server = await start(USERS)
    for auth in ("", login("prometheus", "wrong")):
        status, text, _ = await ask(server, path, auth)
        assert (status, text) == (200, f"vault-exporter is {path.removeprefix('/-/')}.\n")
    _, page, _ = await ask(server, "/metrics", PROMETHEUS)
    assert '\nvault_exporter_web_refused_requests_total{reason="credentials"} 0\n' in page


async def test_the_right_password_gets_in_and_is_counted_as_no_refusal(start: Start) -> None:
    server = await start(USERS)
    assert (await ask(server))[0] == 401
    for _ in range(2):
        status, page, _ = await ask(server, "/metrics", PROMETHEUS)
        assert status == 200
    assert '\nvault_exporter_web_refused_requests_total{reason="credentials"} 1\n' in page
    assert '\nvault_exporter_web_refused_requests_total{reason="rate_limit"} 0\n' in page
    assert PASSWORD not in page


@pytest.mark.parametrize(
    "auth",
    [
        login("prometheus", "wrong"),
        login("prometheus", ""),
        login("somebody", PASSWORD),
        login("", PASSWORD),
        login("prometheus", "\0" + PASSWORD),
        login("prometheus", "x" * 4000),
    ],
)
async def test_wrong_ones_do_not(start: Start, auth: str) -> None:
    server = await start(USERS)
    await ask(server, auth=PROMETHEUS)
    assert (await ask(server, auth=auth))[0] == 401


@pytest.mark.parametrize("user", ["prometheus", "somebody", ""])
async def test_a_wrong_login_costs_a_comparison_whether_the_user_exists_or_not(user: str) -> None:
    # At this cost a comparison takes so long that it is still under way when the event loop goes on.
    passwords = Passwords({"prometheus": hashed(cost=12)})
    asking = asyncio.create_task(passwords.are_good(login(user, "wrong")))
    most = 0
    while not asking.done():
        most = max(most, passwords.waiting)
        await asyncio.sleep(0)
    assert (most, await asking) == (1, False)


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic cHJvbQ==", "Bearer x", "Basic /w==", "Basic /zo6"])
async def test_what_is_no_login_is_refused(start: Start, header: str) -> None:
    server = await start(USERS)
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{server.port}/"
        async with session.get(url, headers={"Authorization": header}) as response:
            assert response.status == 401


async def test_many_logins_at_once_end(start: Start) -> None:
    server = await start(USERS)
    answers = await asyncio.gather(*(ask(server, auth=login("prometheus", str(n))) for n in range(80)))
    assert {status for status, _, _ in answers} <= {401, 503}
    assert (await ask(server, auth=PROMETHEUS))[0] == 200


async def test_the_file_is_read_again_and_a_wrong_one_is_not_used(start: Start, tmp_path: Path) -> None:
    server = await start(USERS)
    assert (await ask(server, auth=PROMETHEUS))[0] == 200
    write_anew(tmp_path / "web.yml", USERS.replace("prometheus", "somebody"))
    assert (await ask(server, auth=PROMETHEUS))[0] == 401
    write_anew(tmp_path / "web.yml", "basic_auth_users: {prometheus: planted}\n")
    assert (await ask(server))[0] == 401
    assert (await ask(server, auth=login("somebody", PASSWORD)))[0] == 200
    for emptied in ("", "# nobody\n", "rate_limit: {interval: [1]}\n"):
        write_anew(tmp_path / "web.yml", emptied)
        assert (await ask(server))[0] == 401
    (tmp_path / "web.yml").unlink()
    assert (await ask(server))[0] == 401
    os.mkfifo(tmp_path / "web.yml")
    assert (await ask(server))[0] == 401


async def test_the_rate_is_limited(start: Start) -> None:
    server = await start("rate_limit: {interval: 1h, burst: 2}\n")
    assert [(await ask(server))[0] for _ in range(4)] == [200, 200, 429, 429]


async def test_a_pause_fills_the_bucket_up_to_its_burst(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    file, clock = tmp_path / "web.yml", Clock()
    file.write_text("rate_limit: {interval: 1s, burst: 2}\n")
    app = web.Application(middlewares=[Guard(SettingsFile(file), clock=clock).middleware])
    app.router.add_get("/", answer)
    client = await aiohttp_client(app)
    for pause, statuses in ((0, [200, 200, 429]), (0.5, [429]), (0.5, [200, 429]), (3600, [200, 200, 429])):
        clock.now += pause
        assert [(await client.get("/")).status for _ in statuses] == statuses


async def test_headers_are_added_to_every_answer(start: Start) -> None:
    server = await start("http_server_config: {headers: {X-Frame-Options: deny, X-Content-Type-Options: nosniff}}\n")
    for path in CLOSED + PROBES:
        _, _, headers = await ask(server, path)
        assert headers["X-Frame-Options"] == "deny"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def issue(authority: trustme.CA, directory: Path, *names: str) -> ssl.SSLContext:
    """Write a server's certificate, and return the context of a client that trusts it and has one of these names."""
    authority.cert_pem.write_to_path(directory / "ca.pem")
    certificate = authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(directory / "server.pem")
    certificate.private_key_pem.write_to_path(directory / "server.key")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if names:
        authority.issue_cert(*names).configure_cert(context)
    return context


TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
CLIENTS = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"


async def test_tls(start: Start, tmp_path: Path, authority: trustme.CA) -> None:
    client = issue(authority, tmp_path)
    server = await start(TLS)
    assert (await ask(server, tls=client))[0] == 200
    with pytest.raises(aiohttp.ClientError):
        await ask(server)


async def test_a_new_certificate_is_used_at_once(start: Start, tmp_path: Path, authority: trustme.CA) -> None:
    issue(authority, tmp_path)
    server = await start(TLS)
    another = issue(trustme.CA(), tmp_path)
    assert (await ask(server, tls=another))[0] == 200


async def test_client_certificates(start: Start, tmp_path: Path, authority: trustme.CA) -> None:
    client = issue(authority, tmp_path, "prometheus.example.com")
    server = await start(TLS + CLIENTS)
    assert (await ask(server, tls=client))[0] == 200
    stranger = ssl.create_default_context()
    authority.configure_trust(stranger)
    with pytest.raises((aiohttp.ClientError, ConnectionResetError)):
        await ask(server, tls=stranger)
    trustme.CA().issue_cert("prometheus.example.com").configure_cert(stranger)
    with pytest.raises((aiohttp.ClientError, ConnectionResetError)):
        await ask(server, tls=stranger)


async def test_names_of_client_certificates(start: Start, tmp_path: Path, authority: trustme.CA) -> None:
    client = issue(authority, tmp_path, "prometheus.example.com")
    server = await start(f"{TLS}{CLIENTS}  client_allowed_sans: [prometheus.example.com]\n")
    assert (await ask(server, tls=client))[0] == 200
    other = issue(authority, tmp_path, "other.example.com")
    for path in ("/", *PROBES):
        assert (await ask(server, path, tls=other))[0] == 403


@pytest.mark.parametrize("clients", [USERS, CLIENTS], ids=["users", "certificates"])
def test_the_command_serves_with_it_and_checks_its_own_health(
    tmp_path: Path, authority: trustme.CA, clients: str
) -> None:
    issue(authority, tmp_path)
    path = tmp_path / "web.yml"
    path.write_text(TLS + clients)
    listen = f"127.0.0.1:{free_port()}"
    environment = {"VAULT_EXPORTER_WEB_CONFIG_FILE": str(path), "VAULT_EXPORTER_LISTEN": listen}
    command: list[str | Path] = [program("vault-exporter"), "serve", "--address", "http://127.0.0.1:1"]
    with Service("exporter", command, log=tmp_path / "log", env=environment) as exporter:
        exporter.wait_until(lambda: "listening" in exporter.tail(), timeout=PATIENCE)
        health = Service("health", [program("vault-exporter"), "healthcheck"], log=tmp_path / "h", env=environment)
        wait_until(lambda: health.returncode is not None, what="an answer")
        assert health.returncode == 0, health.tail()
        assert PASSWORD not in exporter.tail(1000)


def test_a_real_prometheus_logs_in(tmp_path: Path, authority: trustme.CA) -> None:
    issue(authority, tmp_path)
    leaf = authority.issue_cert("prometheus.example.com")
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    leaf.private_key_pem.write_to_path(tmp_path / "client.key")
    path = tmp_path / "web.yml"
    path.write_text(TLS + CLIENTS + USERS)
    # The toolkit's own reader takes the same file.
    subprocess.run(["promtool", "check", "web-config", path], check=True, capture_output=True, timeout=PATIENCE)
    port = free_port()
    trust = {
        "ca_file": str(tmp_path / "ca.pem"),
        "cert_file": str(tmp_path / "client.pem"),
        "key_file": str(tmp_path / "client.key"),
        "server_name": "localhost",
    }
    job = {
        "scheme": "https",
        "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
        "tls_config": trust,
    }
    jobs = [
        {"job_name": "right", "basic_auth": {"username": "prometheus", "password": PASSWORD}, **job},
        {"job_name": "wrong", "basic_auth": {"username": "prometheus", "password": "wrong"}, **job},
    ]
    command: list[str | Path] = [program("vault-exporter"), "serve", "--address", "http://127.0.0.1:1"]
    environment = {"VAULT_EXPORTER_WEB_CONFIG_FILE": str(path), "VAULT_EXPORTER_LISTEN": f"127.0.0.1:{port}"}
    (tmp_path / "prometheus").mkdir()
    with Service("exporter", command, log=tmp_path / "log", env=environment) as exporter:
        exporter.wait_until(lambda: "listening" in exporter.tail(), timeout=PATIENCE)
        with Prometheus(tmp_path / "prometheus", jobs, port=free_port()) as prometheus:

            def scraped() -> bool:
                states = {target.job: target for target in prometheus.targets()}
                return {target.health for target in states.values()} == {"up", "down"} and (
                    states["right"].health == "up" and "401" in states["wrong"].last_error
                )

            wait_until(scraped, what="one job up, the other refused")
