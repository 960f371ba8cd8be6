"""Pages of metrics as the exporter serves them, over real HTTP, with the faults that a case wants."""

import contextlib
import http.server
import threading
from collections.abc import Mapping
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

from vault_exporter import __version__

__all__ = ["BUILD", "NODE", "OWN", "PageServer", "page"]

NODE: Final = {
    "vault_up": 1,
    "vault_sealed": 0,
    "vault_core_unsealed": 1,
    "vault_active": 1,
    "vault_clock_skew_seconds": 0.2,
    'vault_info{version="2.7.2",cluster_name="its",cluster_id="c1"}': 1,
    "vault_ha_nodes": 2,
    'vault_ha_node_info{hostname="n1",api_address="http://n1:8200",version="2.7.2"}': 1,
    'vault_ha_node_info{hostname="n2",api_address="http://n2:8200",version="2.7.2"}': 1,
    'vault_audit_devices{type="file"}': 1,
    'vault_exporter_collector_success{collector="health"}': 1,
    'vault_exporter_telemetry_status{status="ok"}': 1,
    "vault_exporter_token_valid": 1,
}
"""Samples of a good node."""
BUILD: Final = f'vault_exporter_build_info{{version="{__version__}",python="3.13"}}'
OWN: Final = {
    BUILD: 1,
    "vault_exporter_targets": 2,
    "vault_exporter_config_last_reload_successful": 1,
    'vault_audit_reader_up{log="/var/log/audit.log"}': 1,
    'vault_audit_entries_total{type="request"}': 5,
}
"""Samples of the exporter's own page."""


def page(good: Mapping[str, float], changes: Mapping[str, float | None] | None = None) -> str:
    """The text of a page. A change to None takes a sample away."""
    samples = {**good, **(changes or {})}
    return "".join(f"{name} {value}\n" for name, value in samples.items() if value is not None)


class PageServer:
    """Serves pages: ``/metrics``, and ``/probe?target=NAME``. Use it as a context manager."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        """By path, or ``/probe?NAME``; what is not there is 404."""
        self.stopped = threading.Event()
        """A slow page waits for it."""
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                target = parse_qs(url.query).get("target", [""])[0]
                text = pages.pages.get(f"{url.path}?{target}" if target else url.path)
                body = (text or "").encode()
                if target.endswith("-slow"):
                    pages.stopped.wait(0.8)
                self.send_response(404 if text is None else 200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # Prometheus has reloaded, or its timeout is over
                    self.wfile.write(body)

            def do_POST(self) -> None:
                """Take a notification, as PagerDuty and webhooks do; a path that is gone refuses it."""
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(404 if self.path == "/gone" else 202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler
