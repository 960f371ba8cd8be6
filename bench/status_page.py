"""How long the status page takes to render, with 1 to 500 nodes, some of which are in trouble.

It renders what the page shows of real scrapes of a fake node, and compares with a page of one node.
"""

import asyncio
import statistics
import time

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.lab.fake_node import HEALTH, Node
from vault_exporter.app import Exporter
from vault_exporter.config.schema.model import Config, Target

NUMBERS = (1, 50, 500)
ROUNDS = 20


async def main() -> None:
    node = Node()
    node.open.set()
    node.answers["sys/seal-status"] = (500, '{"errors":["the barrier is not there"]}')
    node.answers["sys/health"] = (429, HEALTH)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", node.answer)
    async with TestServer(app) as server:
        for number in NUMBERS:
            addresses = (f"http://127.0.0.1:{server.port}", "http://127.0.0.1:1")
            targets = tuple(
                Target(f"vault-{n}", addresses[n % 10 == 0 and n > 0], cluster=f"cluster-{n % 7}")
                for n in range(number)
            )
            async with TestClient(
                TestServer(Exporter(Config(targets=targets, status_page_scrapes=False)).app)
            ) as client:
                for target in targets:
                    await client.get(f"/probe?target={target.name}")
                seconds = []
                for _ in range(ROUNDS):
                    started = time.perf_counter()
                    page = await (await client.get("/")).read()
                    seconds.append(time.perf_counter() - started)
                print(f"{number:4} nodes: {statistics.median(seconds) * 1000:6.1f} ms, {len(page) / 1024:6.0f} KiB")


if __name__ == "__main__":
    asyncio.run(main())
