"""Runs the collectors of one target concurrently, and only those that apply to the state of the node."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import NO_ANSWER, Reason
from vault_exporter.scrape.cache import CachedReading
from vault_exporter.scrape.collector_run import CollectorRun, CollectorRuns, Deadline, Skipped, outcome
from vault_exporter.scrape.collectors import HEALTH, LEADER, Collector, Reading, Scope, telemetry
from vault_exporter.scrape.node_state import Certificate, HealthReport, Leader, Mode, NodeState, SealStatus
from vault_exporter.scrape.telemetry.page import TelemetryPage
from vault_exporter.vault.client import Client, VaultError

__all__ = ["Collected", "CollectorScheduler", "Outcome"]

T = TypeVar("T")

_ABSENT_SECONDS: Final = 60.0
"""Seconds before a node is asked again for what it has not in its present state, such as another storage's."""

_FIRST: Final = frozenset({HEALTH.name, telemetry.NAME})
"""The collectors that are started first."""

_NOTHING: Final = Reading()


class Outcome(NamedTuple):
    """The result of a collector in one scrape."""

    name: str
    problem: str = ""
    """The reason of a failure, or a state that needs an operator; empty if the collector works."""
    detail: str = ""
    """Details of the problem and its remedy; safe to show."""
    skipped: Skipped | None = None
    """Why there are no samples without a failure."""


class Collected(NamedTuple):
    """The results of all collectors of a target in one scrape."""

    state: NodeState
    samples: tuple[Sample, ...]
    page: TelemetryPage | None
    outcomes: tuple[Outcome, ...]


class _Health(NamedTuple):
    """The run of the health collector, and the state of the node by it alone."""

    run: CollectorRun
    state: NodeState


class CollectorScheduler:
    """The collectors of one target. Make it inside a running event loop, and close it.

    Kept between scrapes: the last good reading of each collector with an interval, the collectors without samples
    (for a minute), the paths that the server does not have (for an hour, while its version and mode stay the same),
    and the last known name of the cluster.
    """

    def __init__(self, client: Client, collectors: Sequence[Collector], runs: CollectorRuns) -> None:
        self._client = client
        self._collectors = {collector.name: collector for collector in collectors}
        self._runs = runs
        self._cached = {
            collector.name: CachedReading(collector.interval) for collector in collectors if collector.interval
        }
        self._absent_until: dict[str, float] = {}
        self._server: tuple[str, Mode] | None = None
        self._cluster_name = ""

    async def close(self) -> None:
        """Cancel the running readings."""
        for cached in self._cached.values():
            await cached.forget()

    async def run(self, deadline: float) -> Collected:
        """Run all collectors until the deadline, in the loop's time."""
        limit = Deadline(deadline)
        # First the telemetry, since the node takes longest for it. Then the health, which most others wait for.
        own = self._collectors.get(telemetry.NAME)
        page = asyncio.create_task(self._make(own, limit)) if own is not None else None
        health = asyncio.create_task(self._health(limit))
        others = {
            name: asyncio.create_task(self._run(collector, health, limit))
            for name, collector in self._collectors.items()
            if name not in _FIRST
        }
        try:
            # They run side by side. To wait for each in turn takes less time than asyncio.gather.
            runs = {HEALTH.name: (await health).run}
            for name, task in others.items():
                runs[name] = await task
            state = self._state(runs)
            samples = self._samples(runs, state)  # meanwhile the node writes its telemetry
            if page is not None:
                last = {telemetry.NAME: await page}
                samples += self._shown(last, state)
                runs |= last
        except BaseException:
            running = [task for task in (page, health, *others.values()) if task is not None]
            for one in running:
                one.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            raise
        finally:
            limit.close()
        self._runs.report(runs)
        return _collected(state, samples, runs)

    def failed(self, reason: Reason, seconds: float) -> Collected:
        """Return the result if no collector ended in time."""
        runs = dict.fromkeys(self._collectors, CollectorRun(None, reason, seconds))
        state = self._state(runs)
        return _collected(state, self._samples(runs, state), runs)

    async def _health(self, deadline: Deadline) -> _Health:
        """Ask for the health, and forget the missing paths if another version answers, or in another mode."""
        run = await self._make(HEALTH, deadline)
        state = _state({HEALTH.name: run})
        if (server := (state.version, state.mode)) != self._server:
            self._server = server
            self._client.missing.forget()
        return _Health(run, state)

    async def _make(self, collector: Collector, deadline: Deadline) -> CollectorRun:
        """Run a collector that asks a node in any state."""
        return await self._runs.make(collector.name, _read(collector, self._client), deadline)

    async def _run(self, collector: Collector, health: "asyncio.Task[_Health]", deadline: Deadline) -> CollectorRun:
        if collector.scope is Scope.EVERY:
            return await self._make(collector, deadline)
        run, state = await health
        if run.result is None:  # a node that is down is asked nothing more, and logged as down once
            return CollectorRun(None, run.reason, 0.0)
        if (skipped := _skipped(collector, state)) is not None:
            if collector.name in self._cached:
                await self._cached[collector.name].forget()
            self._absent_until.pop(collector.name, None)
            return CollectorRun(_NOTHING, None, 0.0, skipped=skipped)
        needs = " ".join(map(str, collector.grants))
        run = await self._runs.make(collector.name, self._ask(collector, deadline), deadline, needs=needs)
        lacking = self._client.missing.covers(grant.path for grant in collector.grants)
        return run._replace(skipped=Skipped.LACKING) if lacking else run

    async def _ask(self, collector: Collector, deadline: Deadline) -> Reading:
        if collector.needs_token and not self._client.has_token:
            raise VaultError(Reason.PERMISSION_DENIED, "there is no token at the moment")
        cached = self._cached.get(collector.name)
        if cached is None:
            return await self._read_unless_absent(collector)
        left = deadline.at - asyncio.get_running_loop().time()
        await cached.refresh(lambda: _samples(collector, self._client), left)
        return _NOTHING

    async def _read_unless_absent(self, collector: Collector) -> Reading:
        """Read; ask a node that has no such thing once a minute only, since Vault audits each request."""
        now = asyncio.get_running_loop().time()
        if now < self._absent_until.get(collector.name, now):
            return _NOTHING
        reading = await _read(collector, self._client)
        if reading.samples:
            self._absent_until.pop(collector.name, None)
        else:
            self._absent_until[collector.name] = now + _ABSENT_SECONDS
        return reading

    def _state(self, runs: Mapping[str, CollectorRun]) -> NodeState:
        """Make the state of the node from the reports of all collectors; that of the telemetry has none."""
        state = _state(runs)
        if state.health is not None and state.health.cluster_name:
            self._cluster_name = state.health.cluster_name
        return state.in_cluster(self._cluster_name)

    def _samples(self, runs: Mapping[str, CollectorRun], state: NodeState) -> list[Sample]:
        """Return the samples of the node's state and of these runs."""
        return [*state.samples(with_cluster=not self._client.target.cluster), *self._shown(runs, state)]

    def _shown(self, runs: Mapping[str, CollectorRun], state: NodeState) -> list[Sample]:
        """Return the samples of these runs: the reading, or the floor of a failure, and the last good reading."""
        samples: list[Sample] = []
        for name, run in runs.items():
            if run.result is not None:
                samples += run.result.samples
            elif run.reason is not None:
                samples += self._collectors[name].floor(run.reason)
            if (cached := self._cached.get(name)) is not None:
                samples += _of_cache(name, cached, state)
            samples += outcome(name, run)
        return samples


