"""Several files: a request is answered in the next one, and the files are elsewhere."""

import base64
import functools
import gzip
import http.server
import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.audit.container import Kind, Runtime
from tests.audit.entries import line, recorded
from tests.audit.replay import test_replay
from tests.audit.replay.test_replay import run_program
from tests.lab.waiting import PATIENCE
from vault_exporter.audit.replay.finished_log import FinishedLog
from vault_exporter.audit.replay.location import Location, LocationError, located
from vault_exporter.audit.replay.merging import Merger
from vault_exporter.audit.replay.one_log import count
from vault_exporter.audit.replay.opening import split
from vault_exporter.audit.replay.summary import summarize
from vault_exporter.cli.table import assembled
from vault_exporter.config.schema.model import Audit

SECRET = "planted-secret"


def run(*arguments: str | Path, status: int = 0) -> str:
    """Run the command within this process and no other."""
    return test_replay.run(*arguments, "--jobs", "1", status=status)


def summary(*arguments: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("--json", *arguments))
    return found


def write(folder: Path, *files: list[bytes]) -> list[Path]:
    paths = []
    for number, lines in enumerate(files):
        path = folder / f"audit.log.{number}"
        path.write_bytes(b"".join(lines))
        paths.append(path)
    return paths


def without_files(said: dict[str, Any]) -> dict[str, Any]:
    return {**said, "files": 0}


def at(minute: int, second: float = 0) -> str:
    return f"2026-11-24T12:{minute:02}:{second:09.6f}Z"


