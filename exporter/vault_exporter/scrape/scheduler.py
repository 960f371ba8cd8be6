"""Run the collectors of one target side by side: those that it is this node's to answer."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.cache import CachedReading
from vault_exporter.scrape.collector_run import CollectorRun, CollectorRuns, outcome
from vault_exporter.scrape.collectors import HEALTH, Collector, Scope
from vault_exporter.vault.client import Client, VaultError

__all__ = ["CollectorScheduler"]

_Reading = Iterable[Sample]

_ABSENT_SECONDS: Final = 60.0
"""How long a node is not asked again for what its product, version or storage does not have."""


class CollectorScheduler:
    """The collectors of one target. Make it inside a running event loop, and close it.

    Kept between scrapes: the last good reading of each collector that has an interval, and for a minute which ones the
    node has nothing to say of.
    """

    def __init__(self, client: Client, collectors: Sequence[Collector], attempts: CollectorRuns) -> None:
        self._client = client
        self._collectors = tuple(collectors)
        self._attempts = attempts
        self._snapshots = {
            collector.name: CachedReading(collector.interval) for collector in collectors if collector.interval
        }
        self._absent_until: dict[str, float] = {}

    async def close(self) -> None:
        """Drop the readings under way."""
        for snapshot in self._snapshots.values():
            await snapshot.forget()

    async def run(self, deadline: float) -> list[_Reading]:
        """Run them all, until the deadline in the loop's time; return the samples of each."""
        health = asyncio.create_task(self._attempts.make(HEALTH.name, _read(HEALTH, self._client), deadline))
        attempts = await asyncio.gather(*(self._run(collector, health, deadline) for collector in self._collectors))
        return list(map(self._samples, self._collectors, attempts))

    def failed(self, reason: Reason, seconds: float) -> list[_Reading]:
        """Return what there is to say when none of them came to an end."""
        attempt = CollectorRun[_Reading](None, reason, seconds)
        return [self._samples(collector, attempt) for collector in self._collectors]

    async def _run(
        self, collector: Collector, health: "asyncio.Task[CollectorRun[_Reading]]", deadline: float
    ) -> CollectorRun[_Reading]:
        if collector.name == HEALTH.name:
            return await health
        if collector.asked is Scope.EVERY:
            return await self._attempts.make(collector.name, _read(collector, self._client), deadline)
        state = await health
        if state.result is None:  # a node that is down is asked nothing more, and logged as down once
            return CollectorRun(None, state.reason, 0.0)
        if not _is_asked(collector.asked, state.result):
            if collector.name in self._snapshots:
                await self._snapshots[collector.name].forget()
            self._absent_until.pop(collector.name, None)
            return CollectorRun((), None, 0.0)
        needs = " ".join(map(str, collector.grants))
        return await self._attempts.make(collector.name, self._ask(collector, deadline), deadline, needs=needs)

    async def _ask(self, collector: Collector, deadline: float) -> _Reading:
        if collector.needs_token and not self._client.has_token:
            raise VaultError(Reason.PERMISSION_DENIED, "there is no token at the moment")
        snapshot = self._snapshots.get(collector.name)
        if snapshot is None:
            return await self._read_unless_absent(collector)
        left = deadline - asyncio.get_running_loop().time()
        await snapshot.refresh(lambda: _read(collector, self._client), left)
        return ()

    async def _read_unless_absent(self, collector: Collector) -> _Reading:
        """Read; what the node had nothing to say of is asked only now and then, since each question is audited."""
        now = asyncio.get_running_loop().time()
        if now < self._absent_until.get(collector.name, now):
            return ()
        samples = await _read(collector, self._client)
        if samples:
            self._absent_until.pop(collector.name, None)
        else:
            self._absent_until[collector.name] = now + _ABSENT_SECONDS
        return samples

    def _samples(self, collector: Collector, attempt: CollectorRun[_Reading]) -> Iterator[Sample]:
        yield from collector.floor(attempt.reason) if attempt.reason else attempt.result or ()
        snapshot = self._snapshots.get(collector.name)
        if snapshot is not None and snapshot.taken is not None:
            yield from snapshot.samples
            yield c.COLLECTOR_LAST_SUCCESS(snapshot.taken, collector.name)
        yield from outcome(collector.name, attempt)


async def _read(collector: Collector, client: Client) -> _Reading:
    try:
        # As a tuple, so that what breaks while samples are made breaks here.
        return tuple(await collector.collect(client))
    except VaultError as error:
        if collector.asked is Scope.UNSEALED and error.reason is Reason.REDIRECT:
            return ()  # a standby of Vault that cannot answer for itself
        raise
    except OverflowError:
        raise VaultError(Reason.BAD_REPLY, "a number in the answer is out of range") from None


def _is_asked(asked: Scope, health: _Reading) -> bool:
    """Tell from what a node says of itself whether it is one of those to ask."""
    said = {sample.family: sample.value for sample in health if not sample.labels}
    if said.get(c.CORE_UNSEALED) != 1:
        return False
    secondary = said.get(c.REPLICATION_DR_SECONDARY) == 1
    match asked:
        case Scope.ACTIVE:
            return said.get(c.ACTIVE) == 1 and not secondary
        case Scope.ACTIVE_DR:
            return said.get(c.ACTIVE) == 1
        case _:
            return not secondary
