"""What a scrape through the exporter costs, against asking the node for its telemetry directly.

All by the same client, in turns, on the same healthy OpenBao: the median of 200 ``/probe`` over the median of 200
``GET /v1/sys/metrics``. Without a token the exporter makes four calls to the node for one probe, and that ratio is
bounded. What the collectors add that need a token is shown beside it: they are further questions, so no comparison with
one of them says how fast they are asked. Run: ``python bench/probe.py``.
"""

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
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
        with (
            dev_server(directory, root_token=TOKEN, unauthenticated_metrics=True) as server,
            exporter(directory / "without.log", server.address) as without,
            exporter(directory / "with.log", server.address, VAULT_TOKEN=TOKEN) as with_token,
        ):
            return asyncio.run(measure(server.address, without, with_token))


@contextlib.contextmanager
def exporter(log: Path, node: str, **environment: str) -> Iterator[str]:
    port = free_port()
    arguments = ["serve", "--listen", f"127.0.0.1:{port}", "--address", node]
    with Service("exporter", [program("vault-exporter"), *arguments], log=log, env=environment):
        yield f"http://127.0.0.1:{port}"


async def measure(node: str, without: str, with_token: str) -> int:
    async with aiohttp.ClientSession() as session:
        direct = getter(session, f"{node}/v1/sys/metrics?format=prometheus")
        name = node.removeprefix("http://")
        probe, full = (getter(session, f"{exporter}/probe?target={name}") for exporter in (without, with_token))
        for one in (probe, full):
            await ready(one)
        seconds: dict[str, list[float]] = {"direct": [], "probe": [], "full": []}
        for _ in range(ROUNDS):
            seconds["direct"].append(await timed(direct))
            seconds["probe"].append(await timed(probe))
            seconds["full"].append(await timed(full))
    medians = {what: statistics.median(times) for what, times in seconds.items()}
    ratio = medians["probe"] / medians["direct"]
    print(f"direct GET sys/metrics  {medians['direct'] * 1000:6.2f} ms (median of {ROUNDS})")
    print(f"/probe of the exporter  {medians['probe'] * 1000:6.2f} ms (median of {ROUNDS})")
    print(f"ratio                   {ratio:6.2f}    (at most {AT_MOST:g})")
    print(f"/probe with a token     {medians['full'] * 1000:6.2f} ms (every default collector)")
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
