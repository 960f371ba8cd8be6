"""A relay in front of a page that asks for it without ``Accept``, as a Prometheus that knows only text 0.0.4 would."""

import contextlib
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.lab.waiting import PATIENCE

__all__ = ["text_relay"]


@contextlib.contextmanager
def text_relay(url: str) -> Iterator[str]:
    """Serve what ``url`` gives, whatever the path and whatever is accepted; yield ``host:port``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - HTTP
                body, content_type = answer.read(), answer.headers["Content-Type"]
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
