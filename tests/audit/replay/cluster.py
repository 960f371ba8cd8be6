"""Replays on a Dask cluster whose workers read from S3, as on one machine. Run it with ``make cluster-test``.

S3 is moto's server, and the scheduler and the workers are processes of this machine.
"""

import contextlib
import gzip
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import s3fs
from distributed import Client

from bench.replay import REPORTS, START, pair
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter import __version__
from vault_exporter.demo.process import free_port, program

FILES, LINES = 40, 3000
SECRET = "planted-secret"
BUCKET = "audit"
PATTERN = f"s3://{BUCKET}/vault/2026/11/*.gz"


@pytest.fixture(scope="module")
def running() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cluster")


def start(stack: contextlib.ExitStack, log: Path, *command: str | Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start a program; it is killed at the end."""
    with log.open("wb") as file:
        process = subprocess.Popen(list(map(str, command)), stdout=file, stderr=file, env=os.environ | environment)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


@pytest.fixture(scope="module")
def store(running: contextlib.ExitStack, folder: Path) -> dict[str, str]:
    """Start S3, write logs into it, and return the environment that reads from it."""
    port = free_port()
    start(running, folder / "s3.log", program("moto_server"), "--host", "127.0.0.1", "--port", str(port))
    wait_until(lambda: b"Running on" in (folder / "s3.log").read_bytes(), what="S3 serves")
    environment = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    filesystem = s3fs.S3FileSystem(
        key="key", secret=SECRET, endpoint_url=environment["AWS_ENDPOINT_URL"], skip_instance_cache=True
    )
    filesystem.mkdir(BUCKET)
    for number, content in enumerate(files()):
        filesystem.pipe(f"{BUCKET}/vault/2026/11/audit-{number:03}.gz", gzip.compress(content, 1))
    filesystem.pipe(f"{BUCKET}/whole.jsonl", b"".join(files()))
    filesystem.pipe(f"{BUCKET}/torn.gz", gzip.compress(next(files()))[:-1000])
    return environment


def files() -> Iterator[bytes]:
    """Make one log, in which responses come ten lines later, and cut it into files."""
    pairs = [pair(number, START + number / 100) for number in range(FILES * LINES // 2)]
    lines = [asked for asked, _ in pairs[:10]]
    for (asked, _), (_, answered) in zip(pairs[10:], pairs, strict=False):
        lines += (asked, answered)
    lines += [answered for _, answered in pairs[-10:]]
    for begin in range(0, len(lines), LINES):
        yield b"".join(lines[begin : begin + LINES])


class Cluster:
    """A scheduler and its workers."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path, store: dict[str, str], **environment: str) -> None:
        self._stack, self._folder, self._environment = stack, folder, store | environment
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self.start("scheduler", "--host", self.address, "--no-dashboard")
        self.client: Any = stack.enter_context(Client(self.address, timeout=PATIENCE, set_as_default=False))

    def start(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = self._folder / f"{kind}-{len(list(self._folder.glob('*.log')))}.log"
        return start(self._stack, log, program("dask"), kind, *arguments, **self._environment)

    def add_worker(self, name: str, *more: str) -> subprocess.Popen[bytes]:
        arguments = ("--name", name, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        process = self.start("worker", self.address, *arguments, *more)
        wait_until(lambda: self.address_of(name) != "", what=f"worker {name} joins")
        return process

    def address_of(self, name: str) -> str:
        workers = self.client.scheduler_info()["workers"]
        return next((str(address) for address, worker in workers.items() if worker["id"] == name), "")

    def tasks(self) -> int:
        """Number of logs on the cluster."""
        number: int = self.client.run_on_scheduler(
            lambda dask_scheduler: sum(str(key).startswith("replay-") for key in dask_scheduler.tasks)
        )
        return number

    def has_work(self, address: str) -> bool:
        return bool(self.client.processing().get(address))

    def said(self) -> str:
        return "".join(path.read_text() for path in self._folder.glob("*.log"))


@pytest.fixture
def cluster(tmp_path: Path, store: dict[str, str]) -> Iterator[Cluster]:
    with contextlib.ExitStack() as stack:
        yield Cluster(stack, tmp_path, store)


def begin(store: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    command = [str(program("vault-exporter")), "replay", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | store)


def replay(store: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    process = begin(store, *arguments)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


@pytest.mark.parametrize("reports", [(), REPORTS], ids=["summary", "reports"])
def test_a_worker_that_is_killed_costs_nothing_but_time(
    cluster: Cluster, store: dict[str, str], folder: Path, reports: tuple[str, ...]
) -> None:
    how = ["--json", *(part for report in reports for part in ("--report", report))]
    doomed = cluster.add_worker("doomed")
    cluster.add_worker("other")
    address = cluster.address_of("doomed")
    served = (folder / "s3.log").stat().st_size
    process = begin(store, *how, "--dask", cluster.address, PATTERN)
    tasks = []

    def is_midway() -> bool:
        tasks.append(cluster.tasks())
        return b"audit-010.gz" in (folder / "s3.log").read_bytes()[served:] and cluster.has_work(address)

    wait_until(is_midway, what="the worker reads", interval=0.001)
    doomed.send_signal(signal.SIGKILL)
    assert doomed.wait() == -signal.SIGKILL
    with ThreadPoolExecutor(1) as reading:
        said = reading.submit(process.communicate, timeout=PATIENCE)
        while process.poll() is None:
            tasks.append(cluster.tasks())
        out, err = said.result()
    assert process.returncode == 0
    assert "distributed" not in err
    assert (0, out, err) == replay(store, *how, PATTERN)
    assert (0, out, err) == replay(store, *how, "--jobs", "1", PATTERN)
    assert 1 < max(tasks) <= 8  # four for each of two threads
    if not reports:
        summary = json.loads(out)
        assert summary["requests"] == summary["responses"] == FILES * LINES // 2
        assert summary["unanswered"] == 0
        assert sum(one["count"] for one in summary["latency"]) == FILES * LINES // 2


def test_a_log_that_kills_each_worker_is_named(tmp_path: Path, store: dict[str, str]) -> None:
    with contextlib.ExitStack() as stack:
        cluster = Cluster(stack, tmp_path, store, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
        doomed = cluster.add_worker("doomed")
        doomed.send_signal(signal.SIGSTOP)
        process = begin(store, "--json", "--dask", cluster.address, "--jobs", "1", PATTERN)
        address = cluster.address_of("doomed")
        wait_until(lambda: cluster.has_work(address), what="it has a log")
        doomed.kill()
        cluster.add_worker("other")
        out, err = process.communicate(timeout=PATIENCE)
    problem = "not counted: each worker that read it died, 1 in all; is there memory enough?"
    assert (process.returncode, err) == (1, f"s3://{BUCKET}/vault/2026/11/audit-000.gz: {problem}\n")
    said = json.loads(out)
    assert [file["problem"] for file in said["files"]] == [problem, *[""] * (FILES - 1)]
    assert said["requests"] + said["responses"] == (FILES - 1) * LINES


def test_logs_that_cannot_be_read_are_named_and_nothing_secret_is(
    cluster: Cluster, store: dict[str, str], tmp_path: Path
) -> None:
    cluster.add_worker("one")
    path = tmp_path / "shared.jsonl"
    path.write_bytes(b"".join(pair(1, START)))
    host = store["AWS_ENDPOINT_URL"].removeprefix("http://")
    names = [f"s3://{BUCKET}/none", f"s3://{BUCKET}/torn.gz", str(path), f"http://u:{SECRET}@{host}/no?sig={SECRET}"]
    status, out, err = replay(store, "--json", "--dask", cluster.address, *names)
    assert (status, out, err) == replay(store, "--json", *names)
    assert status == 1
    assert f"s3://{BUCKET}/none: cannot be read: there is no such file\n" in err
    assert f"s3://{BUCKET}/torn.gz: damaged or cut short; it was counted as far as it could be read\n" in err
    assert f"http://u:***@{host}/no?sig=***: cannot be read: " in err
    assert [bool(file["problem"]) for file in json.loads(out)["files"]] == [True, True, False, True]
    assert SECRET not in out + err + cluster.said()


def test_credentials_are_missing(cluster: Cluster, store: dict[str, str]) -> None:
    without = {**store, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    status, _, err = replay(without, "--dask", cluster.address, PATTERN)
    assert status == 1
    assert err.startswith(f"{PATTERN}: cannot be listed: ")


def test_a_store_that_never_answers(store: dict[str, str]) -> None:
    why = "no answer in time; --timeout SECONDS waits longer"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hung = {**store, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        for name, what in ((PATTERN, "listed"), (f"s3://{BUCKET}/whole.jsonl", "read")):
            assert replay(hung, "--timeout", "1", name) == (1, "", f"{name}: cannot be {what}: {why}\n")


def test_a_worker_of_another_version(cluster: Cluster, store: dict[str, str], tmp_path: Path) -> None:
    older = tmp_path / "older.py"
    older.write_text("import vault_exporter\nvault_exporter.__version__ = '0.0.1'\n")
    cluster.add_worker("one", "--preload", str(older))
    status, out, err = replay(store, "--dask", cluster.address, PATTERN)
    assert (status, out) == (1, "")
    assert err == (
        f"{cluster.address}: a worker has vault-exporter 0.0.1, and this is {__version__}; install the same on both\n"
    )


def test_parts_of_one_log_are_shared_out(cluster: Cluster, store: dict[str, str]) -> None:
    cluster.add_worker("one")
    cluster.add_worker("other")
    log = f"s3://{BUCKET}/whole.jsonl"
    _, whole, _ = replay(store, "--json", log)
    status, out, err = replay(store, "--json", "--split", "16MiB", "--dask", cluster.address, log)
    assert (status, out, err) == (0, whole, "")
    assert json.loads(out)["requests"] == FILES * LINES // 2


def test_the_scheduler_goes_away(tmp_path: Path, store: dict[str, str]) -> None:
    with contextlib.ExitStack() as stack:
        cluster = Cluster(stack, tmp_path, store)
        worker = cluster.add_worker("one")
        worker.send_signal(signal.SIGSTOP)
        process = begin(
            {**store, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}, "--dask", cluster.address, PATTERN
        )
        address = cluster.address_of("one")
        wait_until(lambda: cluster.has_work(address), what="it has a log")
        cluster.client.close()
        cluster.scheduler.kill()
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert err.endswith(f"{cluster.address}: the scheduler went away, and what it knew is lost; start again\n")


def test_no_scheduler(store: dict[str, str]) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    status, out, err = replay(store, "--dask", address, PATTERN)
    assert (status, out) == (1, "")
    assert re.fullmatch(rf"{address}: no Dask scheduler answers \(\w+\)\n", err)
