"""Measure what the exporter costs as its work grows, and draw the curves of docs/scaling.md: ``make curves``.

Each point is the least of some rounds, since other programs of the machine only add to it. The rounds take turns, so
that a busy minute does not fall on one point. Arguments choose among the curves: ``make curves ARGS="targets files"``.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.audit import recorded, stated
from bench.replay import generate as generate_archive
from bench.replay import run as replay
from bench.targets import Fleet, started, usage
from vault_exporter.audit.count.counters import Limits
from vault_exporter.audit.count.pipeline import Pipeline, PipelineSettings
from vault_exporter.metrics.exposition import Format, render

__all__ = ["main"]

OUT: Final = Path(__file__).parents[1] / "docs" / "curves"
TARGETS: Final = (30, 100, 300, 1000)
PROBES: Final = 60
"""Of a point and round at least: CPU time is told in steps of 10 ms."""
INTERVAL: Final = 30.0
"""Seconds of a round: the scrape interval, over which Prometheus spreads its scrapes."""
CONNECTIONS: Final = 50
"""Fewer than the exporter accepts of one client."""
BYTES: Final = (1_400, 3_000, 6_000, 12_000, 24_000, 48_000)
MOUNTS: Final = (1, 10, 100, 1_000, 10_000)
FILES: Final = (1, 2, 4, 8, 16)
LINES: Final = 40_000
"""Of a log, and of each file of an archive."""
LARGEST: Final = 40_000_000
"""Bytes of a log."""
BATCH: Final = 500
"""Lines that the pipeline gets at once, about as many as the tailer reads."""

Points = list[tuple[float, ...]]


def main() -> int:
    """Measure, print and draw."""
    curves: dict[str, Callable[[int], None]] = {
        "targets": targets,
        "line-size": line_size,
        "label-sets": label_sets,
        "files": files,
    }
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("curves", nargs="*", help=f"of {', '.join(curves)}; all by default")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if unknown := set(given.curves) - curves.keys():
        parser.error(f"no such curve: {', '.join(sorted(unknown))}; there are {', '.join(curves)}")
    OUT.mkdir(exist_ok=True)
    for name in given.curves or curves:
        print(f"== {name}, {os.cpu_count()} processors")
        curves[name](given.rounds)
    return 0


def targets(rounds: int) -> None:
    """CPU time a target and round, and resident memory, over the number of targets."""
    points: Points = []
    for number in TARGETS:
        cpu, memory = asyncio.run(_scraped(number, rounds))
        points.append((number, cpu * 1e3, memory / 1e6))
        print(f"{number:8} targets  {cpu * 1e3:8.2f} ms of CPU a target and round  {memory / 1e6:8.0f} MB resident")
    left, right, figure = _pair()
    _curve(left, "targets", "CPU, ms a target and round", points, 1)
    _curve(right, "targets", "resident memory, MB", points, 2, scale="linear")
    _save(figure, "targets")


async def _scraped(number: int, rounds: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as directory:
        async with (
            Fleet(number, 0) as fleet,
            started(fleet, Path(directory), "30s") as (exporter, _),
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session,
        ):
            best = float("inf")
            await _round(session, exporter, fleet)
            for _ in range(rounds):
                times = -(-PROBES // number)
                before, _ = await usage(session, exporter)
                for _ in range(times):
                    await _round(session, exporter, fleet)
                after, memory = await usage(session, exporter)
                best = min(best, (after - before) / times / number)
            return best, memory


async def _round(session: aiohttp.ClientSession, exporter: str, fleet: Fleet) -> None:
    async def probe(place: int, name: str) -> None:
        await asyncio.sleep(place * INTERVAL / len(fleet.names))
        async with session.get(f"{exporter}/probe?target={name}") as response:
            if "\nvault_up 1\n" not in await response.text():
                raise RuntimeError(f"the page of {name} is wrong")

    await asyncio.gather(asyncio.sleep(INTERVAL), *map(probe, range(len(fleet.names)), fleet.names))


def line_size(rounds: int) -> None:
    """Lines a second of the pipeline over the bytes of a line: longer entries have more data."""
    logs = {size: list(_lines(size, 1)) for size in BYTES}
    pipelines = {asked: _pipeline(lines, Limits()) for asked, lines in logs.items()}
    best = _fed(pipelines, logs, rounds)
    points: Points = []
    for asked, lines in logs.items():
        size, rate = sum(map(len, lines)) / len(lines), len(lines) / best[asked]
        points.append((size, rate / 1e3, rate * size / 1e6))
        print(f"{size:8.0f} bytes  {rate:10,.0f} lines/s  {rate * size / 1e6:8.0f} MB/s")
    left, right, figure = _pair()
    _curve(left, "bytes a line", "thousand lines/s", points, 1)
    _curve(right, "bytes a line", "MB/s", points, 2)
    _save(figure, "line-size")


def label_sets(rounds: int) -> None:
    """Lines a second, and the CPU time of a page, over the number of mounts, without a limit."""
    logs = {number: list(_lines(BYTES[0], number)) for number in MOUNTS}
    pipelines = {number: _pipeline(lines, Limits(mounts=max(MOUNTS) + 1)) for number, lines in logs.items()}
    best = _fed(pipelines, logs, rounds)
    points: Points = []
    for number, lines in logs.items():
        pipeline = pipelines[number]
        rate, page = len(lines) / best[number], min(_timed(partial(_page, pipeline)) for _ in range(rounds))
        points.append((number, rate / 1e3, page * 1e3))
        series = sum(not line.startswith(b"#") for line in _page(pipeline).splitlines())
        print(f"{number:8} mounts  {series:8} series  {rate:10,.0f} lines/s  {page * 1e3:8.1f} ms of CPU a page")
    left, right, figure = _pair()
    _curve(left, "mounts", "thousand lines/s", points, 1)
    _curve(right, "mounts", "CPU, ms a page", points, 2)
    right.set_ylim(min(point[2] for point in points) / 2, max(point[2] for point in points) * 2)
    right.set_yscale("log")
    right.yaxis.set_major_formatter(FuncFormatter(_plain))
    _save(figure, "label-sets")


def files(rounds: int) -> None:
    """Seconds of ``replay`` over the number of gzip files."""
    with tempfile.TemporaryDirectory() as directory:
        paths = [Path(directory, f"audit.log.{number}.gz") for number in range(max(FILES))]
        size = sum(generate_archive(path, number, LINES) for number, path in enumerate(paths)) / len(paths)
        costs = [[replay(paths[:number], []) for number in FILES] for _ in range(rounds)]
    points: Points = []
    for number, each in zip(FILES, zip(*costs, strict=True), strict=True):
        wall, cpu = min(one.wall for one in each), min(one.cpu for one in each)
        points.append((number, wall, cpu, number * size / 1e6 / wall))
        print(f"{number:8} files  {wall:6.2f} s, CPU {cpu:6.2f} s, {number * size / 1e6 / wall:8.0f} MB/s uncompressed")
    left, right, figure = _pair()
    over = f"gzip files of {LINES // 1000},000 lines"
    _curve(left, over, "seconds", points, 1, scale="linear", label="elapsed")
    _curve(left, over, "seconds", points, 2, scale="linear", label="CPU")
    left.legend()
    _curve(right, over, "MB/s, uncompressed", points, 3, scale="linear")
    _save(figure, "files")


def _lines(size: int, mounts: int) -> Iterator[bytes]:
    """Yield recorded requests for secrets and their responses, with data to be of a size, over some mounts in turn."""
    pair = next(pair for pair in recorded() if b'"mount_type":"kv"' in pair[1] and b'"error"' not in pair[1])
    for number in range(min(LINES, LARGEST // size) // 2):
        for line, at in zip(pair, (0.0, 0.0005), strict=True):
            entry: dict[str, Any] = json.loads(line)
            entry["time"] = stated(1_795_519_873 + number * 0.001 + at).decode()
            entry["request"]["id"] = f"00000000-0000-0000-0000-{number:012}"
            mount = f"secret-{number % mounts}/"
            entry["request"]["path"] = mount + entry["request"]["path"].removeprefix(entry["request"]["mount_point"])
            for part in ("request", "response"):
                if part in entry:
                    entry[part]["mount_point"] = mount
            part = entry["request" if line is pair[0] else "response"]
            missing = size - len(json.dumps(entry, separators=(",", ":")))
            secret = f"hmac-sha256:{number:064x}"
            part["data"] = (part.get("data") or {}) | {f"key-{key}": secret for key in range(missing // 86)}
            yield json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def _fed(pipelines: dict[int, Pipeline], logs: dict[int, list[bytes]], rounds: int) -> dict[int, float]:
    """Return the least CPU seconds that each pipeline takes for its log, whose label sets it knows."""
    times = [{key: _timed(partial(_feed, pipelines[key], lines)) for key, lines in logs.items()} for _ in range(rounds)]
    return {key: min(each[key] for each in times) for key in logs}


def _pipeline(lines: Sequence[bytes], limits: Limits) -> Pipeline:
    pipeline = Pipeline(PipelineSettings(limits=limits))
    _feed(pipeline, lines)
    return pipeline


def _feed(pipeline: Pipeline, lines: Sequence[bytes]) -> None:
    for at in range(0, len(lines), BATCH):
        pipeline.feed("audit.log", lines[at : at + BATCH])


def _page(pipeline: Pipeline) -> bytes:
    return render(pipeline.samples(), Format.TEXT)


def _timed(call: Callable[[], object]) -> float:
    before = time.process_time()
    call()
    return time.process_time() - before


def _pair() -> tuple[Axes, Axes, Figure]:
    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    return left, right, figure


def _curve(
    axes: Axes, over: str, what: str, points: Points, column: int, *, scale: str = "log", label: str = ""
) -> None:
    """Draw one column of the points over the first, from 0 up."""
    axes.plot([point[0] for point in points], [point[column] for point in points], marker="o", label=label)
    axes.set_xscale(scale)
    axes.set_xticks([point[0] for point in points])
    axes.xaxis.set_major_formatter(FuncFormatter(_plain))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", labelsize="small")
    axes.set_ylim(0, max(axes.get_ylim()[1], 1.1 * max(point[column] for point in points)))
    axes.set_xlabel(over)
    axes.set_ylabel(what)
    axes.grid(visible=True, alpha=0.4)


def _plain(value: float, _: int) -> str:
    return f"{value:,.6g}"


def _save(figure: Figure, name: str) -> None:
    path = OUT / f"{name}.png"
    figure.savefig(path, dpi=90, metadata={"Software": None})
    print(f"{path.relative_to(OUT.parents[1])}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
