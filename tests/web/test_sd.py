"""What ``/sd`` makes of the Host header, which is anyone's text."""

import asyncio
import json

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from vault_exporter.app import Exporter
from vault_exporter.config.schema.model import Config, Target


async def sd(start: AiohttpServer, *headers: str, version: str = "1.1") -> tuple[int, str]:
    """Ask over a plain connection, since clients would not send this; return status and body."""
    server = await start(Exporter(Config(targets=(Target("n1", "http://127.0.0.1:1"),))).app)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    lines = (f"GET /sd HTTP/{version}", *headers, "Connection: close", "", "")
    writer.write("\r\n".join(lines).encode("latin-1"))
    head, _, body = (await reader.read()).decode("latin-1").partition("\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body


@pytest.mark.parametrize(
    "host",
    [
        "exporter.example.com:9410",
        "exporter",
        "EXPORTER_1.ns.svc.:65535",
        "xn--bcher-kva.example:1",
        "127.0.0.1:9410",
        "[::1]:9410",
        "[2001:db8::192.0.2.1]",
    ],
)
async def test_hosts_of_exporters(aiohttp_server: AiohttpServer, host: str) -> None:
    status, body = await sd(aiohttp_server, f"Host: {host}")
    assert status == web.HTTPOk.status_code
    assert [group["targets"] for group in json.loads(body)] == [[host]]


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":9410",
        "exporter:",
        "exporter:0",
        "exporter:65536",
        "exporter:http",
        "exporter:9410:9410",
        "exporter:-1",
        "exporter:\uff19",
        "exporter:\xb2",
        "user:password@exporter",
        "exporter/x",
        "http://exporter",
        "exporter?x",
        "exporter#x",
        "exporter\\x",
        "exporter one",
        "exporter,other",
        "exporter;x",
        "<script>alert(1)</script>",
        '"}]',
        "{{.Name}}",
        "%65xporter",
        "exporter\xe9",
        "a" * 254,
        "::1",
        "::1:9410",
        "[::1",
        "::1]:9410",
        "[]",
        "[1]:9410",
        "[:::]:9410",
        "[::1]9410",
        "[::1]:",
        "[fe80::1%25eth0]:9410",
        "[fe80::1%eth0]",
        "[v1.x]",
        "[127.0.0.1]",
    ],
)
async def test_what_is_no_host(aiohttp_server: AiohttpServer, host: str) -> None:
    status, body = await sd(aiohttp_server, "Host: " + host.encode().decode("latin-1"))
    assert status == web.HTTPBadRequest.status_code
    assert body == (
        "The targets would be at what the Host header says, but that is not a host with a port, like "
        "exporter.example.com:9410 or [2001:db8::1]:9410.\n"
    )


async def test_none_or_two(aiohttp_server: AiohttpServer) -> None:
    for headers in ((), ("Host: a:1", "Host: b:1")):
        status, body = await sd(aiohttp_server, *headers, version="1.0")
        assert status == web.HTTPBadRequest.status_code
        assert "a:1" not in body
