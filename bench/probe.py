"""What a scrape through the exporter costs, against asking the node for its telemetry directly.

Both by the same client, in turns, on the same healthy OpenBao: the median of 200 ``/probe`` over the median of 200
``GET /v1/sys/metrics``. The exporter makes four calls to the node for one probe. Run: ``python bench/probe.py``.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from vault_exporter.demo.openbao import dev_server
from vault_exporter.demo.process import Service, free_port, program

ROUNDS = 200
AT_MOST = 3.0
TOKEN = "bench"  # noqa: S105 - of a throwaway server


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        with dev_server(directory, root_token=TOKEN) as server:
            port = free_port()
            arguments = ["serve", "--listen", f"127.0.0.1:{port}", "--address", server.address]
            log = directory / "exporter.log"
            with Service("exporter", [program("vault-exporter"), *arguments], log=log, env={"VAULT_TOKEN": TOKEN}):
                return asyncio.run(measure(server.address, f"http://127.0.0.1:{port}"))


async def measure(node: str, exporter: str) -> int:
    async with aiohttp.ClientSession(headers={"X-Vault-Token": TOKEN}) as session:
        direct = getter(session, f"{node}/v1/sys/metrics?format=prometheus")
        name = node.removeprefix("http://")
        probe = getter(session, f"{exporter}/probe?target={name}")
        await ready(probe)
        seconds: dict[str, list[float]] = {"direct": [], "probe": []}
        for _ in range(ROUNDS):
            seconds["direct"].append(await timed(direct))
            seconds["probe"].append(await timed(probe))
    medians = {what: statistics.median(times) for what, times in seconds.items()}
    ratio = medians["probe"] / medians["direct"]
    print(f"direct GET sys/metrics  {medians['direct'] * 1000:6.2f} ms (median of {ROUNDS})")
    print(f"/probe of the exporter  {medians['probe'] * 1000:6.2f} ms (median of {ROUNDS})")
    print(f"ratio                   {ratio:6.2f}    (at most {AT_MOST:g})")
    return 0 if ratio <= AT_MOST else 1


def getter(session: aiohttp.ClientSession, url: str) -> Callable[[], Awaitable[None]]:
    async def get() -> None:
        async with session.get(url) as response:
            body = await response.read()
            if response.status != 200 or b"vault_barrier_put" not in body:  # noqa: PLR2004 - HTTP's OK
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


if __name__ == "__main__":
    sys.exit(main())
