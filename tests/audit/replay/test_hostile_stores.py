"""HTTP servers that send more than a replay asked for."""

import http.server
from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner

from tests.lab.http_server import serving
from vault_exporter.cli.table import assembled

HUGE = 9 * 10**18
LINE = (
    b'{"type":"request","time":"2026-11-29T14:00:00Z","auth":{},"request":{"id":"x","operation":"read","path":"a/b"}}\n'
)


def said_of(body: Callable[[], Iterator[bytes]], *arguments: str, kind: str = "text/plain", path: str = "a.log") -> str:
    """What ``replay`` says of a server with a file of any size, which answers each request so."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(HUGE))
            self.send_header("Accept-Ranges", "bytes")
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(206 if "Range" in self.headers else 200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            try:
                for block in body():
                    self.wfile.write(block)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as address:
        result = CliRunner().invoke(
            assembled(["replay"]), ["replay", "--jobs", "1", *arguments, f"http://{address}/{path}"]
        )
    assert result.exit_code == 1
    return str(result.stderr.replace(f"http://{address}/", ""))


def endless() -> Iterator[bytes]:
    while True:
        yield b" " * 1_000_000


def test_a_part_of_a_file_that_does_not_end() -> None:
    assert said_of(endless) == "a.log: cannot be read: the server sends more than it was asked for\n"


def test_a_size_that_no_file_has_is_not_split() -> None:
    said = said_of(lambda: iter([LINE]), "--split", "1KiB")
    assert said == "a.log: more than 1,000,000 parts; give a larger size\n"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (endless, "cannot be listed: the server sends more than it was asked for"),
        (lambda: iter([b'<a href="a.gz">' * 1_000_000]), "cannot be listed: the list of files is too long"),
        (lambda: iter([b"<a " * 1_000_000]), "no file matches"),
        (lambda: iter([b"<a" + b" " * 1_000_000 + b"x"]), "no file matches"),
    ],
    ids=["endless", "many files", "tags without an end", "blanks"],
)
def test_a_list_of_files_that_is_none(body: Callable[[], Iterator[bytes]], problem: str) -> None:
    assert said_of(body, kind="text/html", path="*.gz") == f"*.gz: {problem}\n"
