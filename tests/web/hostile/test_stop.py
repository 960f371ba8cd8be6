"""The exporter stops within 5 s, whatever hangs, and answers meanwhile."""

import contextlib
import os
import signal
import socket
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.lab.figures import Figure
from tests.lab.waiting import wait_until
from tests.web.hostile import hung_disk, stuck
from tests.web.hostile.running import DOWN, Delays, Running, counted

MOST_SECONDS = 5.0
ENTRY = b'{"time":"2026-11-24T11:31:12.5Z","type":"request","request":{"id":"a","operation":"read"}}\n'


def stuck_exporter(directory: Path) -> Running:
    pipe = directory / "pipe"
    os.mkfifo(pipe)
    return Running(directory, DOWN, command=(sys.executable, stuck.__file__, pipe))


def test_a_reload_that_hangs(tmp_path: Path, figure: Figure) -> None:
    with stuck_exporter(tmp_path) as running:
        threads = running.threads
        running.service.signal(signal.SIGHUP)
        wait_until(lambda: "event=hanging" in running.log(), what="a reload that hangs")
        for _ in range(100):
            running.service.signal(signal.SIGHUP)
        assert running.get("/-/healthy")[0] == 200
        figure("more threads", running.threads - threads, 2)
        figure("exit in seconds", running.stop(), MOST_SECONDS)
        assert running.log().count("event=hanging") == 1


def test_an_event_loop_that_hangs(tmp_path: Path, figure: Figure) -> None:
    with stuck_exporter(tmp_path) as running:
        running.service.signal(signal.SIGUSR1)
        wait_until(lambda: "event=hanging" in running.log(), what="an event loop that hangs")
        figure("exit in seconds", running.stop(), MOST_SECONDS)
        assert "stopping takes too long" in running.log()


def test_a_checkpoint_on_a_disk_that_hangs(tmp_path: Path, figure: Figure) -> None:
    log, pipe = tmp_path / "audit.log", tmp_path / "pipe"
    os.mkfifo(pipe)
    log.write_bytes(b"")
    config = f"audit: {{logs: ['{log}'], checkpoint: '{tmp_path / 'checkpoint'}'}}\n"
    with Running(tmp_path, config, command=(sys.executable, hung_disk.__file__, pipe)) as running:
        running.scrape()
        log.write_bytes(ENTRY)
        wait_until(lambda: counted(running) == 1, what="the first entry")
        running.service.signal(signal.SIGUSR1)
        with log.open("ab") as file:
            file.write(ENTRY * 9)
        with Delays(running) as delays:
            # What is counted is still shown, after the last page was given a few times more.
            wait_until(lambda: counted(running) == 10, what="the entries that come later")
        assert not delays.failures
        threads = running.threads
        for _ in range(10):
            running.scrape()
        assert running.log().count("event=hanging") == 1
        figure("more threads", running.threads - threads, 0)
        figure("longest /-/healthy in s", delays.longest, 3)
        figure("exit in seconds", running.stop(), MOST_SECONDS)


def endless(directory: Path) -> str:
    """Return a pattern whose matches nobody can count: links to the folder itself, on thirty levels."""
    directory.mkdir()
    for name in "abcd":
        (directory / name).symlink_to(".", target_is_directory=True)
    return str(directory) + "/*" * 30


def test_a_backup_folder_that_never_answers(tmp_path: Path, figure: Figure) -> None:
    (tmp_path / "good.snap").write_text("backup")
    config = (
        f"{DOWN}backup:\n"
        f"  - {{name: bad, files: '{endless(tmp_path / 'folder')}', max_age: 1h}}\n"
        f"  - {{name: good, files: '{tmp_path}/*.snap'}}\n"
    )
    with Running(tmp_path, config) as running:
        running.scrape()  # starts what threads it needs
        threads = running.threads
        for _ in range(3):
            samples = running.scrape(None, **{"X-Prometheus-Scrape-Timeout-Seconds": "1"})
            assert samples['vault_backup_files{name="good"}'] == 1
            assert samples['vault_backup_max_age_seconds{name="bad"}'] == 3600
            assert 'vault_backup_files{name="bad"}' not in samples
        figure("more threads", running.threads - threads, 2)
        assert running.log().count("slow or hangs") == 1
        assert running.get("/-/healthy")[0] == 200
        figure("exit in seconds", running.stop(), MOST_SECONDS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_in_good_order(tmp_path: Path, number: signal.Signals) -> None:
    with Running(tmp_path, DOWN) as running:
        running.service.signal(number)
        wait_until(lambda: running.service.returncode is not None, what="an end")
        assert running.service.returncode == 0
        ends = Counter(word for word in running.log().split() if word in {"event=stopping", "event=stopped"})
        assert ends == {"event=stopping": 1, "event=stopped": 1}


def test_a_login_that_hangs(tmp_path: Path, figure: Figure) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = f"{{name: n1, address: 'http://127.0.0.1:{silent.getsockname()[1]}'"
        login = "auth: {method: userpass, username: me, password: secret}"
        with Running(tmp_path, f"targets: [{target}, {login}}}]\n") as running, contextlib.ExitStack() as stack:
            stack.enter_context(running.raw(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"))
            silent.settimeout(60)
            asked = b""
            while b"/v1/auth/userpass/login/me" not in asked:
                waiting, _ = silent.accept()
                stack.enter_context(waiting)
                waiting.settimeout(60)
                asked = waiting.recv(65536)
            figure("exit in seconds", running.stop(), MOST_SECONDS)
        assert not running.complaints()
