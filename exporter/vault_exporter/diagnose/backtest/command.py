"""What ``rules --backtest`` does."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from vault_exporter.alert_rules import Group, Overrides
from vault_exporter.alert_rules.rules import alerts
from vault_exporter.diagnose.backtest.compare import compared
from vault_exporter.diagnose.backtest.history import History
from vault_exporter.diagnose.backtest.report import Result
from vault_exporter.diagnose.backtest.rules import of_file, of_pack
from vault_exporter.diagnose.backtest.run import Backtest, Outcome, Period
from vault_exporter.diagnose.backtest.suggest import Suggestion, suggest
from vault_exporter.diagnose.backtest.urgency import Urgency
from vault_exporter.diagnose.doctor.read.api import Api, ApiError
from vault_exporter.diagnose.doctor.read.http_config import HttpConfig

__all__ = ["Asked", "Groups", "backtest"]

Groups = Callable[[Overrides], tuple[Group, ...]]
"""Returns the rules with overrides."""


class Asked(msgspec.Struct, frozen=True):
    """What to do."""

    url: str
    http: HttpConfig
    period: Period
    overrides: Mapping[str, str]
    interval: float | None = None
    limit: int | None = None
    """Firings a week, for a suggestion."""
    against: Path | None = None
    patience: float = 120
    """Seconds for each request. Requests that fail may take four times as long together."""


async def backtest(
    asked: Asked, groups: Groups, total: Callable[[int], None], progress: Callable[[int], None]
) -> tuple[Result, Suggestion | None]:
    """Evaluate the rules.

    Args:
        asked: what to do.
        groups: the pack's rules.
        total: called with the number of evaluations that are to come.
        progress: called with the number of evaluations after each answer.

    Raises:
        vault_exporter.diagnose.doctor.read.api.ApiError: the server does not answer, refuses, or has no history.
            With a limit, also if it is gone before the end.
        vault_exporter.alert_rules.PackError: rules or overrides are wrong.
        vault_exporter.assets.ResourceError: a file is missing from this installation.
    """
    urgency, old_groups = Urgency(asked.overrides), of_file(asked.against) if asked.against else None
    async with Api("Prometheus", "--backtest", asked.url, asked.http, asked.patience) as api:
        history = History(api, progress, asked.patience)
        run = Backtest(history, await history.server(), asked.period, asked.interval)
        now = await run.alerts(of_pack(groups(asked.overrides)))
        before = await run.alerts(old_groups) if old_groups is not None else ()
        await run.begin((*now, *before))
        total(run.evaluations((*now, *before)))
        outcomes = await run.outcomes(now)
        old = await run.outcomes(before)
        if reason := _nothing((*outcomes, *old)):
            raise ApiError(reason, "")
        changes = compared(old, outcomes) if old_groups is not None else None
        asked_days = asked.period.days if run.period != asked.period else None
        result = Result(run.period, outcomes, urgency, old, changes, asked_days)
        if asked.limit is None:
            return result, None

        async def evaluate(overrides: Overrides, names: frozenset[str]) -> Mapping[str, Outcome]:
            every = await run.alerts(of_pack(groups(overrides)))
            chosen = [one for one in every if one.name in names]
            total(run.evaluations(chosen))
            made = {one.name: await run.outcome(one) for one in chosen}
            if run.gone is not None:
                raise run.gone
            return made

        if run.gone is not None:  # what was not evaluated may fire too often
            raise run.gone

        rules = alerts(groups(asked.overrides))
        suggestion = await suggest(asked.limit, outcomes, rules, asked.overrides, evaluate)
        return result, suggestion


def _nothing(outcomes: tuple[Outcome, ...]) -> str:
    """Return why the server let no alert be evaluated; empty if one was."""
    if any(not one.refusal for one in outcomes):
        return ""
    return next((one.refusal for one in outcomes if one.unanswered), "")
