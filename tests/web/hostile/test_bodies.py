"""Bodies that nobody asked for, and requests that are none."""

import contextlib
import gzip
import random
import socket
import ssl
from pathlib import Path

import pytest

from tests.lab.figures import Figure
from tests.lab.waiting import wait_until
from tests.web.hostile.running import DOWN, Delays, Running, counted
from tests.web.hostile.settings import TLS, Certificates

INFLATED = 1500 << 20
AT_ONCE = 1 << 20
SECURE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A gigabyte and a half of zeros, in a megabyte and a half."""
    return b"".join(gzip.compress(bytes(AT_ONCE)) for _ in range(INFLATED // AT_ONCE))


def audited(directory: Path) -> str:
    (directory / "token").write_text("planted-token")
    return f"audit: {{inputs: [{{type: http, token_file: '{directory / 'token'}'}}]}}\n"


def send(running: Running, method: str, path: str, body: bytes, **headers: str) -> bytes:
    """Send a request whatever the exporter makes of it, and return the beginning of the answer."""
    lines = [f"{method} {path} HTTP/1.1", "Host: a", f"Content-Length: {len(body)}", "Content-Encoding: gzip"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with contextlib.closing(running.raw("\r\n".join([*lines, "", ""]).encode() + body)) as client:
        try:
            return client.recv(65536)
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize(
    ("method", "path", "token"),
    [("GET", "/-/healthy", ""), ("GET", "/metrics", ""), ("POST", "/audit", ""), ("POST", "/audit", "planted-token")],
)
def test_a_compressed_body_holds_nobody_up(
    tmp_path: Path, bomb: bytes, figure: Figure, method: str, path: str, token: str
) -> None:
    with Running(tmp_path, audited(tmp_path)) as running:
        running.scrape()
        before, most = running.memory, 0.0
        with Delays(running) as delays:
            for _ in range(3):
                send(running, method, path, bomb, **({"Authorization": f"Bearer {token}"} if token else {}))
                most = max(most, running.memory)
        assert not delays.failures
        assert not running.complaints()
        samples = running.scrape()
        assert samples['vault_audit_reader_rejected_lines_total{log="http",reason="too_long"}'] == (3 if token else 0)
        figure("longest /-/healthy in s", delays.longest, 3)
        figure("MiB of memory more", most - before, 64)


def test_what_is_compressed_is_counted(tmp_path: Path) -> None:
    entry = b'{"time":"2026-11-24T11:31:12.5Z","type":"request","auth":{},"request":{"id":"a","operation":"read"}}\n'
    with Running(tmp_path, audited(tmp_path)) as running:
        token = {"Authorization": "Bearer planted-token"}
        for coding, body in (("gzip", gzip.compress(entry)), ("identity", entry)):
            answer = running.request("POST", "/audit", None, token | {"Content-Encoding": coding}, body)
            assert answer[0] == 204
        wait_until(lambda: counted(running) == 2, what="both")
        assert running.request("POST", "/audit", None, token | {"Content-Encoding": "br"}, entry)[0] == 415
        running.request("POST", "/audit", None, token | {"Content-Encoding": "gzip"}, b"no gzip")
        assert not running.complaints()


@pytest.mark.parametrize("path", ["/audit", "/-/healthy", "/nothing"])
def test_a_body_is_not_asked_for_before_the_credential_is_checked(tmp_path: Path, path: str) -> None:
    with Running(tmp_path, audited(tmp_path)) as running:
        request = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n".encode()
        with contextlib.closing(running.raw(request + b"\r\n")) as client:
            assert client.recv(65536).startswith(b"HTTP/1.1 4")
        if path == "/audit":
            with contextlib.closing(running.raw(request + b"Authorization: Bearer planted-token\r\n\r\n")) as client:
                assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
                client.sendall(b'{"a":"b"}')
                assert client.recv(65536).startswith(b"HTTP/1.1 204")


@pytest.mark.parametrize("token", ["", "planted-token"])
@pytest.mark.parametrize("lines", [1, 10_000], ids=["in pieces", "at once"])
def test_a_body_in_tiny_chunks_is_ended(tmp_path: Path, figure: Figure, token: str, lines: int) -> None:
    head = f"POST /audit HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer {token}\r\n\r\n"
    flood = 'vault_exporter_web_closed_connections_total{reason="flood"}'
    with Running(tmp_path, audited(tmp_path)) as running:
        with Delays(running) as delays:
            for _ in range(10):
                with contextlib.closing(running.raw(head.encode())) as client, contextlib.suppress(OSError):
                    for _ in range(30_000 // lines):
                        client.sendall(b"1\r\n{\r\n" * lines)
        assert not delays.failures
        assert not running.complaints()
        if token:  # without it, the connection may be closed before so much has come
            wait_until(lambda: running.scrape()[flood] == 10, what="closed connections")
        figure("longest /-/healthy in s", delays.longest, 3)


@pytest.mark.parametrize("inflated", [b"\n" * (1 << 20), b"a\n" * (1 << 19), b""], ids=["empty", "short", "members"])
def test_a_compressed_body_of_many_parts_holds_nobody_up(tmp_path: Path, figure: Figure, inflated: bytes) -> None:
    body = gzip.compress(inflated) if inflated else gzip.compress(b"") * 40_000
    with Running(tmp_path, audited(tmp_path)) as running:
        with Delays(running) as delays:
            for _ in range(10):
                send(running, "POST", "/audit", body, Authorization="Bearer planted-token")
        assert not delays.failures
        assert not running.complaints()
        figure("longest /-/healthy in s", delays.longest, 3)


POST = b"POST /audit HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer planted-token\r\n"
REQUESTS = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/1.1\r\nHost: a\r\nA: \x00\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
    b"GET /" + b"a" * 50_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET //[ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\n\r\n",
    b"CONNECT a HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /probe?target=%ff%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nExpect: nonsense\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x85garbage",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    POST + b"Content-Length: 9\r\n\r\nabc",
    b"POST /audit HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xff\xfe\r\nContent-Length: 0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nAccept: application/openmetrics-text;version=x;q=y\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: a\r\nX-Prometheus-Scrape-Timeout-Seconds: nan\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: a\r\nX-Prometheus-Scrape-Timeout-Seconds: 1e-300\r\n\r\n",
    b"GET /sd HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 40,
]
"""What is no request, or an odd one."""


def mangled(seed: int, text: bytes = b"") -> bytes:
    """One of them, or this text, with some bytes changed."""
    generator = random.Random(seed)  # noqa: S311 - so that a failure can be tried again
    data = bytearray(text or generator.choice(REQUESTS)[:2000])
    for _ in range(generator.randint(1, 6)):
        place = generator.randrange(len(data))
        if generator.random() < 0.5:
            data[place] = generator.randrange(256)
        else:
            del data[place : place + generator.randint(1, 4)]
            data = data or bytearray(b"\r\n")
    return bytes(data)


def on(loop: str, directory: Path) -> dict[str, str]:
    """Return the environment that makes the exporter use this event loop."""
    if loop == "uvloop":
        return {}
    (directory / "uvloop.py").write_text("raise ImportError\n")  # as where uvloop is not installed
    return {"PYTHONPATH": str(directory)}


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_no_handshake_is_logged_as_a_defect_of_ours(tmp_path: Path, figure: Figure, loop: str) -> None:
    tls = Certificates(tmp_path).client()
    incoming, hello = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.wrap_bio(incoming, hello, server_hostname="localhost").do_handshake()
    greeting = hello.read()
    with Running(tmp_path, DOWN, TLS, env=on(loop, tmp_path)) as running:
        running.get("/metrics", tls)
        files = running.files
        for number in range(len(REQUESTS) + 200):
            data = mangled(number, greeting) if number >= len(REQUESTS) else REQUESTS[number]
            with contextlib.closing(running.raw(data)) as client:
                if number % 3:
                    with contextlib.suppress(OSError):  # the exporter may have ended the connection already
                        client.shutdown(socket.SHUT_WR)
                        while client.recv(65536):
                            pass
        for data in (b"", b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n", REQUESTS[-1]):
            secure = tls.wrap_socket(running.raw(b""), server_hostname="localhost")
            secure.sendall(data)
            secure.close()
        assert running.get("/metrics", tls)[0] == 200
        wait_until(lambda: running.files <= files + 2, what="their files closed")
        assert not running.complaints()
        figure("lines of the log", len(running.log().splitlines()), 12)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_no_request_is_logged_as_a_defect_of_ours(tmp_path: Path, figure: Figure, loop: str) -> None:
    with Running(tmp_path, audited(tmp_path), env=on(loop, tmp_path)) as running:
        running.scrape()
        files = running.files
        with Delays(running) as delays:
            for data in [*REQUESTS, *map(mangled, range(300))]:
                with contextlib.closing(running.raw(data)) as client:
                    answer = b""
                    with contextlib.suppress(OSError):  # the exporter may have ended the connection already
                        client.shutdown(socket.SHUT_WR)
                        while piece := client.recv(65536):
                            answer += piece
                if answer.startswith(b"HTTP/1.1 400"):
                    headers = answer.partition(b"\r\n\r\n")[0].decode()
                    assert all(f"{name}: {value}" in headers for name, value in SECURE.items()), headers
            for data in map(mangled, range(300)):  # gone before the answer comes
                running.raw(data).close()
        assert not running.complaints()
        wait_until(lambda: running.files <= files + 2, what="their files closed")
        figure("longest /-/healthy in s", delays.longest, 3)
        figure("lines of the log", len(running.log().splitlines()), 12)
