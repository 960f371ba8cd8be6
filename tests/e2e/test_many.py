"""Two rounds of a hundred targets, a fifth of them hung; ``bench/targets.py`` does a hundred."""

import asyncio
from pathlib import Path

import aiohttp

from bench.targets import HUNG, MARGIN, TARGETS, TIMEOUT, Fleet, one_round, usage


async def test_a_hung_node_costs_nothing_but_itself(tmp_path: Path) -> None:
    async with Fleet(TARGETS, HUNG) as fleet:
        with await asyncio.to_thread(fleet.start_exporter, tmp_path) as exporter:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
                for _ in range(2):  # the first with logins, the second without
                    seen = await one_round(session, exporter.address, fleet)
                    assert seen.slowest <= TIMEOUT - MARGIN
                    assert seen.wrong == ()
                    assert seen.most_calls == 1
                await usage(session, exporter.address)
