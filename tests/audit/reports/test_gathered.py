"""Requests that are gathered over files for the reports."""

import json
import pickle
import tracemalloc
from collections import Counter
from pathlib import Path

import msgspec
from typer.testing import CliRunner

from vault_exporter.audit.count.pipeline import Pipeline, PipelineSettings
from vault_exporter.audit.reports.filters import Filters
from vault_exporter.audit.reports.gathered import Gathered
from vault_exporter.audit.reports.observer import Asked, ReportsObserver
from vault_exporter.audit.reports.use import Use
from vault_exporter.cli.table import assembled


def use(path: str, *times: float, ttl: float = 0.0) -> Use:
    texts = (path, "read", "kv/", "kv", "", "client", "entity", "name", "accessor", "hmac-sha256:00", "10.0.0.1", "")
    return Use(*texts, ttl, None, msgspec.Raw(), list(times), ["id"] * len(times))


def gathered(*uses: Use) -> Gathered:
    found = Gathered()
    for one in uses:
        found.add(one)
    return found


def test_equal_requests_are_one() -> None:
    found = gathered(use("kv/a", 1.0, 3.0), use("kv/b", 2.0), use("kv/a", 5.5), use("kv/a", 6.0, ttl=60.0))
    taken = list(found.taken())
    assert [(one.path, one.ttl, one.times, one.ids) for one in taken] == [
        ("kv/a", 0.0, [1.0, 3.0, 5.5], []),
        ("kv/b", 0.0, [2.0], []),
        ("kv/a", 60.0, [6.0], []),
    ]
    expected = use("kv/a", 1.0, 3.0, 5.5)
    expected.ids = []
    expected.count()
    assert taken[0] == expected
    assert not list(found.taken())


def test_other_processes_are_merged() -> None:
    found = gathered(use("kv/a", 2.0), use("kv/b", 3.0))
    found.merge(pickle.loads(pickle.dumps(gathered(use("kv/c", 0.0), use("kv/a", 1.0)))))  # noqa: S301 - our own
    assert [(one.path, one.times) for one in found.taken()] == [("kv/a", [1.0, 2.0]), ("kv/b", [3.0]), ("kv/c", [0.0])]


def test_it_is_bounded() -> None:
    found = gathered(*(use(f"kv/{number}", 1.0) for number in range(65_536)))
    assert not found.is_full
    found.add(use("kv/more", 1.0))
    assert found.is_full
    list(found.taken())
    assert not found.is_full
    found.add(use("kv/a", *[1.0] * (1 << 20)))
    assert not found.is_full
    other = pickle.loads(pickle.dumps(found))  # noqa: S301 - our own
    other.add(use("kv/a", 1.0))
    assert other.is_full


def test_long_texts_are_bounded() -> None:
    found = gathered(*(use(f"kv/{number:09}" + "a" * (1 << 20), 1.0) for number in range(63)))
    assert not found.is_full
    more = pickle.loads(pickle.dumps(found))  # noqa: S301 - our own
    for number in range(2):
        more.add(use(f"kv/{number:09}" + "b" * (1 << 20), 1.0))
    assert more.is_full
    list(more.taken())
    assert not more.is_full


def test_reports_look_early_at_requests_with_long_paths() -> None:
    """An attacker may send paths of a megabyte, each another one."""
    observer = ReportsObserver(Asked((("timeline", "x"), ("hot-paths",)), Filters(), 10))
    pipeline = Pipeline(PipelineSettings(), (observer,), for_reports=True)
    tracemalloc.start()
    try:
        for number in range(3000):
            pipeline.feed("audit.log", [response(number, "a" * 100_000)])
        assert observer.looked().requests == 3000
        assert tracemalloc.get_traced_memory()[1] < 200 << 20  # the paths alone have 300 MB
    finally:
        tracemalloc.stop()


def test_more_different_requests_than_are_gathered(tmp_path: Path) -> None:
    spans = [range(40_000), range(30_000, 70_000)]
    files = [tmp_path / f"audit.log.{number}" for number in range(len(spans))]
    for file, span in zip(files, spans, strict=True):
        file.write_bytes(b"".join(map(response, span)))
    options = ["--report", "hot-paths", "--json", "--keep", "100000", "--jobs", "1"]
    result = CliRunner().invoke(assembled(["replay"]), ["replay", *map(str, files), *options])
    assert result.exit_code == 0, result.output
    table = json.loads(result.stdout)["reports"][0]["tables"]["paths"]
    counts = Counter(f"kv/{place}" for span in spans for place in span)
    assert {row["path"]: row["requests"] for row in table["rows"]} == counts
    assert table["note"] == ""


def response(place: int, rest: str = "") -> bytes:
    """Write a response to a read of a path."""
    path = f"kv/{place}{rest}"
    request = {"id": f"{place}", "operation": "read", "mount_type": "kv", "mount_point": "kv/", "path": path}
    entry = {"time": "2026-11-24T12:00:00Z", "type": "response", "auth": {}, "request": request}
    return json.dumps(entry).encode() + b"\n"
