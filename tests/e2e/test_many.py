"""Two rounds of a hundred targets, a fifth of them hung; ``bench/targets.py`` does a hundred and takes the time."""

import asyncio
from pathlib import Path

import aiohttp

from bench.targets import HUNG, TARGETS, Fleet, one_round, usage
from tests.lab.waiting import PATIENCE

HUNG_DEADLINE = 5.0
"""Seconds that the test waits for those that hang."""


async def test_a_hung_node_costs_nothing_but_itself(tmp_path: Path) -> None:
    async with Fleet(TARGETS, HUNG) as fleet:
        with await asyncio.to_thread(fleet.start_exporter, tmp_path, "120s") as exporter:
            async with aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(PATIENCE)
            ) as session:
                for _ in range(2):  # the first with logins, the second without
                    seen = await one_round(
                        session, exporter.address, fleet, deadline=PATIENCE, hung_deadline=HUNG_DEADLINE
                    )
                    assert seen.wrong == ()
                    assert seen.most_calls == 1
                await usage(session, exporter.address)
