"""What Kubernetes says of the tokens of service accounts."""

import base64
import contextlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.lab.http_server import serving

__all__ = ["token_reviews"]


@contextlib.contextmanager
def token_reviews() -> Iterator[str]:
    """Answer as Kubernetes does when Vault asks whose token it is."""

    class Reviewer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            payload = review["spec"]["token"].split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            user = {"username": claims["sub"], "uid": "1", "groups": ["system:serviceaccounts"]}
            body = json.dumps({"status": {"authenticated": True, "user": user, "audiences": ["vault"]}}).encode()
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Reviewer) as address:
        yield f"http://{address}"
