"""What following a pattern over many files costs, while nothing is written to them.

Of the real exporter with a pattern over so many files, of which it follows ``audit.max_files``: how long it takes to
start, its share of a CPU at idle, and the longest time that ``/-/healthy`` takes meanwhile, which is how long the event
loop is held up.

Run: ``python bench/pattern.py``
"""

import argparse
import http.client
import json
import os
import sys
import tempfile
import time
from http import HTTPStatus
from pathlib import Path

from vault_exporter.demo.process import Service, free_port, program, wait_until

MAX_SHARE, MAX_SECONDS = 0.03, 0.1


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=30, help="how long to watch the exporter")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary, "logs")
        directory.mkdir()
        for number in range(given.files):
            (directory / f"audit-{number:06}.log").write_bytes(b"{}\n")
        return measure(Path(temporary), directory, given.seconds)


def measure(temporary: Path, directory: Path, seconds: int) -> int:
    port = free_port()
    config = temporary / "config.yml"
    audit = {"logs": [str(directory / "*.log")]}
    config.write_text(json.dumps({"listen": f"127.0.0.1:{port}", "audit": audit}))
    began = time.monotonic()
    with Service(
        "exporter", [program("vault-exporter"), "serve", "--config", config], log=temporary / "log"
    ) as exporter:
        wait_until(lambda: answers(port), timeout=120, what="the exporter answers")
        print(f"starts in {time.monotonic() - began:.1f} s")
        settle = time.monotonic() + 10
        while time.monotonic() < settle:
            answers(port)
            time.sleep(0.1)
        delays, before, start = [], cpu_seconds(exporter.pid), time.monotonic()
        while time.monotonic() - start < seconds:
            asked = time.monotonic()
            answers(port)
            delays.append(time.monotonic() - asked)
            time.sleep(0.02)
        asking = cost_of_asking(exporter.pid, port, len(delays))
        share = (cpu_seconds(exporter.pid) - before - 2 * asking) / (time.monotonic() - start)
        print(f"{share:.1%} of a CPU at idle, longest delay {max(delays) * 1000:.0f} ms")
    return 0 if share < MAX_SHARE and max(delays) < MAX_SECONDS else 1


def cost_of_asking(pid: int, port: int, times: int) -> float:
    """CPU seconds of so many questions asked at once, in which little else is done."""
    before = cpu_seconds(pid)
    for _ in range(times):
        answers(port)
    return cpu_seconds(pid) - before


def answers(port: int) -> bool:
    try:
        return ask(port, "/-/healthy")[0] == HTTPStatus.OK
    except OSError:
        return False


def ask(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
