"""The time a scrape may take, from Prometheus' header, and what ends with it."""

import asyncio

import pytest

from tests.lab.fake_node import Node, target
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collector_run import CollectorRuns, Deadline
from vault_exporter.scrape.collectors import Reading, chosen
from vault_exporter.scrape.scraper import TargetScraper
from vault_exporter.web.exposition import deadline


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("10", 9.5),
        ("10.5", 10.0),
        ("1", 0.5),
        ("0.4", 0.2),
        ("86400", 120.0),
        (None, 5.0),
        ("", 5.0),
        ("soon", 5.0),
        ("0", 5.0),
        ("-3", 5.0),
        ("nan", 5.0),
        ("inf", 5.0),
    ],
)
def test_deadline(header: str | None, seconds: float) -> None:
    assert deadline(header, default=5.0) == pytest.approx(seconds)


async def test_collectors_without_an_answer_end_at_the_deadline(node: Node) -> None:
    node.open.clear()
    scraper = TargetScraper(target(node), chosen(target(node)))
    scrape = await scraper.scrape(0.1)
    assert scrape.state.failure is Reason.TIMEOUT
    problems = {outcome.name: outcome.problem for outcome in scrape.outcomes}
    assert problems == dict.fromkeys(problems, Reason.TIMEOUT) | {"certificate": ""}  # without TLS it asks for nothing
    node.open.set()
    assert (await scraper.scrape(5)).state.up
    await scraper.close()


async def test_a_collector_that_starts_after_the_deadline_ends_unless_it_has_its_reading() -> None:
    """A deadline may pass while the event loop is busy, between the answer of the node and the next collector."""
    deadline, runs = Deadline(asyncio.get_running_loop().time()), CollectorRuns("n1")
    await asyncio.sleep(0.01)
    assert deadline.over

    async def at_once() -> Reading:
        return Reading()

    async def never() -> Reading:
        await asyncio.Event().wait()
        return Reading()

    async with asyncio.timeout(5):
        made = await asyncio.gather(*(runs.make("a", work, deadline) for work in (at_once(), never(), never())))
    assert [run.reason for run in made] == [None, Reason.TIMEOUT, Reason.TIMEOUT]
    late = asyncio.create_task(runs.make("a", never(), deadline))
    await asyncio.sleep(0)
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    deadline.close()


async def test_a_scraper_that_closes_ends_all_collectors(node: Node) -> None:
    node.open.clear()
    scraper = TargetScraper(target(node), chosen(target(node)))
    before = asyncio.all_tasks()
    scrape = asyncio.create_task(scraper.scrape(5))
    await node.asked.wait()
    collectors = {task for task in asyncio.all_tasks() - before if "Collector" in repr(task.get_coro())}
    assert len(collectors) == len(chosen(target(node))) - 1  # that of certificates has ended
    await scraper.close()
    with pytest.raises(asyncio.CancelledError):
        await scrape
    assert all(task.cancelled() for task in collectors)
    node.open.set()