def pair(number: int, minute: int = 0, seconds: float = 0.25, begin: float = 1) -> tuple[bytes, bytes]:
    sent, ended = at(minute, begin), at(minute + int((begin + seconds) // 60), (begin + seconds) % 60)
    return line("request", sent, f"r{number}"), line("response", ended, f"r{number}")


@pytest.fixture
def memory() -> Iterator[Any]:
    store = fsspec.filesystem("memory")
    store.store.clear()
    yield store
    store.store.clear()


@pytest.mark.parametrize("files", [2, 5, 40])
def test_a_log_in_several_files_is_summed_up_as_the_whole(tmp_path: Path, files: int) -> None:
    lines = recorded()
    expected = without_files(summary(*write(tmp_path, lines)))
    size = -(-len(lines) // files)
    paths = write(tmp_path, *(lines[begin : begin + size] for begin in range(0, len(lines), size)))
    assert without_files(summary(*paths)) == expected
    assert without_files(summary(*paths[::-1])) == expected


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_of_the_files_does_not_matter(tmp_path: Path, order: tuple[int, ...]) -> None:
    (asked_1, answered_1), (asked_2, answered_2), (asked_3, _) = pair(1), pair(2, seconds=2), pair(3)
    paths = write(tmp_path, [asked_1, asked_2], [answered_2, asked_3], [answered_1])
    said = summary(*(paths[place] for place in order))
    assert (said["requests"], said["responses"], said["unanswered"]) == (3, 2, 1)
    assert [(one["count"], one["mean"]) for one in said["latency"]] == [(2, 1.125)]


@pytest.mark.parametrize("size", ["1KiB", "5000", "40KiB"])
def test_parts_of_a_large_file_are_summed_up_as_the_whole(tmp_path: Path, memory: Any, size: str) -> None:
    content = b"".join(recorded())
    (path,) = write(tmp_path, [content])
    memory.pipe("/audit.log", content)
    expected = summary(path)
    assert path.stat().st_size > 40 << 10
    assert summary("--split", size, path) == expected
    assert without_files(summary("--split", size, "memory://audit.log")) == without_files(expected)
    if size == "40KiB":
        assert json.loads(run_program("--json", "--split", size, "--jobs", "2", path)) == expected


@given(st.lists(st.binary(max_size=30), max_size=40), st.integers(1, 100), st.booleans())
def test_each_line_is_in_one_part(lines: list[bytes], size: int, ended: bool) -> None:  # noqa: FBT001
    content = b"\n".join(line.translate(None, b"\n\x1f\x28\xfd") for line in lines) + b"\n" * ended
    fsspec.filesystem("memory").pipe("/lines", content)
    parts = list(split([Location("lines", "memory://lines")], size))
    assert len(parts) == max(1, -(-len(content) // size))
    found = [line for part in parts for block in FinishedLog(part, 1 << 20).blocks() for line in block]
    assert b"".join(found) == content
    assert all(line.endswith(b"\n") for line in found[:-1])


@pytest.mark.parametrize("kind", ["cri", "docker"])
def test_parts_of_what_a_container_runtime_stores(tmp_path: Path, kind: Kind) -> None:
    runtime = Runtime(tmp_path, kind, part_bytes=700)
    for entry in recorded():
        runtime.write(entry)
    expected = summary(runtime.path)
    assert expected["requests"] > 0
    for size in ("1KiB", "10000", "40KiB"):
        assert {**summary("--split", size, runtime.path), "files": 0} == without_files(expected)


def test_what_is_not_split(tmp_path: Path) -> None:
    log = tmp_path / "audit.log.gz"
    log.write_bytes(gzip.compress(b"".join(recorded())))
    small = write(tmp_path, recorded()[:1])[0]
    found = [Location(str(one)) for one in (log, small, tmp_path, tmp_path / "none")]
    assert list(split(found, 2000)) == found
    assert run("--split", "much", log, status=3) == "--split: not a size; write it in bytes, or like 512KiB, 16MiB\n"
    assert run("--split", "1", log, status=3) == "--split: parts of less than 1KiB take longer than the whole\n"


def unmatched(*paths: Path) -> float:
    return metric("vault_audit_unmatched_responses_total", *paths)


def metric(name: str, *paths: str | Path) -> float:
    (value,) = (float(row.split()[-1]) for row in run("--metrics", *paths).splitlines() if row.startswith(f"{name} "))
    return value


def test_two_devices_write_each_request_twice(tmp_path: Path) -> None:
    asked, answered = pair(1)
    paths = write(tmp_path, [asked], [asked], [answered], [answered])
    said = summary(*paths)
    assert [(one["count"], one["mean"]) for one in said["latency"]] == [(2, 0.25)]
    assert (said["unanswered"], unmatched(*paths)) == (0, 0)


def test_what_takes_too_long_for_one_log_takes_too_long_for_two(tmp_path: Path) -> None:
    asked, answered = pair(1, seconds=601)
    apart = write(tmp_path, [asked], [answered])
    assert summary(*apart)["latency"] == []
    assert (summary(*apart)["unanswered"], unmatched(*apart)) == (1, 1)
    asked, answered = pair(1, seconds=599)
    assert summary(*write(tmp_path, [asked], [answered]))["latency"][0]["mean"] == 599


def test_only_so_many_wait_for_the_next_file(tmp_path: Path) -> None:
    config = tmp_path / "c.yml"
    config.write_text("audit: {max_pending: 1}\n")
    pairs = [pair(number) for number in range(2)]
    paths = write(tmp_path, [pairs[0][0]], [pairs[1][0]], [pairs[1][1], pairs[0][1]])
    said = summary("-c", config, *paths)
    assert (sum(one["count"] for one in said["latency"]), said["unanswered"]) == (1, 1)
    assert metric("vault_audit_pending_requests", "-c", config, *paths) == 0
    config.write_text("audit: {max_pending: 2}\n")
    assert sum(one["count"] for one in summary("-c", config, *paths)["latency"]) == 2


def test_requests_without_id_or_time_are_never_taken_for_others(tmp_path: Path) -> None:
    timeless = [
        json.dumps({"type": kind, "request": {"id": "r1"}}).encode() + b"\n" for kind in ("request", "response")
    ]
    paths = write(tmp_path, [line("request", id_="")], [line("response", id_="")], timeless[:1], timeless[1:])
    said = summary(*paths)
    assert (said["latency"], said["unanswered"], unmatched(*paths)) == ([], 1, 2)


def test_many_files_are_merged_in_their_order_wherever_they_are_read(tmp_path: Path) -> None:
    number = 2 * Merger.WINDOW + 5
    paths = write(tmp_path, *([*pair(n, n % 60), pair(n + 1000)[0]] for n in range(number)))
    paths[number // 2].unlink()
    (tmp_path / "empty").mkdir()
    paths[number // 2] = tmp_path / "empty"  # cannot be read; the others are counted
    one = CliRunner().invoke(assembled(()), ["replay", "--json", "--jobs", "1", *map(str, paths)])
    several = subprocess.run(
        [sys.executable, "-m", "vault_exporter", "replay", "--json", "--jobs", "3", *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert one.exit_code == several.returncode == 1
    assert several.stderr == one.stderr == f"{tmp_path}/empty: cannot be read: Is a directory\n"
    assert several.stdout == one.stdout
    said = json.loads(one.stdout)
    assert [file["name"] for file in said["files"]] == list(map(str, paths))
    assert said["requests"] == 2 * (number - 1)


def test_merging_does_not_depend_on_what_is_ready_first(tmp_path: Path) -> None:
    # More paths than are kept, so that the order of merging shows.
    settings = Audit()
    tracked = settings.top.tracked
    paths = write(
        tmp_path,
        *(
            [line("request", id_=f"{n}-{p}", request={"path": f"kv/{n * p}"}) for p in range(2 * tracked)]
            for n in range(1, 4)
        ),
    )
    counted = [count(Location(str(path)), settings, None) for path in paths]
    results = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        merger = Merger(settings, None)
        for place in order:
            merger.add(place, counted[place])
        assert merger.merged == 3
        results.append(summarize(merger.result(), 50))
    assert results[0] == results[1] == results[2]
    assert any(one.at_least != one.at_most for one in results[0].top.paths)


def test_files_of_a_store(tmp_path: Path, memory: Any) -> None:
    lines = recorded()
    parts = [lines[:100], lines[100:250], lines[250:]]
    expected = without_files(summary(*write(tmp_path, *parts)))
    memory.pipe("/vault/2026/11/audit-1.gz", gzip.compress(b"".join(parts[0])))
    memory.pipe("/vault/2026/11/audit-2.gz", gzip.compress(b"".join(parts[2])))
    memory.pipe("/vault/2026/11/audit-3.txt", b"another\n")
    memory.pipe("/vault/2026/11/more.gz/file", b"a directory matches, too\n")
    memory.pipe("/vault/2026/12/audit-1", b"".join(parts[1]))
    said = summary("memory://vault/2026/11/*.gz", "memory://vault/2026/12/audit-?")
    assert without_files(said) == expected
    assert [(file["name"], file["problem"]) for file in said["files"]] == [
        ("memory://vault/2026/11/audit-1.gz", ""),
        ("memory://vault/2026/11/audit-2.gz", ""),
        ("memory://vault/2026/12/audit-1", ""),
    ]


def test_a_file_that_is_not_in_the_store_costs_itself_only(memory: Any) -> None:
    memory.pipe("/vault/audit.log", b"".join(recorded()))
    names = ["memory://vault/none", "memory://vault/audit.log", "memory://vault/audit.log"]
    result = CliRunner().invoke(assembled(()), ["replay", "--json", "--jobs", "1", *names])
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert [file["problem"] for file in said["files"]] == ["cannot be read: there is no such file", ""]
    assert said["requests"] > 0
    assert result.stderr == (
        "memory://vault/audit.log is given twice; it is counted once\n"
        "memory://vault/none: cannot be read: there is no such file\n"
    )


def test_patterns(tmp_path: Path, memory: Any) -> None:
    assert run("memory://vault/*.gz", status=1) == "memory://vault/*.gz: no file matches\n"
    assert run(tmp_path / "*.gz", status=1) == f"{tmp_path}/*.gz: no file matches\n"
    assert run("what://bucket/a", status=1) == "what://bucket/a: Protocol not known: what\n"
    memory.pipe("/vault/a.gz", b"")
    for name in ("b.log", "a.log", "a*.log"):
        (tmp_path / name).touch()
    assert [one.name for one in located([f"{tmp_path}/[ab].log"])] == [f"{tmp_path}/a.log", f"{tmp_path}/b.log"]
    assert [one.name for one in located([f"{tmp_path}/a*.log"])] == [f"{tmp_path}/a*.log"]  # it is there
    assert [one.address for one in located(["memory://vault/*"])] == ["memory://vault/a.gz"]
    with pytest.raises(LocationError, match="no file matches"):
        located(["memory://none/*"])


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files to whoever knows the password."""

    def send_head(self) -> Any:
        known = base64.b64encode(f"reader:{SECRET}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {known}" and "sig=" not in self.path:
            self.send_error(403)
            return None
        return super().send_head()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(tmp_path)))
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


def test_nothing_secret_of_a_url_is_said(server: str, tmp_path: Path) -> None:
    lines = recorded()
    paths = write(tmp_path, lines[:41], lines[41:])
    expected = without_files(summary(*paths))
    url = f"http://reader:{SECRET}@{server}/"
    signed = f"http://{server}/audit.log.1?sig={SECRET}&n=1"
    for said in (summary(f"{url}audit.log.0", signed), json.loads(run_program("--json", f"{url}audit.log.0", signed))):
        assert without_files(said) == expected
        assert [file["name"] for file in said["files"]] == [
            f"http://reader:***@{server}/audit.log.0",
            f"http://{server}/audit.log.1?sig=***&n=***",
        ]
        assert SECRET not in json.dumps(said)
    for how in ([], ["--metrics"], ["--report", "kv"]):
        names = [f"{url}audit.log.0", f"{url}none", f"http://wrong:{SECRET}@{server}/audit.log.0", signed]
        done = CliRunner().invoke(assembled(()), ["replay", "--jobs", "1", *how, *names])
        assert done.exit_code == 1
        assert done.stderr == (
            f"http://reader:***@{server}/none: cannot be read: there is no such file\n"
            f"http://wrong:***@{server}/audit.log.0: cannot be read: HTTP status 403\n"
        )
        assert done.stdout
        assert SECRET not in done.stdout
    for wrong in (
        f"{url}none/*.gz",
        f"http://a:{SECRET}@{server}/*",
        f"what://a:{SECRET}@b/c",
        f"http://a:{SECRET}@[/c",
    ):
        done = CliRunner().invoke(assembled(()), ["replay", "--jobs", "1", wrong])
        assert done.exit_code == 1
        assert SECRET not in done.output
        assert "***" in done.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            f"http://reader:{SECRET}@127.0.0.1:1/a.log",
            "http://reader:***@127.0.0.1:1/a.log: cannot be read: no connection: ",
        ),
        (
            f"http://reader:{SECRET}@nothing.invalid/a",
            "http://reader:***@nothing.invalid/a: cannot be read: the host name ",
        ),
        (
            f"http://reader:{SECRET}@127.0.0.1:99999/a",
            "http://reader:***@127.0.0.1:99999/a: cannot be read: not a URL: ",
        ),
        (f"http:/reader:{SECRET}@127.0.0.1/a.log", "http:...: not a URL; write it as http://HOST/PATH\n"),
    ],
)
def test_a_server_that_cannot_be_reached_is_no_missing_file(url: str, said: str) -> None:
    done = CliRunner().invoke(assembled(()), ["replay", url])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(said)
    assert SECRET not in done.stderr


def test_the_scheme_of_a_url_may_be_in_capitals(server: str, tmp_path: Path) -> None:
    write(tmp_path, recorded())
    assert summary(f"HTTP://reader:{SECRET}@{server}/audit.log.0")["requests"] > 0


def test_urls_that_look_alike_are_told_apart() -> None:
    names = [one.name for one in located([f"https://h/a?sig={number}" for number in (1, 2, 1)])]
    assert names == ["https://h/a?sig=***", "https://h/a?sig=*** (2)", "https://h/a?sig=***"]
    assert "sig=1" not in repr(located(["https://h/a?sig=1"]))


def without(*packages: str) -> str:
    """A program that runs the command where these packages are not installed."""
    missing = "".join(f"sys.modules[{name!r}] = None; " for name in packages)
    return f"import sys; {missing}from vault_exporter.__main__ import main; main()"


def test_the_packages_of_the_extra_are_needed_for_urls_and_clusters_only(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(b"".join(recorded()))

    def start(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", without("fsspec", "dask", "distributed", "s3fs"), "replay", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)

    needed = "pip install 'vault-exporter[cluster]'"
    done = start("--json", log)
    assert (done.returncode, done.stderr) == (0, "")
    done = start("s3://bucket/*.gz")
    assert done.returncode == 1
    assert done.stderr == f"s3://bucket/*.gz: cannot be listed: URLs need more packages: {needed}\n"
    done = start("--dask", "tcp://127.0.0.1:1", log)
    assert done.returncode == 1
    assert done.stderr == f"--dask needs more packages: {needed}\n"
    assert run("--dask", "tcp://127.0.0.1:1", "-", status=3).startswith("a cluster does not read standard input")


def test_plain_files_import_nothing_of_the_extra(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(b"".join(recorded()))
    code = (
        "import atexit, sys; from vault_exporter.__main__ import main; "
        "atexit.register(lambda: print([m for m in ('fsspec', 'dask', 'distributed') if m in sys.modules], "
        "file=sys.stderr)); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "replay", "--json", log],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stderr == "[]\n"