def _collected(state: NodeState, samples: list[Sample], runs: Mapping[str, CollectorRun]) -> Collected:
    own = runs.get(telemetry.NAME)
    page = own.result.page if own is not None and own.result is not None else None
    return Collected(state, _once(samples), page, tuple([_outcome(name, run) for name, run in runs.items()]))


def _of_cache(collector: str, cached: CachedReading, state: NodeState) -> Iterator[Sample]:
    """Yield the last good reading of a collector, and its time."""
    if cached.taken is None:
        return
    # If a node does not answer, another one may be active by now and report for the cluster.
    if state.failure not in NO_ANSWER:
        yield from cached.samples
    yield c.COLLECTOR_LAST_SUCCESS(cached.taken, collector)


def _outcome(collector: str, run: CollectorRun) -> Outcome:
    note = run.result.note if run.result is not None else None
    problem = run.reason or (note.state if note is not None and note.wanting else "")
    return Outcome(collector, problem, run.detail if problem else "", run.skipped)


async def _samples(collector: Collector, client: Client) -> tuple[Sample, ...]:
    return (await _read(collector, client)).samples


async def _read(collector: Collector, client: Client) -> Reading:
    try:
        found = await collector.collect(client)
        # As a tuple, so that what breaks while samples are made breaks here.
        return found if isinstance(found, Reading) else Reading(tuple(found))
    except VaultError as error:
        if collector.scope is Scope.UNSEALED and error.reason is Reason.REDIRECT:
            return _NOTHING  # a standby of Vault that cannot answer for itself
        raise
    except OverflowError:
        raise VaultError(Reason.BAD_REPLY, "a number in the answer is out of range") from None


def _state(runs: Mapping[str, CollectorRun]) -> NodeState:
    """Make the state of the node from the reports of some collectors; health must be among them."""
    said = {type(run.result.said): run.result.said for run in runs.values() if run.result is not None}
    health, leader = runs[HEALTH.name], runs.get(LEADER.name)
    failure = health.reason
    if failure is None and leader is not None and leader.reason in {Reason.HTTP_5XX, Reason.PROXY_ERROR}:
        failure = leader.reason  # a standby answers health from memory, and for its leader asks the storage
    report = _of(HealthReport, said)
    return NodeState(
        failure=failure,
        health=report.health if report is not None else None,
        status_code=report.status_code if report is not None else None,
        seal=_of(SealStatus, said),
        leader=_of(Leader, said),
        certificate=_of(Certificate, said),
    )


def _of(kind: type[T], said: Mapping[type, object]) -> T | None:
    found = said.get(kind)
    return found if isinstance(found, kind) else None


def _skipped(collector: Collector, state: NodeState) -> Skipped | None:
    """Return why a collector does not ask a node in this state; None if it does."""
    if not state.serves:
        return Skipped.STATE
    if collector.scope in {Scope.ACTIVE, Scope.ACTIVE_DR} and not state.active:
        return Skipped.SCOPE
    if state.dr_secondary and collector.scope is not Scope.ACTIVE_DR:
        return Skipped.STATE
    return None if collector.applies(state) else Skipped.LACKING


def _once(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Keep the first of each series: Prometheus refuses a page that has one twice."""
    if len({sample[:2] for sample in samples}) == len(samples):  # family and labels
        return tuple(samples)
    series: dict[tuple[str, tuple[str, ...]], Sample] = {}
    for sample in samples:
        series.setdefault((sample.family.name, sample.labels), sample)
    return tuple(series.values())
