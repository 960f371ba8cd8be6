"""How fast audit logs become metrics, and what that costs.

First, on one generated log of real-shaped entries, in turns and in lines per second of CPU (the best of the rounds):
(a) reading lines and nothing else, (b) the same and decoding them with msgspec into one struct of the fields that are
needed, (c) the whole pipeline with following, pairing, events and limits, (d) Debian's mtail with one regular
expression and two counters, (e) the pipeline with all conditions of ``audit.exclude``, (f) the pipeline on the log as
Vault 1.9 writes it, without mounts, and each secret read once, since mounts are then guessed from paths, (g) as (e),
with one template of ``audit.paths``, (h) with ``audit.top``.
(c) is to be at least 15 times (d) and 0.6 times (b), (e) at least 0.95, (f) and (h) at least 0.7 and (g) at least 0.75
times (c).

Then, of the real exporter: memory and the latency of ``/metrics`` while it catches up with a large backlog, its share
of a CPU at a steady rate, and idle with ten logs.

Run: ``python bench/audit.py``; ``--backlog 10000`` for a backlog of 10 GB (as much disk is used for a while).
"""

import argparse
import itertools
import json
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from vault_exporter.audit.count.pipeline import Pipeline, PipelineSettings
from vault_exporter.audit.parse.entry import Auth, Request, Response
from vault_exporter.audit.tail.open_file import Bounds
from vault_exporter.audit.tail.registry import FileRegistry
from vault_exporter.audit.tail.tailer import Tailer
from vault_exporter.audit.top.observers import make_observers
from vault_exporter.config.schema.model import Audit, Exclude, Top
from vault_exporter.demo.process import Service, free_port, program, wait_until

DATA = Path(__file__).parents[1] / "tests" / "data" / "audit" / "openbao.jsonl"
ROUNDS = 5
TIMES_MTAIL, OF_DECODING, WITH_EXCLUDE, OF_CURRENT, WITH_TEMPLATE, WITH_TOP = 15.0, 0.6, 0.95, 0.7, 0.75, 0.7
EXCLUDE = Exclude(entity_ids=("nobody",), display_names=("nobody",), remote_addresses=("192.0.2.1",))
TEMPLATE = "its-camera-ai/data/{service}/*"
MOUNT = re.compile(rb'"mount_(?:point|type|accessor|running\w*|class)":"[^"]*",?')
"""What entries of Vault before 1.10 do not have."""
ID = re.compile(rb'"id":"([0-9a-f-]{36})"')
SECRET = re.compile(rb'("path":"its-camera-ai/data/[^"]*)"')
MAX_MEGABYTES, MAX_SECONDS = 150, 0.25
RATE = 10_000

MTAIL = r"""
counter entries by type, operation
counter lines
/"type":"(?P<type>\w+)".*"operation":"(?P<operation>[\w-]+)"/ {
  entries[$type][$operation]++
  lines++
}
"""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=200, help="size of the generated log")
    parser.add_argument(
        "--mixed", type=int, default=5, help="percent of requests that are any but plain reads of secrets"
    )
    parser.add_argument("--backlog", type=int, default=1000, help="size of the backlog, in megabytes")
    parser.add_argument("--seconds", type=int, default=20, help="how long to watch the exporter at each task")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        log = directory / "audit.log"
        lines = generate(log, given.megabytes * 1_000_000, given.mixed / 100)
        print(f"{lines} lines, {log.stat().st_size / lines:.0f} bytes a line")
        good = speeds(directory, log, lines)
        good &= backlog(directory, log, given.backlog * 1_000_000)
        steady(directory, log, given.seconds)
        idle(directory, given.seconds)
    return 0 if good else 1


def generate(path: Path, size: int, mixed: float) -> int:
    """Write entries as a real server did, with ids and times of their own.

    Most are of secrets; this share of the requests is any of the recorded ones: logins, denials, errors, paths that
    are not there.
    """
    pairs = list(recorded())
    common = [pair for pair in pairs if b'"mount_type":"kv"' in pair[1] and b'"error"' not in pair[1]]
    rng, now, lines = random.Random(1), 1_795_519_873.0, 0  # noqa: S311 - reproducible, no secret
    with path.open("wb") as file:
        while file.tell() < size:
            pair = rng.choice(common if rng.random() >= mixed else pairs)
            fresh = str(uuid.UUID(int=rng.getrandbits(128))).encode()
            now += rng.random() * 0.002
            for line, moment in zip(pair, (now, now + rng.expovariate(1000)), strict=True):
                text = re.sub(rb'"id":"[0-9a-f-]{36}"', b'"id":"' + fresh + b'"', line, count=1)
                text = re.sub(rb'"time":"[^"]+"', b'"time":"' + stated(moment) + b'"', text, count=1)
                if rng.random() < 0.98:  # noqa: PLR2004 - few requests are made with a root token
                    text = text.replace(b'policies":["root"]', b'policies":["default","its-camera-ai-reader"]')
                file.write(text)
                lines += 1
    return lines


