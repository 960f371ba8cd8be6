"""Clients that never read their page keep no checkpoint from moving: after a kill, every entry counts once."""

import contextlib
import json
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.audit.entries import line
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.demo.process import Service, free_port, program

MOUNTS = 2_500
"""So many make a page of some megabytes, which no socket's buffers hold."""
ENTRIES = "vault_audit_entries_total{"
UNCOMMITTED = "vault_audit_reader_uncommitted_bytes{"


class Prometheus:
    """Scrapes the exporter, and sums the increases of its counters of entries."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._last: dict[str, float] = {}
        self.counted: Counter[str] = Counter()
        self.page = b""

    def scrape(self) -> None:
        with self.ask() as connection:
            connection.settimeout(60)
            page = bytearray()
            while piece := connection.recv(1 << 20):
                page += piece
        self.page = bytes(page)
        for series, value in self.samples(ENTRIES):
            before = self._last.get(series, value)
            self.counted["entries"] += round(value if value < before else value - before)
            self._last[series] = value

    def samples(self, start: str) -> Iterator[tuple[str, float]]:
        for sample in self.page.decode().splitlines():
            if sample.startswith(start):
                series, _, value = sample.rpartition(" ")
                yield series, float(value)

    @contextlib.contextmanager
    def ask(self, receive_bytes: int = 1 << 20) -> Iterator[socket.socket]:
        """Ask for a page; it is the caller's to read it."""
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            connection.connect(("127.0.0.1", self._port))
            lines = ["GET /metrics HTTP/1.1", "Host: x", "Connection: close", "X-Prometheus-Scrape-Timeout-Seconds: 60"]
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            yield connection


def test_the_checkpoint_moves_past_pages_that_are_not_read(tmp_path: Path) -> None:
    log, checkpoint, config = tmp_path / "audit.log", tmp_path / "checkpoint.json", tmp_path / "config.yml"
    port = free_port()
    audit = {"logs": [str(log)], "checkpoint": str(checkpoint), "max_mounts": 2 * MOUNTS, "from_start": True}
    config.write_text(json.dumps({"listen": f"127.0.0.1:{port}", "audit": audit}))
    command: list[str | Path] = [program("vault-exporter"), "serve", "--config", config]
    prometheus = Prometheus(port)
    written = 0

    def write(number: int, mount: str = "kv/") -> None:
        nonlocal written
        with log.open("ab") as file:
            for id_ in range(number):
                point = mount.format(id_)
                request = {"mount_point": point, "path": f"{point}a"}
                file.write(line("request", id_=f"{written}-{id_}", request=request))
        written += number

    def committed() -> bool:
        prometheus.scrape()
        return sum(value for _, value in prometheus.samples(UNCOMMITTED)) == 0

    write(MOUNTS, "kv-{}/")
    with Service("exporter", command, log=tmp_path / "first") as exporter:
        exporter.wait_until(lambda: "listening" in exporter.tail(), timeout=PATIENCE)
        # Scrapes while the log is read, until all series are known and all of it is committed.
        wait_until(lambda: committed() and prometheus.counted["entries"] == written, what="all is committed")
        assert len(prometheus.page) > 1_000_000
        with contextlib.ExitStack() as stack:
            unread = [stack.enter_context(prometheus.ask(4096)) for _ in range(3)]
            assert [connection.recv(1) for connection in unread] == [b"H"] * 3  # the pages are on their way
            place = checkpoint.read_bytes()
            write(200)
            wait_until(committed, what="the entries are committed")
            assert checkpoint.read_bytes() != place
            exporter.kill()
    with Service("exporter", command, log=tmp_path / "second") as exporter:
        exporter.wait_until(lambda: "listening" in exporter.tail(), timeout=PATIENCE)
        write(10)
        wait_until(lambda: committed() and prometheus.counted["entries"] >= written, what="all is counted")
        prometheus.scrape()
        assert prometheus.counted["entries"] == written
