"""Clients that ask and do not read."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.figures import Figure
from tests.lab.waiting import wait_until
from tests.web.hostile.running import SCRAPE, Delays, Running, counted, large_node

CLIENTS = 40
TIMEOUT = 6
ASK = f"GET /metrics HTTP/1.1\r\nHost: a\r\nX-Prometheus-Scrape-Timeout-Seconds: {TIMEOUT}\r\n\r\n".encode()
UNREAD = 'vault_exporter_web_closed_connections_total{reason="unread"}'


@pytest.fixture(scope="module")
def node() -> Iterator[str]:
    with large_node() as address:
        yield address


def test_memory_and_connections_are_bounded(tmp_path: Path, node: str, figure: Figure) -> None:
    with Running(tmp_path, f"targets: [{{name: n1, address: '{node}'}}]\n") as running:
        running.scrape()
        before, files = running.memory, running.files
        with Delays(running) as delays, contextlib.ExitStack() as stack:
            for _ in range(CLIENTS):
                stack.enter_context(running.raw(ASK, receive_buffer=4096))
            most = 0.0

            def are_given_up() -> bool:
                nonlocal most
                most = max(most, running.memory)
                return running.scrape()[UNREAD] >= CLIENTS

            wait_until(are_given_up, what="all given up")
            wait_until(lambda: running.files <= files + 3, what="their files closed")
            samples = running.scrape()
        assert samples[UNREAD] == CLIENTS  # each counts once
        assert not delays.failures
        assert not running.complaints()
        figure("MiB of memory more", most - before, 200)
        figure("longest /-/healthy in s", delays.longest, 5)


def line(number: int) -> str:
    request = {"id": f"r{number}", "operation": "read", "path": "secret/data/a", "mount_type": "kv"}
    entry = {"time": "2026-11-24T11:31:12.5Z", "type": "request", "auth": {}, "request": request}
    return json.dumps(entry) + "\n"


def test_the_checkpoint_moves_on_and_no_line_counts_twice(tmp_path: Path, node: str, figure: Figure) -> None:
    log, checkpoint = tmp_path / "audit.log", tmp_path / "checkpoint"
    log.touch()
    audit = f"audit: {{logs: ['{log}'], checkpoint: '{checkpoint}'}}\n"
    written = 0

    def write(lines: int) -> None:
        nonlocal written
        with log.open("a") as file:
            file.writelines(map(line, range(written, written + lines)))
        written += lines

    with Running(tmp_path, f"targets: [{{name: n1, address: '{node}'}}]\n{audit}") as running:
        running.scrape()
        up = f'vault_audit_reader_up{{log="{log}"}}'
        wait_until(lambda: running.scrape()[up] == 1, what="the log")
        with contextlib.closing(running.raw(ASK, receive_buffer=4096)):
            write(40)
            wait_until(lambda: running.scrape()[UNREAD] == 1, what="given up")
            write(40)
            wait_until(lambda: counted(running) == 80, what="all lines shown")
            running.scrape()
        running.kill_and_restart()
        write(1)
        wait_until(lambda: counted(running) >= 1, what="the line after the restart")
        figure("lines that count twice", counted(running) - 1, 0)


def test_a_page_that_is_given_up_does_not_move_the_checkpoint(tmp_path: Path, node: str) -> None:
    log, checkpoint = tmp_path / "audit.log", tmp_path / "checkpoint"
    log.touch()
    audit = f"audit: {{logs: ['{log}'], checkpoint: '{checkpoint}'}}\n"
    with Running(tmp_path, f"targets: [{{name: n1, address: '{node}'}}]\n{audit}") as running:
        up = f'vault_audit_reader_up{{log="{log}"}}'
        wait_until(lambda: running.scrape()[up] == 1, what="the log")
        log.write_text(line(0))
        wait_until(lambda: counted(running) == 1, what="the first line shown")
        running.scrape()
        with log.open("a") as file:
            file.writelines(map(line, range(1, 6)))
        wait_until(lambda: " 6\n" in entries(running), what="all lines read")
        with contextlib.closing(running.raw(ASK, receive_buffer=4096)):
            wait_until(lambda: f"\n{UNREAD} 1\n" in running.get("/metrics")[1], what="given up")
        with log.open("a") as file:
            file.write(line(6))
        running.kill_and_restart()
        wait_until(lambda: counted(running) >= 1, what="the lines after the restart")
        assert counted(running) == 6  # also those of the page that nobody got


def test_only_what_a_scrape_shows_moves_the_checkpoint(tmp_path: Path) -> None:
    log, checkpoint = tmp_path / "audit.log", tmp_path / "checkpoint"
    log.touch()
    up = f'vault_audit_reader_up{{log="{log}"}}'
    with Running(tmp_path, f"audit: {{logs: ['{log}'], checkpoint: '{checkpoint}'}}\n") as running:
        wait_until(lambda: running.scrape()[up] == 1, what="the log")
        running.scrape()
        with log.open("a") as file:
            file.writelines(map(line, range(5)))
        wait_until(lambda: " 5\n" in entries(running), what="all lines read")
        for _ in range(3):
            assert running.request("HEAD", "/metrics", None, SCRAPE)[0] == 200
        running.kill_and_restart()
        wait_until(lambda: counted(running) == 5, what="all lines shown")


def entries(running: Running) -> str:
    """Return what people see of the entries."""
    lines = running.get("/metrics")[1].splitlines(keepends=True)
    return "".join(text for text in lines if text.startswith("vault_audit_entries_total{"))
