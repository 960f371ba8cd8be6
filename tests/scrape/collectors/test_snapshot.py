"""Readings that are shown until the next, with a clock that the test turns."""

import asyncio

import pytest

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.cache import CachedReading
from vault_exporter.vault.client import VaultError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """What is read: set ``failure`` to make it fail, clear ``open`` to make it wait."""

    def __init__(self) -> None:
        self.readings = 0
        self.failure: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def read(self) -> tuple[Sample, ...]:
        self.readings += 1
        number = self.readings
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        return (c.NAMESPACES(number),)


def shown(snapshot: CachedReading) -> list[float]:
    return [sample.value for sample in snapshot.samples]


async def test_it_is_read_again_after_the_interval_and_not_before() -> None:
    clock, source = Clock(), Source()
    snapshot = CachedReading(60, clock=clock)
    for now, value in ((1000.0, 1), (1059.9, 1), (1060.0, 2), (1119.0, 2), (5000.0, 3)):
        clock.now = now
        await snapshot.refresh(source.read, 5)
        assert shown(snapshot) == [value]
    assert snapshot.taken is not None


async def test_a_failure_keeps_the_last_good_reading_and_is_tried_again_soon() -> None:
    clock, source = Clock(), Source()
    snapshot = CachedReading(60, clock=clock)
    await snapshot.refresh(source.read, 5)
    taken = snapshot.taken
    clock.now, source.failure = 1060.0, VaultError(Reason.PERMISSION_DENIED, "sys/mounts: HTTP 403")
    for now in (1060.0, 1069.0):
        clock.now = now
        with pytest.raises(VaultError, match="sys/mounts: HTTP 403"):
            await snapshot.refresh(source.read, 5)
        assert shown(snapshot) == [1]
        assert snapshot.taken == taken
        assert source.readings == 2
    clock.now, source.failure = 1070.0, None
    await snapshot.refresh(source.read, 5)
    assert shown(snapshot) == [3]


async def test_a_reading_that_takes_longer_than_a_scrape_goes_on() -> None:
    source = Source()
    snapshot = CachedReading(60, clock=Clock())
    source.open.clear()
    for _ in range(2):
        with pytest.raises(VaultError, match="it goes on") as caught:
            await snapshot.refresh(source.read, 0.06)
        assert caught.value.reason is Reason.TIMEOUT
    source.open.set()
    await snapshot.refresh(source.read, 5)
    assert (shown(snapshot), source.readings) == ([1], 1)


async def test_while_a_later_reading_takes_long_the_last_one_is_shown() -> None:
    clock, source = Clock(), Source()
    snapshot = CachedReading(60, clock=clock)
    await snapshot.refresh(source.read, 5)
    clock.now = 1060.0
    source.open.clear()
    await snapshot.refresh(source.read, 0.06)
    assert (shown(snapshot), source.readings) == ([1], 2)
    source.open.set()
    await snapshot.refresh(source.read, 5)
    assert shown(snapshot) == [2]


async def test_what_is_forgotten_is_read_anew_and_nothing_goes_on() -> None:
    source = Source()
    snapshot = CachedReading(60, clock=Clock())
    await snapshot.refresh(source.read, 5)
    await snapshot.forget()
    assert (shown(snapshot), snapshot.taken) == ([], None)
    source.open.clear()
    with pytest.raises(VaultError):
        await snapshot.refresh(source.read, 0.06)
    await snapshot.forget()
    source.open.set()
    await snapshot.refresh(source.read, 5)
    assert (shown(snapshot), source.readings) == ([3], 3)


async def test_a_reading_that_was_not_yet_begun_is_forgotten_too() -> None:
    source = Source()
    snapshot = CachedReading(60, clock=Clock())
    refreshing = asyncio.create_task(snapshot.refresh(source.read, 5))
    forgetting = asyncio.create_task(snapshot.forget())
    await asyncio.gather(refreshing, forgetting, return_exceptions=True)
    await snapshot.refresh(source.read, 5)
    assert shown(snapshot) == [1]


async def test_a_mistake_of_ours_is_a_failure_like_others() -> None:
    source = Source()
    source.failure = KeyError("planted")
    with pytest.raises(
        VaultError, match=r"^internal error of vault-exporter \(KeyError\); please report it$"
    ) as caught:
        await CachedReading(60, clock=Clock()).refresh(source.read, 5)
    assert caught.value.reason is Reason.OTHER


async def test_a_scrape_with_an_old_reading_does_not_wait_long_for_a_new_one() -> None:
    clock, source = Clock(), Source()
    snapshot = CachedReading(60, clock=clock)
    await snapshot.refresh(source.read, 5)
    clock.now += 60
    source.open.clear()
    async with asyncio.timeout(60):  # it takes two seconds, of the five minutes that it is given
        await snapshot.refresh(source.read, 300)
    assert shown(snapshot) == [1]
    assert source.readings == 2
    source.open.set()
    await snapshot.refresh(source.read, 300)
    assert shown(snapshot) == [2]
