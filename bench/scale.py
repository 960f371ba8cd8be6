"""What ``replay --dask`` takes on a cluster: speed of a worker, cost of merging, memory of the process that merges.

A scheduler and workers of this machine, with one thread each, read gzip files of real-shaped entries, with and without
all reports; in the same run the command reads the files without a cluster, in as many processes. Then many small files
show what merging costs, and that the driver, the process that merges, does not need memory for each of them: its peak
is to grow by at most a quarter from a tenth of the files to all, since results are merged as they come.

Run: ``python -m bench.scale``; ``make bench`` installs what it needs.
"""

import argparse
import contextlib
import os
import pickle
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

from distributed import Client

from bench.replay import REPORTS, generate
from vault_exporter.audit.replay.location import Location
from vault_exporter.audit.replay.merging import Merger
from vault_exporter.audit.replay.one_log import count
from vault_exporter.audit.reports.filters import Filters
from vault_exporter.audit.reports.observer import Asked
from vault_exporter.config.schema.model import Audit
from vault_exporter.demo.process import free_port, program, wait_until

DISTINCT: Final = 8
"""Files of different content; the others are copies."""
MOST_GROWTH: Final = 1.25
PATIENCE: Final = 120.0


class Cost(NamedTuple):
    """Of one run of the command."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds, of all its processes."""
    peak: float
    """Peak resident memory of the process that merges, in MB."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--large", type=int, default=12, help="number of large files")
    parser.add_argument("--lines", type=int, default=60_000, help="of each large file")
    parser.add_argument("--small", type=int, default=1000, help="number of small files")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        large, size = written(Path(temporary, "large"), given.large, given.lines)
        small, _ = written(Path(temporary, "small"), given.small, 1000)
        address = start_cluster(stack, given.workers)
        on_cluster, alone = ["--dask", address], ["--jobs", str(given.workers)]
        run(large[: given.workers], on_cluster, REPORTS)  # the workers import what they need

        print(f"{given.large:,} files of {given.lines:,} lines, {size:.2f} GB uncompressed")
        for what, reports in (("summary", ()), ("all reports", REPORTS)):
            for name, options in ((f"{given.workers} workers", on_cluster), (f"{given.workers} processes", alone)):
                before = worker_seconds(address)
                wall, cpu, _ = run(large, options, reports)
                cpu += worker_seconds(address) - before
                print(
                    f"{what:11} {name:11} {wall:6.1f} s, {size / wall / given.workers:.3f} GB/s each; "
                    f"CPU {cpu:.1f} s, {size / cpu:.3f} GB for each second of it"
                )

        for what, reports in (("summary", ()), ("all reports", REPORTS)):
            print_merging(what, large[:DISTINCT], 10 * given.large, reports)
        print(f"{given.small:,} files of 1,000 lines")
        for what, reports in (("summary", ()), ("all reports", REPORTS)):
            print_merging(what, small[:DISTINCT], given.small, reports)
        tenth = small[: max(1, given.small // 10)]
        few, many = run(tenth, on_cluster, REPORTS).peak, run(small, on_cluster, REPORTS).peak
    print(
        f"all reports peak memory of the driver: {few:,.0f} MB for {len(tenth):,} files, {many:,.0f} MB for "
        f"{given.small:,}; growth {many / few:.2f}, goal {MOST_GROWTH}"
    )
    return 0 if many / few <= MOST_GROWTH else 1


def written(folder: Path, files: int, lines: int) -> tuple[list[Path], float]:
    """Write files, most of them copies, and return their size uncompressed in GB."""
    folder.mkdir()
    paths = [folder / f"audit-{number:05}.gz" for number in range(files)]
    sizes = [generate(path, number, lines) for number, path in enumerate(paths[:DISTINCT])]
    for number, path in enumerate(paths[DISTINCT:]):
        shutil.copyfile(paths[number % DISTINCT], path)
    return paths, sum(sizes[number % len(sizes)] for number in range(files)) / 1e9


def start_cluster(stack: contextlib.ExitStack, workers: int) -> str:
    """Start a scheduler and workers with one thread each, and return the address."""
    address = f"tcp://127.0.0.1:{free_port()}"
    worker = ["worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    for arguments in (["scheduler", "--host", address, "--no-dashboard"], *[worker] * workers):
        process = subprocess.Popen([program("dask"), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.terminate)
    with Client(address, timeout=PATIENCE, set_as_default=False) as client:
        made: Any = client
        wait_until(lambda: len(made.nthreads()) == workers, timeout=PATIENCE, what="the workers join")
    return address


def run(paths: list[Path], options: list[str], reports: tuple[str, ...]) -> Cost:
    """Run the command."""
    asked = [part for report in reports for part in ("--report", report)]
    began = time.monotonic()
    with Path(os.devnull).open("wb") as nothing:
        command = [str(program("vault-exporter")), "replay", "--json", *options, *asked, *map(str, paths)]
        process = subprocess.Popen(command, stdout=nothing)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"replay failed: {os.waitstatus_to_exitcode(status)}")
    process.returncode = 0
    return Cost(time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3)


def worker_seconds(address: str) -> float:
    """Return the CPU time that the workers have used."""
    with Client(address, timeout=PATIENCE, set_as_default=False) as client:
        made: Any = client
        return float(sum(made.run(time.process_time).values()))


def print_merging(what: str, paths: list[Path], number: int, reports: tuple[str, ...]) -> None:
    bytes_, seconds = merging(paths, number, reports)
    print(f"{what:11} merging {number:,} results of {bytes_ / 1e3:,.0f} kB: {seconds:.2f} s of CPU")


def merging(paths: list[Path], number: int, reports: tuple[str, ...]) -> tuple[int, float]:
    """Return the bytes of one result, and the seconds that unpacking and merging so many takes."""
    settings = Audit()
    asked = Asked(tuple(tuple(shlex.split(report)) for report in reports), Filters(), 20_000) if reports else None
    results = [pickle.dumps(count(Location(str(path)), settings, asked)) for path in paths]
    merger = Merger(settings, asked)
    began = time.process_time()
    for place in range(number):
        merger.add(place, pickle.loads(results[place % len(results)]))  # noqa: S301 - made above
    return sum(map(len, results)) // len(results), time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())
