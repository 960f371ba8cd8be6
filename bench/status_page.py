"""How much CPU time the status page takes, with 1 to 500 nodes, some of which are in trouble.

The page shows real scrapes of a fake node. The time includes the request and its client.
"""

import asyncio
import statistics
import time

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from vault_exporter.app import Exporter
from vault_exporter.config.schema.model import Config, Target

NUMBERS = (1, 50, 500)
ROUNDS = 20
ANSWERS = {
    "sys/health": (429, {"initialized": True, "sealed": False, "standby": True, "version": "2.7.2"}),
    "sys/seal-status": (200, {"type": "shamir", "sealed": False, "t": 3, "n": 5, "storage_type": "raft"}),
    "sys/leader": (200, {"ha_enabled": True, "is_self": False, "leader_address": ""}),
}


async def answer(request: web.Request) -> web.Response:
    """Answer as a standby that knows no leader and has no telemetry."""
    path = request.match_info["path"]
    if path not in ANSWERS:
        return web.json_response({"errors": ["the barrier is not there"]}, status=500)
    status, body = ANSWERS[path]
    return web.json_response(body, status=status)


async def main() -> None:
    app = web.Application()
    app.router.add_get("/v1/{path:.*}", answer)
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
                    started = time.process_time()
                    page = await (await client.get("/")).read()
                    seconds.append(time.process_time() - started)
                print(
                    f"{number:4} nodes: {statistics.median(seconds) * 1000:6.1f} ms of CPU, {len(page) / 1024:6.0f} KiB"
                )


if __name__ == "__main__":
    asyncio.run(main())
