"""What the exporter's TLS demands, over real handshakes: names of certificates, ciphers, authorities."""

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiohttp
import pytest
import trustme

from tests.web.served import Served, ask, serving
from vault_exporter.config.schema.model import Config

TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.pem\n"
CLIENTS = f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"
NAMES = ("prometheus.example.com", "2001:db8::1", "prometheus@example.com")

Start = Callable[[str], AbstractAsyncContextManager[Served]]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def start(tmp_path: Path, authority: trustme.CA) -> Start:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")

    @contextlib.asynccontextmanager
    async def start(text: str) -> AsyncIterator[Served]:
        path = tmp_path / "web.yml"
        path.write_text(text)
        async with serving(Config(web_config_file=path)) as served:
            yield served

    return start


def client(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if names:
        authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.mark.parametrize(
    ("allowed", "status"),
    [
        ("[prometheus.example.com]", 200),
        ("[other.example.com, '2001:db8::1']", 200),
        ("['2001:DB8:0:0:0:0:0:1']", 200),
        ("[prometheus@example.com]", 200),
        ("[other.example.com, '2001:db8::2']", 403),
        ("[example.com]", 403),
        ("[]", 403),
        ("null", 200),
    ],
)
async def test_names_that_are_let_in(start: Start, authority: trustme.CA, allowed: str, status: int) -> None:
    async with start(f"{CLIENTS}  client_allowed_sans: {allowed}\n") as served:
        assert (await ask(served, tls=client(authority, *NAMES)))[0] == status


@pytest.mark.parametrize(
    ("suites", "offered", "good"),
    [
        ("[TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]", "ECDHE-ECDSA-AES256-GCM-SHA384", True),
        ("[TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]", "ECDHE-ECDSA-AES128-GCM-SHA256", False),
        ("[TLS_AES_128_GCM_SHA256]", "ECDHE-ECDSA-AES128-GCM-SHA256", False),
        ("[]", "ECDHE-ECDSA-AES128-GCM-SHA256", True),
    ],
)
async def test_cipher_suites_bind_tls_1_2(
    start: Start, authority: trustme.CA, suites: str, offered: str, *, good: bool
) -> None:
    context = client(authority)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(offered)
    async with start(f"{TLS}  cipher_suites: {suites}\n") as served:
        if good:
            assert (await ask(served, tls=context))[0] == 200
        else:
            with pytest.raises(aiohttp.ClientError):
                await ask(served, tls=context)
        assert (await ask(served, tls=client(authority)))[0] == 200  # over TLS 1.3


async def test_a_curve_of_several_is_used(start: Start, authority: trustme.CA) -> None:
    async with start(f"{TLS}  curve_preferences: [CurveP521, X25519MLKEM768, CurveP384]\n") as served:
        for curve, good in (("secp384r1", True), ("secp521r1", False)):
            context = client(authority)
            context.set_ecdh_curve(curve)
            if good:
                assert (await ask(served, tls=context))[0] == 200
            else:
                with pytest.raises(aiohttp.ClientError):
                    await ask(served, tls=context)


async def test_an_intermediate_authority_is_trusted_by_itself(start: Start, tmp_path: Path) -> None:
    root = trustme.CA()
    intermediate = root.create_child_ca()
    async with start(CLIENTS) as served:
        intermediate.cert_pem.write_to_path(tmp_path / "ca.pem")
        context = client(root)
        context.load_verify_locations(tmp_path / "server.pem")
        intermediate.issue_cert("prometheus.example.com").configure_cert(context)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the server's is of another
        assert (await ask(served, tls=context))[0] == 200


@pytest.mark.parametrize("asked", ["VerifyClientCertIfGiven", "RequireAndVerifyClientCert"])
async def test_without_an_authority_the_systems_decide(start: Start, authority: trustme.CA, asked: str) -> None:
    async with start(f"{TLS}  client_auth_type: {asked}\n") as served:
        with pytest.raises((aiohttp.ClientError, OSError)):
            await ask(served, tls=client(authority, "prometheus.example.com"))
        if asked == "VerifyClientCertIfGiven":
            assert (await ask(served, tls=client(authority)))[0] == 200
            # Whoever has no certificate is let in, so nobody is told who asks for what.
            assert (await ask(served, "/audit/top", tls=client(authority)))[0] == 403


async def test_plain_http_where_the_section_is_empty(start: Start) -> None:
    async with start("tls_server_config: {}\n") as served:
        assert (await ask(served))[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://evil.example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
async def test_a_reload_that_a_page_of_another_site_asks_for(headers: dict[str, str], status: int) -> None:
    async with (
        serving(Config(web_enable_lifecycle=True)) as served,
        aiohttp.ClientSession() as session,
        session.post(served.url("/-/reload"), headers=headers) as response,
    ):
        assert response.status == status


async def test_a_reload_that_the_exporters_own_page_asks_for() -> None:
    async with serving(Config(web_enable_lifecycle=True)) as served, aiohttp.ClientSession() as session:
        own = {"Origin": f"http://LOCALHOST:{served.port}"}
        async with session.post(served.url("/-/reload"), headers=own) as response:
            assert response.status == 200


@pytest.mark.parametrize("path", ["/", "/metrics", "/nothing", "/sd", "/-/reload", "/%00"])
async def test_every_answer_has_the_headers(path: str, tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(
        "http_server_config: {headers: {X-Frame-Options: deny, X-XSS-Protection: 0, Content-Security-Policy: ''}}\n"
    )
    async with serving(Config(web_config_file=file)) as served, aiohttp.ClientSession() as session:
        timeout = {"X-Prometheus-Scrape-Timeout-Seconds": "10"}
        async with session.get(served.url(path), headers=timeout) as response:
            headers = response.headers
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
        assert (headers["X-Frame-Options"], headers["X-XSS-Protection"]) == ("deny", "0")
        assert headers.get("Content-Security-Policy") != ""
