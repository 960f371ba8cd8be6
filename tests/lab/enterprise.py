"""A node as Vault Enterprise would be, over real HTTP: its answers are those of ``tests/data/answers``."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from tests.lab.answers import answers

__all__ = ["enterprise_node"]

_HEALTH: Final = {
    "initialized": True,
    "sealed": False,
    "standby": False,
    "performance_standby": False,
    "version": "1.20.0+ent",
    "cluster_name": "enterprise",
    "cluster_id": "8ed66dfc",
    "enterprise": True,
    "replication_dr_mode": "primary",
    "replication_performance_mode": "secondary",
}
_SEAL_STATUS: Final = {
    "type": "shamir",
    "initialized": True,
    "sealed": False,
    "t": 2,
    "n": 3,
    "progress": 0,
    "version": "1.20.0+ent",
    "storage_type": "raft",
}
_LEADER: Final = {"ha_enabled": True, "is_self": True, "active_time": "2026-11-24T11:31:12.5Z", "leader_address": ""}


@contextlib.contextmanager
def enterprise_node() -> Iterator[str]:
    """Serve it, active and unsealed, without telemetry; yield its address."""
    stored = answers("everything") | {
        "sys/health": (200, json.dumps(_HEALTH)),
        "sys/seal-status": (200, json.dumps(_SEAL_STATUS)),
        "sys/leader": (200, json.dumps(_LEADER)),
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.split("?")[0].removeprefix("/v1/")
            status, body = stored.get(path, (404, '{"errors":[]}'))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_LIST = do_POST = do_PUT = do_GET  # noqa: N815 - the names are http.server's

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
