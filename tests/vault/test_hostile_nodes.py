"""Nodes whose answers attack the exporter: each costs itself its deadline at most, and the token goes nowhere else."""

import contextlib
import gzip
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import socket

from tests.lab import faulty
from tests.lab.fake_node import HEALTH, LEADER, SEAL_STATUS, TELEMETRY
from tests.lab.figures import Figure
from tests.web.hostile.running import Delays, Running, large_node

TOKEN = "planted-token"
TIMEOUT = "4"
AT_ONCE = 8
GOOD = {"sys/health": HEALTH, "sys/seal-status": SEAL_STATUS, "sys/leader": LEADER, "sys/metrics": TELEMETRY}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(bytes(100 << 20))
DEPTH = 400_000

Answer = Callable[[socket, threading.Event], None]


def whole(body: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s" % (
        status,
        more,
        len(body),
        body,
    )


def endless(first: bytes, piece: bytes, pause: float = 0) -> Answer:
    def answer(connection: socket, over: threading.Event) -> None:
        connection.sendall(first)
        while not over.wait(pause):
            connection.sendall(piece)

    return answer


ANSWERS: dict[str, tuple[bytes | Answer, set[str]]] = {
    "endless-body": (endless(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"), {"too_large"}),
    "endless-body-without-length": (endless(HEAD + b"Connection: close\r\n\r\n", b" " * 65536), {"too_large"}),
    "endless-header": (endless(HEAD + b"X: ", b"a" * 65536), {"bad_reply"}),
    "endless-headers": (endless(HEAD, b"X: a\r\n" * 4000), {"bad_reply", "reset"}),
    "endless-status": (endless(b"HTTP/1.1 200 ", b"a" * 65536), {"bad_reply"}),
    "endless-line-ends": (endless(b"", b"\r\n" * 30_000), {"bad_reply"}),
    "endless-trailers": (endless(CHUNKED + b"0\r\n", b"X: a\r\n" * 4000), {"bad_reply", "reset"}),
    "endless-chunk-extension": (endless(CHUNKED + b"1;", b"a" * 65536), {"bad_reply", "reset"}),
    "endless-chunk-size": (endless(CHUNKED, b"0" * 65536), {"bad_reply", "reset"}),
    "continue": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000), {"bad_reply"}),
    "processing": (endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 2000), {"bad_reply"}),
    "early-hints-slowly": (endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.02), {"bad_reply"}),
    "switching-protocols": (b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", {"bad_reply"}),
    "drips": (endless(CHUNKED, b"1\r\n \r\n", 0.1), {"timeout"}),
    "drips-in-the-head": (endless(HEAD + b"X: ", b"a", 0.1), {"timeout"}),
    "silent": (endless(b"", b"", 1), {"timeout"}),
    "shorter-than-said": (endless(HEAD + b"Content-Length: 1000\r\n\r\nabc", b"", 1), {"timeout"}),
    "negative-length": (HEAD + b"Content-Length: -1\r\n\r\nabc", {"bad_reply"}),
    "two-lengths": (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", {"bad_reply"}),
    "length-beyond-all": (HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nabc", {"bad_reply", "too_large"}),
    "many-answers-to-one-request": (whole(b"{}") * 3000, {"bad_reply"}),
    "gzip": (whole(BOMB, more=b"Content-Encoding: gzip\r\n"), {"bad_reply"}),
    "deflate": (whole(b"x", more=b"Content-Encoding: deflate\r\n"), {"bad_reply"}),
    "gzip-of-the-transfer": (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", {"bad_reply"}),
    "deep-lists": (whole(b"[" * DEPTH + b"]" * DEPTH), {"bad_reply"}),
    "deep-objects": (whole(b'{"a":' * (DEPTH // 3) + b"1" + b"}" * (DEPTH // 3)), {"bad_reply"}),
    "a-number-of-a-megabyte": (whole(b"1" * 1_000_000), {"bad_reply"}),
    "null": (whole(b"null"), {"bad_reply"}),
    "a-list": (whole(b"[]"), {"bad_reply"}),
    "text": (whole(b'"sealed"'), {"bad_reply"}),
    "nothing": (whole(b""), {"bad_reply"}),
    "bytes": (whole(bytes(range(256)) * 1000), {"bad_reply"}),
    "wrong-types": (whole(b'{"initialized":[1],"sealed":{},"standby":"no","version":7}'), {"bad_reply"}),
    "many-errors": (whole(b'{"errors":[' + b'"a",' * 200_000 + b'"a"]}', b"500 X"), {"http_5xx"}),
}
"""What a node answers to sys/health, and the reasons that may be given."""


def at_health(answer: bytes | Answer) -> faulty.Behaviour:
    """A node that gives this answer to sys/health, and good ones to all else."""

    def behave(connection: socket, over: threading.Event) -> None:
        while path := asked(connection):
            if path != "sys/health":
                body = GOOD.get(path)
                connection.sendall(whole((body or '{"errors":[]}').encode(), b"200 OK" if body else b"404 Not Found"))
            elif isinstance(answer, bytes):
                connection.sendall(answer)
            else:
                answer(connection, over)
                return

    return behave


def asked(connection: socket) -> str:
    """Read a request and return its path; empty at the end of the connection."""
    head = b""
    while b"\r\n\r\n" not in head:
        part = connection.recv(1 << 16)
        if not part:
            return ""
        head += part
    return head.split(b" ")[1].split(b"?")[0].removeprefix(b"/v1/").decode()


@contextlib.contextmanager
def exporter(directory: Path, addresses: dict[str, str]) -> Iterator[Running]:
    with large_node(10) as good:
        targets = "".join(f"  - {{name: '{name}', address: '{address}'}}\n" for name, address in addresses.items())
        login = f"defaults: {{auth: {{method: token, token: {TOKEN}}}}}\n"
        with Running(directory, f"{login}targets:\n  - {{name: good, address: '{good}'}}\n{targets}") as running:
            yield running


def probe(running: Running, name: str) -> str:
    status, page = running.get(f"/probe?target={name}", headers={"X-Prometheus-Scrape-Timeout-Seconds": TIMEOUT})
    assert status == 200, name
    return page


def reason(page: str) -> str:
    """Return why sys/health failed."""
    told = [line for line in page.splitlines() if line.startswith("vault_up_failure_reason{") and line.endswith(" 1")]
    return told[0].split('"')[1] if told else ""


def test_no_answer_holds_others_up(tmp_path: Path, figure: Figure) -> None:
    with contextlib.ExitStack() as stack:
        ports = {name: stack.enter_context(faulty.listening(at_health(ANSWERS[name][0]))) for name in ANSWERS}
        running = stack.enter_context(
            exporter(tmp_path, {name: f"http://127.0.0.1:{port}" for name, port in ports.items()})
        )
        probe(running, "good")
        before = running.memory
        with Delays(running) as delays, ThreadPoolExecutor(AT_ONCE) as pool:
            pages = dict(zip(ANSWERS, pool.map(lambda name: probe(running, name), ANSWERS), strict=True))
            assert "\nvault_up 1\n" in probe(running, "good")
        reasons = {name: reason(page) for name, page in pages.items()}
        wrong = {name: said for name, said in reasons.items() if said not in ANSWERS[name][1]}
        assert not wrong
        assert not delays.failures
        assert not running.complaints()
        assert TOKEN not in running.log() + "".join(pages.values())
        figure("longest /-/healthy in s", delays.longest, 5)
        figure("MiB of memory more", running.memory - before, 128)
        figure("exit in seconds", running.stop(), 5)


LOCATION = "Location: http://127.0.0.1:%d/v1/sys/health\r\n"
ELSEWHERE = {
    **{f"redirect-{status}": (f"{status} X", LOCATION) for status in (300, 301, 302, 303, 305, 307, 308)},
    "without-a-scheme": ("302 X", "Location: //127.0.0.1:%d/\r\n"),
    "refresh": ("200 OK", "Refresh: 0; url=http://127.0.0.1:%d/\r\n"),
    "other-service": ("200 OK", 'Alt-Svc: http/1.1="127.0.0.1:%d"\r\n'),
    "proxy-login": ("407 X", LOCATION + "Proxy-Authenticate: Basic realm=a\r\n"),
    "login": ("401 X", LOCATION + "WWW-Authenticate: Basic realm=a\r\n"),
    "created": ("201 X", LOCATION + "Set-Cookie: a=b; Domain=127.0.0.1\r\n"),
    "leader": ("200 OK", "X-Leader: http://127.0.0.1:%d\r\n"),
}
"""Status and headers of answers that name another address."""


def test_the_token_goes_nowhere_else(tmp_path: Path) -> None:
    """Neither a redirect nor another header, nor the leader's address, takes a request to another host."""
    visits: list[str] = []

    def thief(connection: socket, _: threading.Event) -> None:
        visits.append(asked(connection))

    with contextlib.ExitStack() as stack:
        elsewhere = stack.enter_context(faulty.listening(thief))

        def pointing(status: str, headers: str) -> faulty.Behaviour:
            def behave(connection: socket, _: threading.Event) -> None:
                while path := asked(connection):
                    body = GOOD.get(path, "{}").replace("http://127.0.0.1:1", f"http://127.0.0.1:{elsewhere}")
                    connection.sendall(whole(body.encode(), status.encode(), (headers % elsewhere).encode()))

            return behave

        ports = {name: stack.enter_context(faulty.listening(pointing(*ELSEWHERE[name]))) for name in ELSEWHERE}
        running = stack.enter_context(
            exporter(tmp_path, {name: f"http://127.0.0.1:{port}" for name, port in ports.items()})
        )
        for name, (status, _) in ELSEWHERE.items():
            for _ in range(2):
                page = probe(running, name)
                assert (reason(page) == "redirect") == status.startswith("3"), name
        assert not running.complaints()
        running.stop()
    assert not [path for path in visits if path]
