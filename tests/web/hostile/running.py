"""The exporter as a process of its own, what it costs meanwhile, and clients that it has to bear."""

import contextlib
import http.client
import http.server
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from tests.lab.fake_node import HEALTH, LEADER, SEAL_STATUS
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.demo.process import Service, free_port, program

SCRAPE = {"X-Prometheus-Scrape-Timeout-Seconds": "10", "Accept-Encoding": "identity"}


DOWN = "targets: [{name: n1, address: 'http://127.0.0.1:1'}]\n"
"""Something to monitor."""


class Running:
    """An exporter on a port of 127.0.0.1."""

    def __init__(
        self,
        directory: Path,
        config: str,
        web: str = "",
        *,
        limit: int | None = None,
        env: dict[str, str] | None = None,
        command: Sequence[str | Path] = (),
    ) -> None:
        self.directory = directory
        self.port = free_port()
        self.web = directory / "web.yml"
        self._config = directory / "exporter.yml"
        text = f'listen: "127.0.0.1:{self.port}"\n{config or DOWN}'
        if web:
            self.web.write_text(web)
            text += f"web_config_file: {self.web}\n"
        self._config.write_text(text)
        self._limit = limit
        self._env = env or {}
        self._command = command or (program("vault-exporter"), "serve", "--config")
        self.service = self._start()

    def _start(self) -> Service:
        command: list[str | Path] = [*self._command, self._config]
        if self._limit is not None:
            command = ["/bin/sh", "-c", f'ulimit -n {self._limit}; exec "$@"', "sh", *command]
        log = self.directory / f"log{time.monotonic_ns()}"
        service = Service("exporter", command, log=log, env=self._env)
        service.wait_until(lambda: "event=listening" in service.tail(50), timeout=PATIENCE)
        return service

    def kill_and_restart(self) -> None:
        self.service.kill()
        self.service = self._start()

    def rewrite(self, text: str) -> None:
        """Replace the file at once, as whoever manages configurations does."""
        temporary = self.web.with_suffix(".new")
        temporary.write_text(text)
        temporary.replace(self.web)

    @property
    def memory(self) -> float:
        """Resident memory in MiB."""
        status = Path(f"/proc/{self.service.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    @property
    def files(self) -> int:
        return len(os.listdir(f"/proc/{self.service.pid}/fd"))  # noqa: PTH208 - names alone

    @property
    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.service.pid}/task"))  # noqa: PTH208 - names alone

    def log(self) -> str:
        return self.service.log.read_text(errors="replace")

    def complaints(self) -> list[str]:
        """Lines of the log at level error, and tracebacks."""
        signs = ("level=error", "Traceback", "Exception in callback")
        return [line for line in self.log().splitlines() if any(sign in line for sign in signs)]

    def get(
        self, path: str, tls: ssl.SSLContext | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Ask in a connection of its own."""
        status, text, _ = self.request("GET", path, tls, headers or {})
        return status, text

    def request(
        self, method: str, path: str, tls: ssl.SSLContext | None, headers: dict[str, str], body: bytes | None = None
    ) -> tuple[int, str, dict[str, str]]:
        connection = self.connection(tls)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), dict(answer.getheaders())
        finally:
            connection.close()

    def connection(self, tls: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
        if tls is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        return http.client.HTTPSConnection("localhost", self.port, timeout=60, context=tls)

    def scrape(self, tls: ssl.SSLContext | None = None, **headers: str) -> dict[str, float]:
        """Scrape as Prometheus does, and return the samples."""
        status, text, _ = self.request("GET", "/metrics", tls, SCRAPE | headers)
        assert status == 200, text
        lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    def raw(self, data: bytes, receive_buffer: int | None = None) -> socket.socket:
        """Connect, send, and leave the answer where it is."""
        made = socket.socket()
        if receive_buffer is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        made.settimeout(60)
        made.connect(("127.0.0.1", self.port))
        with contextlib.suppress(OSError):
            made.sendall(data)
        return made

    def stop(self) -> float:
        """Stop as a service manager does, and return the seconds that it took."""
        began = time.monotonic()
        self.service.signal(signal.SIGTERM)
        wait_until(lambda: self.service.returncode is not None, what="an end", interval=0.01)
        assert self.service.returncode == 0, self.service.tail()
        return time.monotonic() - began

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.service.stop()


def counted(running: Running) -> float:
    """Tell how many audit entries a scrape shows."""
    return sum(value for name, value in running.scrape().items() if name.startswith("vault_audit_entries_total{"))


class Delays(threading.Thread):
    """Asks for /-/healthy over and over, as an orchestrator does, and notes how long the answers take."""

    def __init__(self, running: Running, **headers: str) -> None:
        super().__init__(daemon=True)
        self._running, self._headers = running, headers
        self._ended = threading.Event()
        self.seconds: list[float] = []
        self.failures: list[str] = []

    def run(self) -> None:
        while not self._ended.wait(0.02):
            began = time.monotonic()
            try:
                status, _ = self._running.get("/-/healthy", headers=self._headers)
            except OSError as error:
                self.failures.append(str(error))
            else:
                if status != 200:
                    self.failures.append(str(status))
            self.seconds.append(time.monotonic() - began)

    @property
    def longest(self) -> float:
        return max(self.seconds)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        wait_until(lambda: len(self.seconds) > 3, what="answers")
        self._ended.set()
        self.join()


@contextlib.contextmanager
def large_node(series: int = 10_000) -> Iterator[str]:
    """A node whose telemetry makes a page of some megabytes."""
    lines = [f'vault_large{{number="{number}",text="{"x" * 60}"}} {number}\n' for number in range(series)]
    answers = {
        "sys/health": (HEALTH, "application/json"),
        "sys/seal-status": (SEAL_STATUS, "application/json"),
        "sys/leader": (LEADER, "application/json"),
        "sys/metrics": ("# TYPE vault_large gauge\n" + "".join(lines), "text/plain"),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            text, kind = answers.get(self.path.split("?")[0].removeprefix("/v1/"), ("", ""))
            self.send_response(200 if text else 404)
            self.send_header("Content-Type", kind or "application/json")
            body = (text or '{"errors":[]}').encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
