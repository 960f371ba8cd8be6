"""Ways to a node other than its host and port: Unix sockets, proxies, short and scoped addresses, a rate limit."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from aiohttp import ClientSession, web
from aiohttp.test_utils import unused_port
from pytest_aiohttp.plugin import AiohttpServer

from tests.lab.fake_node import Node, StartExporter, target
from vault_exporter.checks import Flags, load
from vault_exporter.config.schema.model import RateLimit, Secret, Target
from vault_exporter.metrics.reasons import Reason
from vault_exporter.vault.client import VaultError
from vault_exporter.vault.connection import connect
from vault_exporter.vault.rate_limit import RateLimiter

HEALTHY = "\nvault_up 1\n"


async def probe(start_exporter: StartExporter, one: Target) -> str:
    client = await start_exporter(one)
    return await (await client.get(f"/probe?target={one.name}")).text()


def named_by(**environ: str) -> Target:
    """The target that variables describe."""
    (one,) = load(None, Flags(), environ).targets
    return one


@pytest.mark.parametrize(
    ("host", "kept", "name"),
    [
        ("127.1", "127.0.0.1", "127.1"),
        ("0x7f.1", "127.0.0.1", "0x7f.1"),
        ("2130706433", "127.0.0.1", "2130706433"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost", "localhost"),
    ],
)
async def test_short_addresses_are_the_whole_ones(
    node: Node, start_exporter: StartExporter, host: str, kept: str, name: str
) -> None:
    one = named_by(VAULT_ADDR=node.address.replace("127.0.0.1", host))
    assert one.address == node.address.replace("127.0.0.1", kept)
    assert one.name.startswith("127.0.0.1:" if host != "localhost" else f"{name}:")
    assert HEALTHY in await probe(start_exporter, one)


@pytest.mark.parametrize("host", ["[::1]", "[::1%lo]", "[::1%25lo]", "[0:0::1]"])
async def test_ipv6_addresses(
    node: Node, start_exporter: StartExporter, aiohttp_server: AiohttpServer, host: str
) -> None:
    app = web.Application()
    app.router.add_get("/{path:.*}", node.answer)
    server = await aiohttp_server(app, host="::1")
    one = named_by(VAULT_ADDR=f"http://{host}:{server.port}")
    assert one.address == f"http://[::1]:{server.port}"
    assert HEALTHY in await probe(start_exporter, one)


def test_a_zone_stays_where_it_means_something() -> None:
    one = named_by(VAULT_ADDR="https://[fe80::1%25eth0]:8200")
    assert (one.name, one.address) == ("[fe80::1]:8200", "https://[fe80::1%eth0]:8200")


async def test_a_unix_socket(tmp_path: Path, node: Node, start_exporter: StartExporter) -> None:
    app = web.Application()
    app.router.add_get("/{path:.*}", node.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.UnixSite(runner, tmp_path / "vault.sock").start()
        one = named_by(BAO_ADDR=f"unix://{tmp_path}/vault.sock")
        assert one.name == "vault.sock"
        page = await probe(start_exporter, one)
    finally:
        await runner.cleanup()
    assert HEALTHY in page
    assert '\nvault_exporter_collector_success{collector="certificate"} 1\n' in page
    assert node.headers["sys/health"]["Host"] == "localhost"


async def test_a_unix_socket_that_is_not_there(tmp_path: Path, start_exporter: StartExporter) -> None:
    page = await probe(start_exporter, Target("n1", f"unix://{tmp_path}/none.sock"))
    assert '\nvault_up_failure_reason{reason="refused"} 1\n' in page


class Proxy:
    """An HTTP proxy that notes what it is asked for, and by whom."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.status = 0
        self.address = ""

    async def handle(self, request: web.BaseRequest) -> web.Response:
        self.seen.append((str(request.url), request.headers.get("Proxy-Authorization", "")))
        if self.status:
            return web.Response(status=self.status, text="<html>no</html>")
        async with ClientSession() as session, session.get(request.url, headers=request.headers) as answer:
            return web.Response(status=answer.status, body=await answer.read())


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    proxy = Proxy()
    runner = web.ServerRunner(web.Server(proxy.handle))
    await runner.setup()
    port = unused_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    proxy.address = f"127.0.0.1:{port}"
    yield proxy
    await runner.cleanup()


@pytest.mark.parametrize("written", ["http://{}", "{}", "http://user:planted@{}/"])
@pytest.mark.parametrize("variable", ["VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY", "BAO_PROXY_ADDR"])
async def test_a_proxy(node: Node, proxy: Proxy, start_exporter: StartExporter, written: str, variable: str) -> None:
    one = named_by(VAULT_ADDR=node.address, **{variable: written.format(proxy.address)})
    assert "planted" not in repr(one)
    page = await probe(start_exporter, one)
    assert HEALTHY in page
    assert (f"{node.address}/v1/sys/health", "Basic dXNlcjpwbGFudGVk" if "@" in written else "") in proxy.seen
    proxy.status = 502
    assert '\nvault_up_failure_reason{reason="proxy_error"} 1\n' in await probe(start_exporter, one)


async def test_a_proxy_that_refuses_to_connect(proxy: Proxy) -> None:
    proxy.status = 407
    client, _ = connect(Target("n1", "https://127.0.0.1:1", proxy=Secret(f"http://{proxy.address}")))
    with pytest.raises(VaultError, match="the proxy answers HTTP 407") as caught:
        await client.get("sys/health")
    await client.close()
    assert caught.value.reason is Reason.PROXY_ERROR


async def test_a_proxy_that_is_not_there() -> None:
    client, _ = connect(Target("n1", "http://127.0.0.1:2", proxy=Secret("http://127.0.0.1:1")))
    with pytest.raises(VaultError, match="the proxy cannot be reached") as caught:
        await client.get("sys/health")
    await client.close()
    assert caught.value.reason is Reason.REFUSED


@pytest.mark.parametrize(
    ("issuer", "name", "problem"),
    [
        ("trusted", "localhost", ""),
        ("another", "localhost", "unable to get local issuer certificate"),
        ("trusted", "node.example.com", "Hostname mismatch"),
    ],
)
async def test_a_proxy_with_tls_is_trusted_as_the_system_trusts_it(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer: str, name: str, problem: str
) -> None:
    seen = []

    async def handle(request: web.BaseRequest) -> web.Response:
        seen.append(request.raw_path)
        return web.Response(text="{}")

    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    (authority if issuer == "trusted" else trustme.CA()).cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    port = unused_port()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    # The node has no TLS, and the name in the proxy's certificate is not the node's.
    client, _ = connect(target(node, proxy=Secret(f"https://localhost:{port}")))
    if not problem:
        assert (await client.get("sys/health")).status == 200
    else:
        with pytest.raises(VaultError, match=problem) as caught:
            await client.get("sys/health")
        assert caught.value.reason is Reason.TLS
    await client.close()
    await runner.cleanup()
    assert seen == ([] if problem else [f"{node.address}/v1/sys/health"])


@pytest.mark.parametrize(
    ("limit", "waits"),
    [
        (RateLimit(10, 1), [0, 0.1, 0.2, 0.3]),
        (RateLimit(10, 3), [0, 0, 0, 0.1, 0.2]),
        (RateLimit(0.5, 1), [0, 2, 4]),
    ],
)
def test_a_rate_limit(limit: RateLimit, waits: list[float]) -> None:
    now = 1000.0
    limiter = RateLimiter(limit, lambda: now)
    assert [limiter.reserve() for _ in waits] == pytest.approx(waits)
    now += 3600  # the bucket is full again, and no fuller
    assert [limiter.reserve() for _ in waits] == pytest.approx(waits)


async def test_requests_wait_for_the_rate_limit(node: Node) -> None:
    client, _ = connect(target(node, rate_limit=RateLimit(20, 1)))
    loop = asyncio.get_running_loop()
    started = loop.time()
    await asyncio.gather(*(client.get("sys/health") for _ in range(5)))
    await client.close()
    assert loop.time() - started >= 4 / 20


@pytest.mark.parametrize(
    "path", ["sys/audit-hash/../seal", "../v1/sys/seal", "secret/./a", "a/%2E%2e/b", "..?list=true"]
)
async def test_a_path_that_leads_to_another_is_not_sent(node: Node, path: str) -> None:
    client, _ = connect(Target("n1", node.address))
    with pytest.raises(VaultError, match="not sent"):
        await client.send("POST", path)
    assert client.requests == 0
    await client.close()
