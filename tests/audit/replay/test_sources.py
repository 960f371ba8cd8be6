"""Logs under several names, copies of logs, and logs whose other end is silent."""

import gzip
import http.server
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.audit.entries import recorded
from tests.audit.top.test_observers import line
from tests.lab.http_server import serving
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.cli.table import assembled
from vault_exporter.demo.process import program

SILENT = "cannot be read: no answer in time; --timeout SECONDS waits longer\n"


def replay(*arguments: str | Path) -> Result:
    return CliRunner().invoke(assembled(()), ["replay", "--jobs", "1", "--json", *map(str, arguments)])


def begin(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [str(program("vault-exporter")), "replay", "--json", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_log_under_several_names_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("audit.log").write_bytes(line())
    Path("hard").hardlink_to("audit.log")
    Path("soft").symlink_to("audit.log")
    names = [
        "audit.log",
        "./audit.log",
        "hard",
        "soft",
        "a*.log",
        f"file://{tmp_path}/audit.log",
        "../none",
        "./../none",
    ]
    done = replay(*names)
    assert json.loads(done.stdout)["requests"] == 1
    others = ["./audit.log", "hard", "soft", "audit.log", f"file://{tmp_path}/audit.log"]
    notes = [
        f"{name} is given twice{'' if name == 'audit.log' else ' as audit.log'}; it is counted once" for name in others
    ]
    assert done.stderr.splitlines()[:5] == notes


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one log."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(line())))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(line())

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def test_a_url_that_is_written_in_two_ways_counts_once() -> None:
    with serving(Handler) as address:
        port = address.rpartition(":")[2]
        done = replay(f"http://localhost:{port}/audit.log", f"HTTP://LOCALHOST:{port}/audit.log")
    assert json.loads(done.stdout)["requests"] == 1
    assert done.stderr == (
        f"http://LOCALHOST:{port}/audit.log is given twice as http://localhost:{port}/audit.log; it is counted once\n"
    )


@pytest.mark.parametrize("more", [(), ("--split", "10KiB")])
def test_a_copy_of_a_log_is_noticed(tmp_path: Path, more: tuple[str, ...]) -> None:
    lines = recorded()
    log, copy, other = (tmp_path / name for name in ("audit.log", "copy.log", "other.log"))
    log.write_bytes(b"".join(lines))
    copy.write_bytes(b"".join(lines))
    other.write_bytes(b"".join(lines[::-1]))  # of the same size
    assert log.stat().st_size > 10 << 10
    said = f"{log}, {copy}: the same size, beginning and end; if they are copies, leave out all but one\n"
    done = replay(log, other, copy, *more)
    assert (done.exit_code, done.stderr) == (0, said)
    assert replay(log, other, *more).stderr == ""
    assert replay(log, copy, *more, "--report", "kv").stderr == said


def test_a_compressed_copy_of_a_log_is_noticed(tmp_path: Path) -> None:
    log, packed = tmp_path / "audit.log", tmp_path / "audit.log.gz"
    log.write_bytes(b"".join(recorded()))
    packed.write_bytes(gzip.compress(log.read_bytes()))
    assert replay(log, packed).stderr.startswith(f"{log}, {packed}: the same size, beginning and end")


@pytest.mark.parametrize("how", [("--json",), ("--json", "--report", "hot-paths")])
def test_json_shows_no_character_that_does_not_print(tmp_path: Path, how: tuple[str, ...]) -> None:
    log = tmp_path / "audit.log"
    path = "secret/\u202egpj.\U000e0041\x7fé"
    log.write_bytes(line(path) + line(path, kind="response"))
    out = replay(log, *how).stdout
    assert "é" in out
    assert out.replace("\n", "").isprintable()
    assert repr(path)[1:-1] in str(json.loads(out))


@pytest.fixture
def silent() -> Iterator[int]:
    """Serve a port whose connections nobody accepts."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_server_that_never_answers(silent: int) -> None:
    url = f"http://127.0.0.1:{silent}/audit.log"
    done = replay("--timeout", "1", url)
    assert (done.exit_code, done.stderr) == (1, f"{url}: {SILENT}")
    done = replay("--timeout", "1", f"http://127.0.0.1:{silent}/*.log")
    assert (done.exit_code, done.stderr) == (
        1,
        f"http://127.0.0.1:{silent}/*.log: {SILENT.replace('read:', 'listed:')}",
    )


def test_a_server_that_stops_in_the_middle() -> None:
    text = b"".join(recorded())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/audit.log"

        def serve() -> None:
            for _ in range(3):  # its size is asked for, and then it
                made, _ = listening.accept()
                connections.append(made)
                is_head = made.recv(65_536).startswith(b"HEAD")
                made.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + (b"" if is_head else text))
                if is_head:
                    made.close()

        connections: list[socket.socket] = []
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        done = replay("--timeout", "1", url)
        for connection in connections:
            connection.close()
    assert (done.exit_code, done.stderr) == (1, f"{url}: {SILENT}")
    assert json.loads(done.stdout)["files"][0]["read_bytes"] > 0


def test_a_fifo_is_waited_for(tmp_path: Path) -> None:
    fifo, text = tmp_path / "fifo", b"".join(recorded())
    os.mkfifo(fifo)
    process = begin("--split", "1MiB", fifo)
    fifo.write_bytes(text)  # waits for the reader
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["files"][0]["read_bytes"] == len(text)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let processes that tests start heed an interrupt, which a shell's background jobs ignore and pass on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("files", [1, 2])
def test_waiting_for_a_fifo_ends_with_an_interrupt(tmp_path: Path, files: int) -> None:
    fifos = [tmp_path / f"fifo{number}" for number in range(files)]
    for fifo in fifos:
        os.mkfifo(fifo)
    process = begin(*fifos, "--jobs", "2")
    wait_until(lambda: "wait_for_partner" in waits(process.pid), what="it opens the FIFO")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (130, "", "")


@pytest.mark.usefixtures("interruptible")
def test_a_second_interrupt_prints_nothing_either(tmp_path: Path) -> None:
    fifos = [tmp_path / f"fifo{number}" for number in range(2)]
    for fifo in fifos:
        os.mkfifo(fifo)
    for milliseconds in (0.5, 1, 2, 3):
        process = begin(*fifos, "--jobs", "2")
        wait_until(lambda: waits(process.pid).count("wait_for_partner") == 2, what="both open a FIFO")  # noqa: B023 - called here
        process.send_signal(signal.SIGINT)
        time.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode in {130, -signal.SIGINT}  # the latter if Python has already restored the handler
        assert (out, err) == ("", "")


def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    fifos = [tmp_path / f"fifo{number}" for number in range(2)]
    for fifo in fifos:
        os.mkfifo(fifo)
    process = begin(*fifos, "--jobs", "2")
    wait_until(lambda: waits(process.pid).count("wait_for_partner") == 2, what="both open a FIFO")
    started = children(process.pid)
    process.kill()
    process.communicate(timeout=PATIENCE)
    wait_until(lambda: not any(is_running(pid) for pid in started), what="they end, too")


def children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def is_running(pid: int) -> bool:
    """Whether there is such a process that has not ended; in a container nobody may collect what has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def waits(pid: int) -> str:
    """Return in what functions of the kernel a process and its children wait."""
    return " ".join([Path(f"/proc/{pid}/wchan").read_text(), *map(waits, children(pid))])
