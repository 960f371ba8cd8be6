"""A server over real HTTP that answers what a test says."""

import contextlib
import http.server
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.lab.http_server import serving

__all__ = ["CLOSED", "Answer", "answering"]

CLOSED = 0
"""Instead of a status: the connection is closed without an answer."""

Answer = Callable[[str, Mapping[str, str]], tuple[int, Any]]
"""Of the path and the parameters: the status, and the body, in JSON unless it is bytes."""


@contextlib.contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """Yield its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            status, said = answer(url.path, dict(parse_qsl(url.query)))
            if status == CLOSED:
                self.close_connection = True
                return
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as address:
        yield f"http://{address}"
