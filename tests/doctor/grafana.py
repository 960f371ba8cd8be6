"""A stand-in for Grafana: answers in the shapes of its HTTP API, over real HTTP.

https://grafana.com/docs/grafana/latest/developers/http_api/ (folder_dashboard_search, dashboard, data_source)
"""

import copy
import http.server
import json
import threading
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

__all__ = ["TOKEN", "Grafana"]

TOKEN: Final = "glsa_planted"
DASHBOARDS: Final = Path(__file__).parents[2] / "dashboards" / "json"
SOURCE: Final = {
    "id": 1,
    "uid": "prometheus",
    "orgId": 1,
    "name": "Prometheus",
    "type": "prometheus",
    "access": "proxy",
    "url": "http://prometheus:9090",
    "isDefault": True,
    "jsonData": {"httpMethod": "POST", "timeInterval": "15s"},
    "readOnly": True,
}


class Grafana:
    """A good one until a case changes it. Use it as a context manager."""

    def __init__(self) -> None:
        self.dashboards: dict[str, dict[str, Any]]
        self.sources: list[dict[str, Any]]
        self.has_vault: bool
        self.may_list_sources: bool
        self.reset()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/grafana"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def reset(self) -> None:
        """Be a good one."""
        self.dashboards = {path.stem: json.loads(path.read_text()) for path in DASHBOARDS.glob("*.json")}
        self.sources = [copy.deepcopy(SOURCE)]
        self.has_vault = self.may_list_sources = True

    def answer(self, path: str) -> tuple[int, Any]:
        """The status and the body."""
        if path == "/api/search":
            found = [
                {"id": 1, "uid": uid, "title": one["title"], "type": "dash-db", "tags": one["tags"], "url": f"/d/{uid}"}
                for uid, one in self.dashboards.items()
            ]
            return 200, found
        if path.startswith("/api/dashboards/uid/"):
            uid = path.rpartition("/")[2]
            if uid not in self.dashboards:
                return 404, {"message": "Dashboard not found", "traceID": ""}
            return 200, {"meta": {"type": "db", "provisioned": True, "version": 1}, "dashboard": self.dashboards[uid]}
        if path == "/api/datasources":
            denied = {
                "accessErrorId": "ACE1",
                "message": "You'll need additional permissions",
                "title": "Access denied",
            }
            return (200, self.sources) if self.may_list_sources else (403, denied)
        if path.startswith("/api/datasources/proxy/uid/"):
            result = [{"metric": {}, "value": [1.0, "2"]}] if self.has_vault else []
            return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}
        return 404, {"message": "Not found"}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        grafana = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, said = 401, {"message": "Unauthorized", "messageId": "auth.unauthorized", "statusCode": 401}
                if self.headers["Authorization"] == f"Bearer {TOKEN}":
                    status, said = grafana.answer(urlsplit(self.path).path.removeprefix("/grafana"))
                body = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
