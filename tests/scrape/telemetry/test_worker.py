"""Large pages are repaired while the event loop goes on, and one that takes too long is given up."""

import asyncio

import pytest

from tests.lab.waiting import PATIENCE
from tests.scrape.telemetry.reading import family, lines, telemetry
from vault_exporter.metrics.exposition import Format
from vault_exporter.scrape.telemetry import TelemetryPage, Worker

COMMENTS = b"#\n" * (2 << 20)
"""Irregular: seconds of work."""


def counted(value: int, families: int) -> bytes:
    """Make a regular page."""
    return "".join(family(f"vault_c{number}", "counter", f" {value}") for number in range(families)).encode()


def first(page: TelemetryPage) -> str:
    return lines(page.render(Format.TEXT))[0]


async def test_the_loop_goes_on_meanwhile() -> None:
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(turn)

    turn()
    page = await Worker(telemetry()).repair(counted(3, families=5000))
    assert page.samples == 5000
    assert turns > 10


async def test_an_irregular_page_is_given_up_and_changes_nothing() -> None:
    worker = Worker(telemetry())
    await worker.repair(counted(3, families=1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await worker.repair(COMMENTS + counted(1, families=1))
    async with asyncio.timeout(PATIENCE):
        page = await worker.repair(counted(4, families=1))
    assert first(page) == "vault_c0 4"
    assert page.repaired["continued"] == 0


async def test_a_regular_page_is_taken_in_to_its_end_and_the_next_waits() -> None:
    worker = Worker(telemetry())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await worker.repair(counted(5, families=5000))
    page = await worker.repair(counted(1, families=1))
    assert first(page) == "vault_c0 6"
    assert page.tracked == 5000


async def test_whole_pages_are_the_same_from_the_thread() -> None:
    worker, alone = Worker(telemetry()), telemetry()
    for value in (3, 1):
        page = counted(value, families=2000) + b'vault_x{a="b"} 1 1234\n' * 2
        assert (await worker.repair(page)).render(Format.OPENMETRICS) == alone.repair(page).render(Format.OPENMETRICS)