def recorded() -> Iterator[tuple[bytes, bytes]]:
    requests = {}
    for line in DATA.read_bytes().splitlines(keepends=True):
        entry = json.loads(line)
        if entry["type"] == "request":
            requests[entry["request"]["id"]] = line
        elif entry["request"]["id"] in requests:
            yield requests[entry["request"]["id"]], line


def stated(moment: float) -> bytes:
    time_ = datetime.fromtimestamp(moment, UTC)
    return (time_.strftime("%Y-%m-%dT%H:%M:%S.%f") + f"{int(moment * 1e9) % 1000:03d}Z").encode()


def speeds(directory: Path, log: Path, lines: int) -> bool:
    old = directory / "old.log"
    with log.open("rb") as source, old.open("wb") as target:
        target.writelines(map(as_old, source))
    tasks: dict[str, Callable[[], None]] = {
        "(a) reading lines": lambda: read(log),
        "(b) decoding them": lambda: decode(log),
        "(c) the pipeline": lambda: pipeline(log),
        "(e) with exclude": lambda: pipeline(log, Audit(exclude=EXCLUDE)),
        "(f) an old log": lambda: pipeline(old),
        "(g) with a template": lambda: pipeline(log, Audit(exclude=EXCLUDE, paths=(TEMPLATE,))),
        "(h) with top": lambda: pipeline(log, Audit(top=Top(enabled=True))),
    }
    if shutil.which("mtail"):
        (directory / "audit.mtail").write_text(MTAIL)
        tasks["(d) mtail"] = lambda: mtail(directory / "audit.mtail", log)
    rates: dict[str, list[float]] = {task: [] for task in tasks}
    for _ in range(ROUNDS):
        for task, run in tasks.items():
            # Of this process and of mtail, which has ended; other programs disturb the wall time more.
            started = time.process_time() + children()
            run()
            rates[task].append(lines / (time.process_time() + children() - started))
    best = {task: max(each) for task, each in rates.items()}
    for task, rate in best.items():
        print(f"{task:20} {rate:10,.0f} lines/s   median {statistics.median(rates[task]):10,.0f}")
    whole = best["(c) the pipeline"]
    ratios = [
        ("(c) / (b)", whole / best["(b) decoding them"], OF_DECODING),
        ("(e) / (c)", best["(e) with exclude"] / whole, WITH_EXCLUDE),
        ("(f) / (c)", best["(f) an old log"] / whole, OF_CURRENT),
        ("(g) / (c)", best["(g) with a template"] / whole, WITH_TEMPLATE),
        ("(h) / (c)", best["(h) with top"] / whole, WITH_TOP),
    ]
    if "(d) mtail" in best:
        ratios.append(("(c) / (d)", whole / best["(d) mtail"], TIMES_MTAIL))
    else:
        print("(d) is missing: apt-get install mtail")
    for what, ratio, least in ratios:
        print(f"{what}            {ratio:10.2f}           (at least {least:g})")
    return all(ratio >= least for _, ratio, least in ratios)


def as_old(line: bytes) -> bytes:
    """Leave the mounts out, and give each request of a secret a path of its own, with which its response agrees."""
    line = MOUNT.sub(b"", line).replace(b",}", b"}")
    id_ = ID.search(line)
    return line if id_ is None else SECRET.sub(rb"\1/" + id_[1] + b'"', line, count=1)


def children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read(log: Path) -> None:
    with log.open("rb", buffering=256 << 10) as file:
        for _ in file:
            pass


class Entry(msgspec.Struct, gc=False):
    """What the pipeline needs of an entry, as one writes it down without a thought for speed."""

    type: Literal["request", "response"]
    time: datetime | None = None
    auth: Auth | None = None
    request: Request | None = None
    response: Response | None = None
    error: str = ""


def decode(log: Path) -> None:
    one = msgspec.json.Decoder(Entry).decode
    with log.open("rb", buffering=256 << 10) as file:
        for line in file:
            one(line)


