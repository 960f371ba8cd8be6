"""What a scrape through the exporter costs, against asking the node for its telemetry directly.

All by the same client, in turns, on the same healthy OpenBao: the median of 200 ``/probe`` over the median of 200
``GET /v1/sys/metrics``. Without a token the exporter makes four calls to the node for one probe, and with one it has
every default collector; both ratios are bounded.

The floor is what remains of a ``/probe`` without anything of the exporter: a bare server of aiohttp makes the same four
calls, without a token, by a bare client of aiohttp, and answers with a page that it was given. CPU time is that of a
process for one request, the client's own apart. Run: ``python bench/probe.py``.
"""

import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp
import uvloop
from aiohttp import web

from vault_exporter.demo.openbao import dev_server
from vault_exporter.demo.process import Service, free_port, program

ROUNDS = 200
AT_ONCE: Final = 50
"""Requests of one kind in a row where CPU time is measured, since the system counts it in hundredths of a second."""
AT_MOST: Final = {"probe": 3.0, "token": 5.0}
TOKEN = "bench"  # noqa: S105 - of a throwaway server
CALLS: Final = ("sys/metrics?format=prometheus", "sys/health", "sys/seal-status", "sys/leader")
KINDS: Final = {
    "direct": "direct GET sys/metrics",
    "floor": "the same four calls, by aiohttp alone",
    "probe": "/probe without a token",
    "token": "/probe with a token, every default collector",
}


class Kind(NamedTuple):
    """One kind of request, and the process that answers it."""

    url: str
    pid: int


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        directory = Path(temporary)
        server = stack.enter_context(dev_server(directory, root_token=TOKEN, unauthenticated_metrics=True))
        node, name = server.address, server.address.removeprefix("http://")
        kinds = {
            "direct": Kind(f"{node}/v1/{CALLS[0]}", server.service.pid),
            "probe": stack.enter_context(exporter(directory / "without.log", node, name)),
            "token": stack.enter_context(exporter(directory / "with.log", node, name, VAULT_TOKEN=TOKEN)),
        }
        page = directory / "page"
        page.write_bytes(asyncio.run(fetched(kinds["probe"].url)))
        kinds["floor"] = stack.enter_context(bare(directory / "bare.log", node, page))
        return asyncio.run(measure({kind: kinds[kind] for kind in KINDS}))


@contextlib.contextmanager
def exporter(log: Path, node: str, name: str, **environment: str) -> Iterator[Kind]:
    port = free_port()
    arguments = ["serve", "--listen", f"127.0.0.1:{port}", "--address", node]
    with Service("exporter", [program("vault-exporter"), *arguments], log=log, env=environment) as running:
        yield Kind(f"http://127.0.0.1:{port}/probe?target={name}", running.pid)


@contextlib.contextmanager
def bare(log: Path, node: str, page: Path) -> Iterator[Kind]:
    port = free_port()
    with Service("floor", [sys.executable, __file__, node, str(port), page], log=log) as running:
        yield Kind(f"http://127.0.0.1:{port}/", running.pid)


async def serve_bare(node: str, port: int, page: bytes) -> None:
    session = aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())
    headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}

    async def read(call: str) -> None:
        async with session.get(f"{node}/v1/{call}") as response:
            await response.read()

    async def answer(_: web.Request) -> web.Response:
        await asyncio.gather(*map(read, CALLS))
        return web.Response(body=page, headers=headers)

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


async def fetched(url: str) -> bytes:
    """Return the page as the exporter compresses it."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        await ready(getter(session, url, b""))
        async with session.get(url) as response:
            return await response.read()


async def measure(kinds: dict[str, Kind]) -> int:
    async with aiohttp.ClientSession() as session:
        getters = {kind: getter(session, kinds[kind].url) for kind in kinds}
        for get in getters.values():
            await ready(get)
        seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(ROUNDS):
            for kind, get in getters.items():
                seconds[kind].append(await timed(get))
        cpu = {kind: [0.0, 0.0] for kind in kinds}
        pids = {kind: (kinds["direct"].pid, kinds[kind].pid) for kind in kinds}
        for _ in range(ROUNDS // AT_ONCE):
            for kind, get in getters.items():
                before = [cpu_seconds(pid) for pid in pids[kind]]
                for _ in range(AT_ONCE):
                    await get()
                for place, pid in enumerate(pids[kind]):
                    cpu[kind][place] += cpu_seconds(pid) - before[place]
    medians = {kind: statistics.median(times) for kind, times in seconds.items()}
    ratios = {kind: median / medians["direct"] for kind, median in medians.items()}
    print(f"{'':45}   median  times the direct   CPU of OpenBao   CPU of what asks it")
    for kind, text in KINDS.items():
        of_node, own = (seconds / ROUNDS * 1000 for seconds in cpu[kind])
        most = f"(at most {AT_MOST[kind]:g})" if kind in AT_MOST else ""
        print(
            f"{text:45} {medians[kind] * 1000:5.2f} ms  {ratios[kind]:4.2f} {most:13}   {of_node:5.2f} ms"
            + ("" if kind == "direct" else f"         {own:5.2f} ms")
        )
    return 0 if all(ratios[kind] <= most for kind, most in AT_MOST.items()) else 1


def getter(
    session: aiohttp.ClientSession, url: str, has: bytes = b"vault_barrier_put"
) -> Callable[[], Awaitable[None]]:
    async def get() -> None:
        async with session.get(url) as response:
            body = await response.read()
            if response.status != 200 or has not in body:  # noqa: PLR2004 - HTTP's OK
                raise RuntimeError(f"{url}: HTTP {response.status}, {len(body)} bytes")

    return get


async def ready(probe: Callable[[], Awaitable[None]]) -> None:
    for _ in range(100):
        try:
            return await probe()
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
    return await probe()


async def timed(get: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await get()
    return time.perf_counter() - started


def cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        address, port, page = sys.argv[1:]
        uvloop.run(serve_bare(address, int(port), Path(page).read_bytes()))
    sys.exit(main())
