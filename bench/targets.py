"""Many targets at once: 100 nodes over HTTP, a fifth of which hang.

A round asks for ``/probe`` of all of them, as a Prometheus does whose scrapes fall together, with the scrape timeout
that it has by default. Demanded of each: those that answer are up within the deadline, those that hang are said to be
down before Prometheus gives up, each endpoint of each node is called once at most, and a page has its own node's
answers. Over all: the exporter's memory stays as it is. Its CPU time a round is printed. A round takes as long as the
deadline, since some hang.

Run: ``python bench/targets.py``, or with a number of targets and rounds: ``python bench/targets.py 500 --rounds 5``.
"""

import argparse
import asyncio
import contextlib
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple, Self

import aiohttp
import yaml
from aiohttp import web

from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.process import free_port
from vault_exporter.scrape.collectors import COLLECTORS

TARGETS, HUNG, ROUNDS = 100, 20, 100
FEW = 2
"""Targets of the exporter that the memory is compared with. With one, the target is on the exporter's own page."""
TIMEOUT = 10.0
"""Seconds that Prometheus gives a scrape, unless it is told otherwise."""
MARGIN = 0.5
"""Seconds of it that the exporter leaves for the way back."""
AT_MOST_GROWTH = 1.1
"""Of the resident memory, from the tenth round to the last."""

COSTLY = [collector.name for collector in COLLECTORS if collector.interval and collector.name != "barrier_key"]

ANSWERS = {
    "sys/health": '{{"initialized":true,"sealed":false,"standby":false,"version":"2.7.2","cluster_name":"c{0}"}}',
    "sys/seal-status": '{{"type":"shamir","sealed":false,"t":2,"n":3,"progress":0,"storage_type":"raft"}}',
    "sys/leader": '{{"ha_enabled":true,"is_self":true,"leader_address":"http://127.0.0.1:1"}}',
    "sys/key-status": '{{"data":{{"term":{0},"install_time":"2026-11-24T11:31:12Z","encryptions":7}}}}',
    "auth/token/lookup-self": '{{"data":{{"ttl":0}}}}',
}
SUMMARY = (
    "# HELP vault_route_{0} a route\n# TYPE vault_route_{0} summary\nvault_route_{0}_sum 1.5\nvault_route_{0}_count "
)
TELEMETRY = "".join(f"{SUMMARY.format(name)}{{0}}\n" for name in range(300))


