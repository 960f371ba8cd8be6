"""The far end of the alerts: records heartbeats, and what Alertmanager posts as PagerDuty's Events API v2.

https://developer.pagerduty.com/docs/send-alert-event
"""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

Json = dict[str, Any]


class Post(NamedTuple):
    """What came, and when (:func:`time.monotonic`)."""

    path: str
    body: Json
    at: float


@dataclass
class Recorder:
    """Everything that was posted, in order."""

    port: int
    posts: list[Post] = field(default_factory=list)

    def events(self, cluster: str) -> list[Json]:
        """What PagerDuty got about a cluster, in order."""
        return [post.body for post in self.pages() if post.body["payload"]["group"] == cluster]

    def pages(self, since: int = 0) -> list[Post]:
        """What PagerDuty got, but for the first ``since`` posts."""
        return [post for post in self.posts[since:] if post.path == "/v2/enqueue"]

    def heartbeats(self) -> int:
        """How many heartbeats came."""
        return sum(post.path == "/heartbeat" for post in list(self.posts))


@contextlib.contextmanager
def recording() -> Iterator[Recorder]:
    """Listen on a free port."""
    recorder = Recorder(0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            recorder.posts.append(Post(self.path, body, time.monotonic()))
            self.send_response(202)
            self.end_headers()
            self.wfile.write(b'{"status":"success","message":"Event processed","dedup_key":"x"}')

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    recorder.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
