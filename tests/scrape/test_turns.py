"""Scrapes that are asked for at once begin a few at a time, and one that hangs does not hold up the others."""

import asyncio
from collections.abc import Callable

from vault_exporter.scrape.turns import Turns

LONG = 3600.0


async def begun(*scrapes: "asyncio.Task[Callable[[], None]]") -> list[bool]:
    """Say which of the scrapes have begun, when nothing more can happen at present."""
    for _ in range(10):
        await asyncio.sleep(0)
    return [scrape.done() for scrape in scrapes]


async def test_a_scrape_begins_when_another_ends() -> None:
    turns = Turns(most=2, seconds=LONG)
    deadline = asyncio.get_running_loop().time() + LONG
    first, second, third, fourth = (asyncio.create_task(turns.begin(deadline)) for _ in range(4))
    assert await begun(first, second, third, fourth) == [True, True, False, False]
    end = first.result()
    end()
    end()  # once is enough
    assert await begun(third, fourth) == [True, False]
    fourth.cancel()
    second.result()()
    third.result()()
    fifth = asyncio.create_task(turns.begin(deadline))
    assert await begun(fifth) == [True]
    fifth.result()()


async def test_a_scrape_that_hangs_holds_nobody_up() -> None:
    turns = Turns(most=1, seconds=0.01)
    deadline = asyncio.get_running_loop().time() + LONG
    hanging = await turns.begin(deadline)
    end = await turns.begin(deadline)
    hanging()  # its turn ended before
    waiting = asyncio.create_task(turns.begin(deadline))
    assert await begun(waiting) == [False]
    end()
    (await waiting)()


async def test_nobody_waits_until_the_deadline() -> None:
    turns = Turns(most=1, seconds=LONG)
    loop = asyncio.get_running_loop()
    end = await turns.begin(loop.time() + LONG)
    deadline = loop.time() + 0.3
    without = await turns.begin(deadline)
    assert loop.time() < deadline
    without()
    third = asyncio.create_task(turns.begin(loop.time() + LONG))
    assert await begun(third) == [False]
    end()
    (await third)()