def pipeline(log: Path, settings: Audit | None = None) -> None:
    settings = settings or Audit()
    whole = Pipeline(PipelineSettings.of(settings), make_observers(settings))
    tailer = Tailer(log, FileRegistry(Bounds(16 << 20)))
    while (lines := tailer.poll()) is not None:
        whole.feed("audit.log", lines)
    tailer.close()


def mtail(script: Path, log: Path) -> None:
    subprocess.run(
        ["mtail", "--one_shot", "--progs", str(script), "--logs", str(log), "--log_dir", str(script.parent)],  # noqa: S607
        check=True,
        capture_output=True,
    )


class Exporter:
    """The real one, on a log or several."""

    def __init__(self, directory: Path, *logs: Path, from_start: bool = False) -> None:
        port = free_port()
        arguments = ["serve", "--listen", f"127.0.0.1:{port}", *(f"--audit-log={log}" for log in logs)]
        arguments += ["--audit-from-start"] if from_start else []
        self.url = f"http://127.0.0.1:{port}/metrics"
        self.service = Service("exporter", [program("vault-exporter"), *arguments], log=directory / "exporter.log")
        wait_until(self.answers, timeout=30, what="the exporter")

    def answers(self) -> bool:
        try:
            self.page()
        except OSError:
            return False
        return True

    def page(self) -> str:
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": "10"}
        with urllib.request.urlopen(urllib.request.Request(self.url, headers=headers), timeout=30) as response:  # noqa: S310
            text: str = response.read().decode()
            return text

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.service.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        status = Path(f"/proc/{self.service.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1000


def total(page: str, name: str) -> float:
    return sum(float(value) for value in re.findall(rf"^{name}\S* (\S+)$", page, re.MULTILINE))


def backlog(directory: Path, log: Path, size: int) -> bool:
    large = directory / "backlog.log"
    with large.open("wb") as target, log.open("rb") as source:
        while target.tell() < size:
            source.seek(0)
            shutil.copyfileobj(source, target, 1 << 20)
    size = large.stat().st_size
    exporter = Exporter(directory, large, from_start=True)
    seconds, started, lag = [], time.perf_counter(), 1.0
    while lag:
        asked = time.perf_counter()
        lag = total(exporter.page(), "vault_audit_reader_lag_bytes")
        seconds.append(time.perf_counter() - asked)
        time.sleep(0.05)
    took, memory = time.perf_counter() - started, exporter.megabytes()
    exporter.service.stop()
    large.unlink()
    slowest = statistics.quantiles(seconds, n=100)[98]
    print(f"backlog of {size / 1e9:.1f} GB: {took:.0f} s, {size / took / 1e6:.0f} MB/s with a scrape every 50 ms")
    print(f"  resident memory    {memory:10.0f} MB at most (under {MAX_MEGABYTES})")
    print(f"  /metrics p99       {slowest * 1000:10.0f} ms of {len(seconds)} (under {MAX_SECONDS * 1000:.0f})")
    return memory < MAX_MEGABYTES and slowest < MAX_SECONDS


def steady(directory: Path, log: Path, seconds: int) -> None:
    followed = directory / "steady.log"
    followed.touch()
    exporter = Exporter(directory, followed)
    stop = threading.Event()

    def write() -> None:
        started, written = time.monotonic(), 0
        with log.open("rb") as source, followed.open("ab", buffering=0) as target:
            while not stop.wait(0.01):
                due = int((time.monotonic() - started) * RATE) - written
                target.write(b"".join(itertools.islice(source, due)))
                written += due

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(2)
    before, lines, started = exporter.cpu(), total(exporter.page(), "vault_audit_entries_total"), time.monotonic()
    time.sleep(min(seconds, 12))
    took = time.monotonic() - started
    share = (exporter.cpu() - before) / took
    rate = (total(exporter.page(), "vault_audit_entries_total") - lines) / took
    stop.set()
    writer.join()
    exporter.service.stop()
    print(f"at {rate:,.0f} lines/s      {share * 100:8.1f} % of a CPU")


def idle(directory: Path, seconds: int) -> None:
    logs = [directory / f"idle-{number}.log" for number in range(10)]
    for log in logs:
        log.touch()
    exporter = Exporter(directory, *logs)
    time.sleep(2)
    before = exporter.cpu()
    time.sleep(seconds)
    share = (exporter.cpu() - before) / seconds
    exporter.service.stop()
    print(f"idle with 10 logs    {share * 100:8.2f} % of a CPU")


if __name__ == "__main__":
    sys.exit(main())
