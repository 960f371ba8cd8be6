"""Many targets at once: 100 nodes over HTTP, 20 of which hang.

A round asks for ``/probe`` of all of them, as a Prometheus does whose scrapes fall together. Seen to in each: those
that answer are up within the deadline, each endpoint of each node is called once at most, and a page has its own node's
answers. Over all: the exporter's CPU time a round, and that its memory stays as it is.
Run: ``python bench/targets.py``.
"""

import asyncio
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Self

import aiohttp
import yaml
from aiohttp import web

from vault_exporter.collectors import COLLECTORS
from vault_exporter.demo.exporter import Exporter
from vault_exporter.demo.process import free_port

TARGETS, HUNG, ROUNDS = 100, 20, 100
TIMEOUT, HUNG_TIMEOUT = 30.0, 2.0
"""Seconds that a Prometheus would give; fewer to those that hang, so that a round does not take as long as that."""
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
TELEMETRY = "".join(
    f"# TYPE vault_route_{name} summary\nvault_route_{name}_sum 1.5\nvault_route_{name}_count {{0}}\n"
    for name in range(300)
)


class Fleet:
    """The nodes: one server, in which each has a path of its own."""

    def __init__(self, targets: int, hung: int) -> None:
        self.names = tuple(f"n{number}" for number in range(targets))
        self.hung = frozenset(self.names[:: targets // hung][:hung])
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

    def start_exporter(self, directory: Path) -> Exporter:
        """Start the exporter for these nodes, without the collectors that do not ask at every scrape."""
        port = free_port()
        targets = [{"name": name, "address": f"http://127.0.0.1:{self.port}/{name}"} for name in self.names]
        auth = {"method": "token", "token": "bench"}
        defaults = {"auth": auth, "collectors": {"disable": COSTLY}}
        config = directory / "vault-exporter.yml"
        config.write_text(yaml.safe_dump({"listen": f"127.0.0.1:{port}", "defaults": defaults, "targets": targets}))
        return Exporter(["--config", config, "--log-level", "error"], port=port, log=directory / "vault-exporter.log")

    async def _answer(self, request: web.Request) -> web.Response:
        name, path = request.match_info["name"], request.match_info["path"]
        self.calls[name, path] += 1
        if name in self.hung:
            await self._end.wait()
        text = TELEMETRY if path == "sys/metrics" else ANSWERS.get(path)
        if text is None:
            return web.Response(status=404, text='{"errors":[]}')
        return web.Response(text=text.format(name.removeprefix("n")))


async def one_round(session: aiohttp.ClientSession, exporter: str, fleet: Fleet) -> float:
    """Ask for all targets, and return how long those took that answer.

    Raises:
        RuntimeError: something was not as it must be.
    """
    fleet.calls.clear()

    async def probe(name: str) -> tuple[str, str, float]:
        started = time.perf_counter()
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": str(HUNG_TIMEOUT if name in fleet.hung else TIMEOUT)}
        async with session.get(f"{exporter}/probe?target={name}", headers=headers) as response:
            return name, await response.text(), time.perf_counter() - started

    answers = await asyncio.gather(*map(probe, fleet.names))
    for name, page, seconds in answers:
        up = name not in fleet.hung
        if f"\nvault_up {int(up)}\n" not in page:
            raise RuntimeError(f"{name}: vault_up is not {int(up)}")
        if up and (seconds > TIMEOUT - 0.5 or f'cluster_name="c{name[1:]}"' not in page):
            raise RuntimeError(f"{name}: {seconds:.2f} s, or the page of another")
        if up and f"\nvault_barrier_key_term {name[1:]}\n" not in page:
            raise RuntimeError(f"{name}: the token's part is missing, or another's")
    twice = [call for call, count in fleet.calls.items() if count > 1]
    if twice:
        raise RuntimeError(f"called more than once: {twice[:5]}")
    return max(seconds for name, _, seconds in answers if name not in fleet.hung)


async def usage(session: aiohttp.ClientSession, exporter: str) -> tuple[float, float]:
    """CPU seconds and resident bytes of the exporter, as it says itself."""
    async with session.get(f"{exporter}/metrics") as response:
        page = await response.text()
    if "vault_up" in page:
        raise RuntimeError("a target is on the exporter's own page")
    names = ("process_cpu_seconds_total", "process_resident_memory_bytes")
    cpu, memory = (float(re.findall(rf"^{name} (\S+)$", page, re.MULTILINE)[0]) for name in names)
    return cpu, memory


async def main(rounds: int = ROUNDS) -> int:
    with tempfile.TemporaryDirectory() as temporary:
        async with Fleet(TARGETS, HUNG) as fleet:
            exporter = await asyncio.to_thread(fleet.start_exporter, Path(temporary))
            try:
                async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
                    return await measure(session, exporter.address, fleet, rounds)
            finally:
                await asyncio.to_thread(exporter.stop)


async def measure(session: aiohttp.ClientSession, exporter: str, fleet: Fleet, rounds: int) -> int:
    slowest = [await one_round(session, exporter, fleet) for _ in range(rounds // 10)]
    cpu, memory = await usage(session, exporter)
    slowest += [await one_round(session, exporter, fleet) for _ in range(rounds - rounds // 10)]
    cpu_after, memory_after = await usage(session, exporter)
    growth = memory_after / memory
    print(f"{len(fleet.names)} targets, {len(fleet.hung)} of them hung, {rounds} rounds")
    print(f"slowest that answers    {max(slowest):6.2f} s  (deadline {TIMEOUT - 0.5:g} s)")
    print(f"CPU a round             {(cpu_after - cpu) / (rounds - rounds // 10):6.2f} s")
    print(f"resident memory         {memory / 1e6:6.0f} MB, {memory_after / 1e6:.0f} MB at the end")
    print(f"ratio                   {growth:6.2f}    (at most {AT_MOST_GROWTH:g})")
    return 0 if growth <= AT_MOST_GROWTH else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
