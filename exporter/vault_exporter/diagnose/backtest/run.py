"""Evaluate alert rules over the history, and say when each would have fired."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from vault_exporter.diagnose.backtest.history import Chunk, FailedEvaluation, History, Server
from vault_exporter.diagnose.backtest.labels import Labels, UnknownTemplateError, alert_labels, varies
from vault_exporter.diagnose.backtest.promql import kept_matchers, selectors
from vault_exporter.diagnose.backtest.rules import Alert, RuleGroup, intervals_of, prepared
from vault_exporter.diagnose.backtest.states import Firing, States
from vault_exporter.diagnose.doctor.read.api import ApiError

__all__ = ["Backtest", "Outcome", "Period"]

_MATCHED: Final = frozenset({"job"})
"""Matchers that decide whether a metric was in the history; others may match nothing because nothing was wrong."""
_SECOND: Final = 1000
_MOST_FIRINGS: Final = 1_000_000
"""Of all alerts. Each takes some hundred bytes."""


class Period(msgspec.Struct, frozen=True):
    """What is evaluated, in milliseconds."""

    start: int
    end: int

    @property
    def days(self) -> float:
        """Length in days."""
        return (self.end - self.start) / 86_400_000


class Outcome(msgspec.Struct, frozen=True):
    """What one alert would have done."""

    alert: Alert
    firings: tuple[Firing, ...] = ()
    missing: tuple[str, ...] = ()
    """Selectors whose series were never in the history."""
    no_data: bool = False
    """Whether nothing that it looks at was ever in the history."""
    refusal: str = ""
    """Why it was not evaluated."""
    unanswered: bool = False
    """Whether it was not evaluated because of the server, not because a backtest cannot."""
    failed: int = 0
    """Evaluations that were errors."""


class Backtest:
    """Evaluations over one period on one server."""

    def __init__(self, history: History, server: Server, period: Period, interval: float | None = None) -> None:
        """Evaluate over a period.

        Args:
            history: where series are.
            server: what it says about itself.
            period: when.
            interval: seconds between evaluations of every group that does not say it, instead of the server's.
        """
        self._history, self._server, self.period = history, server, period
        self.begun: int | None = None
        """When the history begins, in milliseconds, if within the period that was asked for."""
        self.gone: ApiError | None = None
        """Why the server has not answered any more."""
        self._interval: Final = interval
        self._there: dict[str, asyncio.Task[bool]] = {}
        self._room = _MOST_FIRINGS
        self._phases: dict[tuple[str, frozenset[str]], int] = {}

    async def alerts(self, groups: Iterable[RuleGroup]) -> tuple[Alert, ...]:
        """Return the alerts of rules, as the server would evaluate them.

        Raises:
            vault_exporter.alert_rules.PackError: a duration is wrong.
        """
        groups = tuple(groups)
        if self._interval is not None:
            intervals = intervals_of(groups, {}, self._interval)
        else:
            intervals = intervals_of(groups, self._server.intervals, self._server.interval)
        phases = await asyncio.gather(*(self._phase(one, round(intervals[one.name] * 1000)) for one in groups))
        return prepared(groups, intervals, {one.name: phase for one, phase in zip(groups, phases, strict=True)})

    async def begin(self, alerts: Iterable[Alert]) -> None:
        """Let the period begin where the history of what alerts look at begins.

        Before that, an alert on absence would fire although nothing was wrong.

        Raises:
            vault_exporter.diagnose.doctor.read.api.ApiError: the server does not answer, or there is no history.
        """
        alerts = [one for one in alerts if not one.refusal]
        looked_at = sorted({_presence(one.name, one.matchers) for alert in alerts for one in selectors(alert.expr)})
        if not looked_at:
            return
        start = min(self._before(one) for one in alerts)
        found = await self._history.first(looked_at, start, self.period.end)
        if found is None:
            raise ApiError(
                "Prometheus has no sample of what the rules look at in this period",
                "correct the address, name the jobs as in --set job=hashicorp-vault, or raise --days",
            )
        # At the first moment that is searched, the history has begun before.
        if found >= start + _SECOND:
            self.begun = found
            self.period = Period(max(found, self.period.start), self.period.end)

    def evaluations(self, alerts: Iterable[Alert]) -> int:
        """Return about how many evaluations alerts take."""
        return sum(
            (self.period.end - self.period.start + one.wait + one.keep) // one.interval
            for one in alerts
            if not one.refusal
        )

    async def outcomes(self, alerts: Sequence[Alert]) -> tuple[Outcome, ...]:
        """Evaluate alerts."""
        return tuple(await asyncio.gather(*map(self.outcome, alerts)))

    async def outcome(self, alert: Alert) -> Outcome:
        """Evaluate one alert."""
        if alert.refusal:
            return Outcome(alert, refusal=alert.refusal)
        try:
            return await self._outcome(alert)
        except UnknownTemplateError as error:
            return Outcome(alert, refusal=str(error))
        except FailedEvaluation as error:
            return Outcome(alert, refusal=str(error), unanswered=True)
        except ApiError as error:
            self.gone = error if error.gone else self.gone
            return Outcome(alert, refusal=error.said, unanswered=True)

    async def _outcome(self, alert: Alert) -> Outcome:
        states, failed = States(alert.wait, alert.keep), 0
        first = self._before(alert)
        if self.begun is not None:
            first = max(first, self.begun)
        first += (alert.phase - first) % alert.interval
        async for chunk in self._history.evaluated(alert.expr, range(first, self.period.end + 1, alert.interval)):
            failed += _evaluate(alert, states, chunk, self._server.external)
            if len(states) > self._room:
                raise FailedEvaluation("too many firings to keep")
        self._room -= len(states)
        firings = tuple(
            msgspec.structs.replace(one, start=max(one.start, self.period.start))
            for one in sorted(states.firings(self.period.end), key=lambda one: (one.start, one.labels))
            if one.end > self.period.start
        )
        looked_at = {_presence(one.name, one.matchers) for one in selectors(alert.expr)}
        missing = tuple(sorted([one for one in looked_at if not await self._is_there(one)]))
        telling = {one for one in looked_at if not one.startswith("up{")} or looked_at
        return Outcome(
            alert,
            firings,
            missing,
            no_data=not firings and states.idle and bool(telling) and telling <= set(missing),
            failed=failed,
        )

    def _before(self, alert: Alert) -> int:
        """Return when evaluation begins: what fires when the period begins has been pending before."""
        return self.period.start - alert.wait - alert.keep - alert.interval

    async def _is_there(self, selector: str) -> bool:
        if selector not in self._there:
            found = self._history.has(selector, self.period.start, self.period.end)
            self._there[selector] = asyncio.ensure_future(found)
        return await self._there[selector]

    async def _phase(self, group: RuleGroup, interval: int) -> int:
        """Return when in its interval a group is evaluated, in milliseconds, as its samples say, or else the server."""
        alerts, recorded = (
            sorted({name for rule in group.rules if (name := getattr(rule, kind))}) for kind in ("alert", "record")
        )
        left = [f'ALERTS{{alertname=~"{"|".join(alerts)}"}}'] if alerts else []
        left += recorded
        key = (group.name, frozenset(left))
        if key not in self._phases:
            found = await self._history.phase(left, interval, self.period.start, self.period.end) if left else None
            self._phases[key] = self._server.evaluated.get(group.name, 0) % interval if found is None else found
        return self._phases[key]


def _presence(name: str, matchers: str) -> str:
    return f"{name}{kept_matchers(matchers, _MATCHED)}"


def _evaluate(alert: Alert, states: States, chunk: Chunk, external: Mapping[str, str]) -> int:
    """Take a chunk's evaluations, and return how many were errors."""
    if chunk.failed:
        return len(chunk.times)
    if states.idle and not chunk.series:
        return 0
    by_time: dict[int, list[Labels]] = {}
    for series in chunk.series:
        of_value = varies(alert.labels)
        labels = alert_labels(alert.name, alert.labels, series.metric, "", external)
        for time, value in series.values:
            if of_value:
                labels = alert_labels(alert.name, alert.labels, series.metric, value, external)
            by_time.setdefault(round(time * 1000), []).append(labels)
    failed = 0
    for time in chunk.times:
        result = by_time.get(time, [])
        if len(set(result)) < len(result):  # an error for Prometheus, after which the states are as before
            failed += 1
        elif result or not states.idle:
            states.evaluate(time, result)
    return failed