class Fleet:
    """The nodes: one server, in which each has a path of its own."""

    def __init__(self, targets: int, hung: int) -> None:
        self.names = tuple(f"n{number}" for number in range(targets))
        self.hung = frozenset(self.names[:: targets // hung][:hung] if hung else ())
        self.calls: Counter[tuple[str, str]] = Counter()
        self.port = free_port()
        self._end = asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/{name}/v1/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._end.set()
        await self._runner.cleanup()

    def start_exporter(self, directory: Path, timeout: str = "5s") -> ExporterProcess:
        """Start the exporter for these nodes, without the collectors that do not ask at every scrape."""
        port = free_port()
        targets = [{"name": name, "address": f"http://127.0.0.1:{self.port}/{name}"} for name in self.names]
        auth = {"method": "token", "token": "bench"}
        defaults = {"auth": auth, "collectors": {"disable": COSTLY}, "timeout": timeout}
        config = directory / "vault-exporter.yml"
        config.write_text(yaml.safe_dump({"listen": f"127.0.0.1:{port}", "defaults": defaults, "targets": targets}))
        return ExporterProcess(
            ["--config", config, "--log-level", "error"], port=port, log=directory / "vault-exporter.log"
        )

    async def _answer(self, request: web.Request) -> web.Response:
        name, path = request.match_info["name"], request.match_info["path"]
        self.calls[name, path] += 1
        if name in self.hung:
            await self._end.wait()
        text = TELEMETRY if path == "sys/metrics" else ANSWERS.get(path)
        if text is None:
            return web.Response(status=404, text='{"errors":[]}')
        return web.Response(text=text.format(name.removeprefix("n")))


class Round(NamedTuple):
    """How one round went."""

    slowest: float
    """Seconds, of those that answer."""
    slowest_hung: float
    """Seconds until the exporter said of the last that hangs that it is down."""
    wrong: tuple[str, ...]
    """Pages that do not say what they must."""
    most_calls: int
    """To one endpoint of one node."""


async def one_round(
    session: aiohttp.ClientSession,
    exporter: str,
    fleet: Fleet,
    *,
    deadline: float = TIMEOUT,
    hung_deadline: float = TIMEOUT,
) -> Round:
    """Ask for all targets at once, with a scrape timeout for those that answer and one for those that hang."""
    fleet.calls.clear()

    async def probe(name: str) -> tuple[str, str, float]:
        started = time.perf_counter()
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": str(hung_deadline if name in fleet.hung else deadline)}
        async with session.get(f"{exporter}/probe?target={name}", headers=headers) as response:
            return name, await response.text(), time.perf_counter() - started

    answers = await asyncio.gather(*map(probe, fleet.names))
    return Round(
        max(seconds for name, _, seconds in answers if name not in fleet.hung),
        max((seconds for name, _, seconds in answers if name in fleet.hung), default=0.0),
        tuple(
            f"{name}: {wrong}" for name, page, _ in answers if (wrong := _wrong(name, page, hung=name in fleet.hung))
        ),
        max(fleet.calls.values()),
    )


def _wrong(name: str, page: str, *, hung: bool) -> str:
    """Say what is wrong with a page; empty is nothing."""
    if f"\nvault_up {int(not hung)}\n" not in page:
        return f"vault_up is not {int(not hung)}"
    if hung:
        return ""
    number = name.removeprefix("n")
    if f'cluster_name="c{number}"' not in page:
        return "the page of another"
    if f"\nvault_barrier_key_term {number}\n" not in page:
        return "the token's part is missing, or another's"
    if page.count("\nvault_route_") < len(TELEMETRY.splitlines()) // 2:
        return "its telemetry is missing"
    return ""


async def usage(session: aiohttp.ClientSession, exporter: str) -> tuple[float, float]:
    """CPU seconds and resident bytes of the exporter, as it says itself."""
    async with session.get(f"{exporter}/metrics") as response:
        page = await response.text()
    if "vault_up" in page:
        raise RuntimeError("a target is on the exporter's own page")
    names = ("process_cpu_seconds_total", "process_resident_memory_bytes")
    cpu, memory = (float(re.findall(rf"^{name} (\S+)$", page, re.MULTILINE)[0]) for name in names)
    return cpu, memory


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("targets", type=int, nargs="?", default=TARGETS, help="number of nodes, a fifth of which hang")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        async with Fleet(FEW, 0) as few, Fleet(arguments.targets, arguments.targets // 5) as fleet:
            async with started(few, directory) as (exporter, session):
                for _ in range(3):
                    await one_round(session, exporter, few)
                _, least = await usage(session, exporter)
            async with started(fleet, directory) as (exporter, session):
                return await measure(session, exporter, fleet, arguments.rounds, least)


@contextlib.asynccontextmanager
async def started(
    fleet: Fleet, directory: Path, patience: str = "5s"
) -> AsyncIterator[tuple[str, aiohttp.ClientSession]]:
    """Run the exporter for these nodes, with a timeout, and yield its address and a session without a limit."""
    exporter = await asyncio.to_thread(fleet.start_exporter, directory, patience)
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            yield exporter.address, session
    finally:
        await asyncio.to_thread(exporter.stop)


async def measure(session: aiohttp.ClientSession, exporter: str, fleet: Fleet, rounds: int, least: float) -> int:
    """Make the rounds and print what was demanded and seen; return 1 if something is not as demanded.

    Args:
        session: the client.
        exporter: the address of the exporter.
        fleet: its nodes.
        rounds: how many rounds to make.
        least: resident bytes of an exporter with :data:`FEW` targets.
    """
    first = max(1, rounds // 10)
    done = [await one_round(session, exporter, fleet) for _ in range(first)]
    cpu, memory = await usage(session, exporter)
    done += [await one_round(session, exporter, fleet) for _ in range(rounds - first)]
    cpu_after, memory_after = await usage(session, exporter)
    slowest, slowest_hung = max(one.slowest for one in done), max(one.slowest_hung for one in done)
    wrong = [page for one in done for page in one.wrong]
    most_calls = max(one.most_calls for one in done)
    growth = memory_after / memory
    up, hung = len(fleet.names) - len(fleet.hung), len(fleet.hung)
    print(
        f"{len(fleet.names)} targets, {hung} of them hung; {rounds} rounds; a scrape timeout of {TIMEOUT:g} s for all"
    )
    demands = (
        (slowest <= TIMEOUT - MARGIN, f"{up} answer within {TIMEOUT - MARGIN:g} s", f"slowest {slowest:.2f} s"),
        (slowest_hung < TIMEOUT, f"{hung} are down within {TIMEOUT:g} s", f"slowest {slowest_hung:.2f} s"),
        (not wrong, "each page is its target's", f"{len(wrong)} wrong {'; '.join(wrong[:3])}"),
        (most_calls <= 1, "no endpoint called twice a round", f"at most {most_calls}"),
        (
            growth <= AT_MOST_GROWTH,
            f"memory grows by {AT_MOST_GROWTH:g} at most",
            f"{growth:.2f}: {memory / 1e6:.0f} MB after {first} rounds, {memory_after / 1e6:.0f} MB after {rounds}",
        ),
    )
    for good, demand, seen in demands:
        print(f"{'pass' if good else 'FAIL'}  {demand:36}{seen}")
    if rounds > first:
        seconds = (cpu_after - cpu) / (rounds - first)
        print(f"      {'CPU a round':36}{seconds:.2f} s")
        print(f"      {'CPU a target and round':36}{seconds / len(fleet.names) * 1e3:.2f} ms")
        more = (memory_after - least) / (len(fleet.names) - FEW)
        print(f"      {'memory a target beyond the first two':36}{more / 1e3:.0f} kB")
    return 0 if all(good for good, *_ in demands) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
