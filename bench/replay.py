"""What the reports of ``replay`` cost.

Eight gzip files of real-shaped entries are summed up, and then all reports are made of them in one pass; in turns, of
the real command, the best of the rounds in seconds of wall time and of CPU. All reports are to take at most
1.5 times the CPU of the summary. One file, and all files on one core, show what the start takes and what further cores
are good for; on an idle machine.

Run: ``python bench/replay.py``
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from vault_exporter.demo.process import program

GOAL: Final = 1.5
REPORTS: Final = (
    *("who-used kv/data/*", "timeline 10.0.0.7", "tokens", "entities", "polling", "hot-paths", "kv", "kubernetes"),
    "compare 2026-11-16/2026-11-18 2026-11-18/2026-11-20",
)
START: Final = 1_795_000_000


class Cost(NamedTuple):
    """Of one run, in seconds."""

    wall: float
    cpu: float


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--lines", type=int, default=80_000, help="of each file")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        paths = [Path(temporary, f"audit.log.{number}.gz") for number in range(given.files)]
        size = sum(generate(path, number, given.lines) for number, path in enumerate(paths))
        print(f"{given.files} files of {given.lines:,} lines, {size / 1e6:,.0f} MB uncompressed")
        reports = [part for report in REPORTS for part in ("--report", report)]
        runs = {
            "one file": (paths[:1], ["--jobs", "1"]),
            "one core": (paths, ["--jobs", "1"]),
            "summary": (paths, []),
            # One report decodes the fields that all need, so that the rest is the cost of the reports themselves.
            "one report": (paths, ["--report", "kubernetes"]),
            "all reports": (paths, reports),
        }
        costs = [{name: run(*how) for name, how in runs.items()} for _ in range(given.rounds)]
    best = {name: Cost(min(c[name].wall for c in costs), min(c[name].cpu for c in costs)) for name in costs[0]}
    for name, cost in best.items():
        read = size / given.files if name == "one file" else size
        print(f"{name:12} {cost.wall:6.2f} s, CPU {cost.cpu:6.2f} s, {read / 1e6 / cost.wall:,.0f} MB/s")
    summary, everything = best["summary"], best["all reports"]
    print(f"all cores over one: {best['one core'].wall / summary.wall:.2f} in wall time")
    # Other programs of the machine disturb the wall time more.
    ratio, wall = everything.cpu / summary.cpu, everything.wall / summary.wall
    print(f"all reports over the summary: {ratio:.2f} in CPU, goal {GOAL}; {wall:.2f} in wall time")
    return 0 if ratio <= GOAL else 1


def generate(path: Path, number: int, lines: int) -> int:
    """Write a file of an hour of 400 clients on 2,000 paths, and return its size uncompressed."""
    written = 0
    with gzip.open(path, "wb", compresslevel=3) as file:
        for place in range(lines // 2):
            for line in pair(number * lines + place, START + 3_600 * number + 3_600 * place / lines):
                written += file.write(line)
    return written


def pair(number: int, at: float) -> tuple[bytes, bytes]:
    """Write a request and its response."""
    client, secret = number * 7919 % 400, number * 104_729 % 2_000
    stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at))}.{int(at % 1 * 1e9):09}Z"
    mounted = {"mount_point": "kv/", "mount_type": "kv", "path": f"kv/data/team-{secret % 40}/app/{secret}"}
    operation = "read"
    if number % 20 == 0:
        mounted = {"mount_point": "auth/token/", "mount_type": "token", "path": "auth/token/lookup-self"}
    elif number % 20 == 1:
        operation = "update"
    auth = {
        "client_token": f"hmac-sha256:{client:064x}",
        "accessor": f"hmac-sha256:{client + 1_000:064x}",
        "display_name": f"approle-{client}",
        "policies": ["default", f"team-{client % 40}"],
        "token_policies": ["default", f"team-{client % 40}"],
        "policy_results": {"allowed": True, "granting_policies": [{"name": "default", "namespace_id": "root"}]},
        "metadata": {"role_name": f"role-{client}"},
        "entity_id": f"e0000000-0000-0000-0000-{client:012}",
        "token_type": "service",
        "token_ttl": 3600,
        "token_issue_time": "2026-11-18T00:00:00Z",
    }
    request = {
        "id": f"00000000-0000-0000-0000-{number:012}",
        "client_id": auth["entity_id"],
        "operation": operation,
        **mounted,
        "mount_accessor": "kv_12345678",
        "mount_class": "secret",
        "client_token": auth["client_token"],
        "client_token_accessor": auth["accessor"],
        "namespace": {"id": "root"},
        "remote_address": f"10.0.0.{client % 250}",
        "remote_port": 40_000 + number % 20_000,
    }
    failed = {"error": "1 error occurred:\n\t* permission denied\n\n"} if not (number + 50) % 100 else {}
    response = {"mount_point": "kv/", "mount_type": "kv", "data": {"data": {"a": f"hmac-sha256:{number:064x}"}}}
    asked = {"time": stamp, "type": "request", "auth": auth, "request": request}
    answered = {**asked, "type": "response", "response": response, **failed}
    return encoded(asked), encoded(answered)


def encoded(entry: object) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def run(paths: list[Path], options: list[str]) -> Cost:
    """Run the command."""
    before, began = children(), time.monotonic()
    with Path(os.devnull).open("wb") as nothing:
        subprocess.run([program("vault-exporter"), "replay", *paths, "--json", *options], stdout=nothing, check=True)
    return Cost(time.monotonic() - began, children() - before)


def children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
