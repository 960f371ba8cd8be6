"""One round of a hundred targets, a fifth of them hung; ``bench/targets.py`` does a hundred."""

import asyncio
from pathlib import Path

import aiohttp

from bench.targets import HUNG, TARGETS, Fleet, one_round, usage
from vault_exporter.collectors import COLLECTORS


async def test_a_hung_node_costs_nothing_but_itself(tmp_path: Path) -> None:
    async with Fleet(TARGETS, HUNG) as fleet:
        costly = [collector.name for collector in COLLECTORS if collector.interval and collector.name != "barrier_key"]
        with await asyncio.to_thread(fleet.start_exporter, tmp_path, disable=costly) as exporter:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
                for timeout in (10, 10):  # the first with logins, the second without
                    await one_round(session, exporter.address, fleet, timeout)
                await usage(session, exporter.address)
