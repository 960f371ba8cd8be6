"""Print what a backtest found, for people, for programs, or as a file of overrides."""

import contextlib
import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import yaml

from vault_exporter.diagnose.backtest.compare import Changes
from vault_exporter.diagnose.backtest.plot import lines
from vault_exporter.diagnose.backtest.run import Outcome, Period
from vault_exporter.diagnose.backtest.states import Firing
from vault_exporter.diagnose.backtest.suggest import Suggestion, busiest_week
from vault_exporter.diagnose.backtest.urgency import HEARTBEAT, Urgency
from vault_exporter.util.printable import printable

__all__ = ["Result", "as_json", "as_overrides", "as_text"]

NOT_COUNTED: Final = (
    "Alertmanager's inhibition, grouping and silences are not counted: some of these firings would have told nobody."
)
_LISTED: Final = 20
_HIDDEN: Final = frozenset({"alertname", "severity", "category"})


class Result(msgspec.Struct, frozen=True):
    """All that is printed."""

    period: Period
    outcomes: tuple[Outcome, ...]
    urgency: Urgency
    old: tuple[Outcome, ...] = ()
    changes: Changes | None = None
    asked_days: float | None = None
    """How long a period was asked for, if the history begins within it."""

    @property
    def unanswered(self) -> bool:
        """Whether the server did not let all alerts be evaluated."""
        return any(one.unanswered for one in (*self.outcomes, *self.old))


def as_json(result: Result) -> str:
    """Return one object. Times are RFC 3339, durations are seconds."""
    made: dict[str, Any] = {
        "start": _time(result.period.start),
        "end": _time(result.period.end),
        "history_begins": _time(result.period.start) if result.asked_days is not None else None,
        "inhibition_counted": False,
        "alerts": [_alert(one, result.urgency) for one in result.outcomes],
    }
    if result.changes is not None:
        made["against"] = {
            "come": [_firing(one, result.urgency) for one in result.changes.come],
            "go": [_firing(one, result.urgency) for one in result.changes.go],
            "severity_changes": [
                {"old": _firing(old, result.urgency), "new": _firing(new, result.urgency)}
                for old, new in result.changes.change
            ],
            "not_evaluated": {one.alert.name: one.refusal for one in result.old if one.refusal},
            "no_data": [one.alert.name for one in result.old if one.no_data],
        }
    return json.dumps(made, indent=2)


def as_text(result: Result) -> Iterator[str]:
    """Yield the lines of the report."""
    yield f"{_time(result.period.start)} to {_time(result.period.end)} ({_days(result.period.days)})"
    if result.asked_days is not None:
        yield _begins(result.asked_days)
    fired = [one for one in result.outcomes if one.firings and _kind(one, result.urgency) != HEARTBEAT]
    fired.sort(key=lambda one: (["page", "ticket", "nobody"].index(_kind(one, result.urgency)), -len(one.firings)))
    yield ""
    for outcome in fired:
        yield from _of_alert(outcome, result.urgency)
    quiet = [one for one in result.outcomes if not one.firings and not one.no_data and not one.refusal]
    pages = sum(_told(one, result.urgency, "page") for one in result.outcomes)
    tickets = sum(_told(one, result.urgency, "ticket") for one in result.outcomes)
    yield f"Pages: {pages}. Tickets: {tickets}. Alerts that would not have fired: {len(quiet)}."
    yield NOT_COUNTED
    picture = list(lines(result.outcomes, result.period, result.urgency))
    yield from ["", *picture] if picture else []
    yield from _gaps(result.outcomes)
    if result.changes is not None:
        yield from _of_changes(result.changes, result.urgency)
        yield from (f"  old rules: {line.strip()}" for line in _gaps(result.old) if line.strip())


def as_overrides(suggestion: Suggestion, given: Mapping[str, str], limit: int, result: Result) -> str:
    """Return a file for ``rules --overrides``, with the overrides that were given and the suggested ones."""
    lines = [
        f"# At most {_count(limit)} of an alert within any seven days, on the history from",
        f"# {_time(result.period.start)} to {_time(result.period.end)}.",
        *([f"# {_begins(result.asked_days)}"] if result.asked_days is not None else ()),
        *(f"# {name} stays: {why}." for name, why in suggestion.left.items()),
        *(f"# Not evaluated: {printable(line)}." for line in _not_evaluated(result.outcomes)),
        *(f"# {one.alert.name} has no data." for one in result.outcomes if one.no_data),
    ]
    lines += [f"# {name}: {why}" for name, why in suggestion.why.items()]
    plain = {name: _plain(value) for name, value in {**given, **suggestion.overrides}.items()}
    return "\n".join(lines) + "\n" + yaml.safe_dump(plain, sort_keys=False, width=1000)


def _plain(value: str) -> str | float:
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(value)
    return value


def _of_alert(outcome: Outcome, urgency: Urgency) -> Iterator[str]:
    kind, total = _kind(outcome, urgency), sum(one.end - one.start for one in outcome.firings)
    receiver = urgency.receiver(dict(outcome.firings[0].labels))
    yield (
        f"{kind:6} {outcome.alert.name}: {_count(len(outcome.firings))}, {_length(total)} in all, "
        f"{busiest_week(outcome.firings)} in its busiest week" + (f" (to {receiver})" if receiver else "")
    )
    for one in outcome.firings[:_LISTED]:
        labels = ", ".join(f"{key}={value}" for key, value in one.labels if key not in _HIDDEN)
        still = " until the end" if one.open else ""
        yield printable(f"         {_time(one.start)} for {_length(one.end - one.start)}{still}: {labels}")
    if len(outcome.firings) > _LISTED:
        yield f"         and {len(outcome.firings) - _LISTED} more; --json has all"


def _gaps(outcomes: Sequence[Outcome]) -> Iterator[str]:
    empty = [one for one in outcomes if one.no_data]
    if empty:
        yield ""
        yield "No data: these alerts did not fire, and these metrics of theirs were never in the history:"
        yield from (f"  {one.alert.name}: {', '.join(one.missing)}" for one in empty)
    part = [one for one in outcomes if one.missing and not one.no_data and not one.refusal]
    if part:
        yield ""
        yield "Partly no data: these metrics of alerts were never in the history:"
        yield from (f"  {one.alert.name}: {', '.join(one.missing)}" for one in part)
    if refused := list(_not_evaluated(outcomes)):
        yield ""
        yield "Not evaluated:"
        yield from (printable(f"  {line}") for line in refused)
    if failed := [one for one in outcomes if one.failed]:
        yield ""
        yield "Evaluations that were errors, in which a rule keeps its state:"
        yield from (f"  {one.alert.name}: {one.failed}" for one in failed)


def _of_changes(changes: Changes, urgency: Urgency) -> Iterator[str]:
    yield ""
    come, go = len(changes.come), len(changes.go)
    yield f"Against the old rules: {_count(come)} come{'s' if come == 1 else ''}, {go} go{'es' if go == 1 else ''}."
    for sign, firings in (("+", changes.come), ("-", changes.go)):
        for one in firings:
            yield f"{sign} {_line(one, urgency)}"
    for old, new in changes.change:
        yield f"~ {_line(new, urgency)} (was {urgency.kind(dict(old.labels))})"


def _line(one: Firing, urgency: Urgency) -> str:
    labels = dict(one.labels)
    rest = ", ".join(f"{key}={value}" for key, value in one.labels if key not in _HIDDEN)
    length = _length(one.end - one.start)
    return printable(f"{urgency.kind(labels):6} {labels['alertname']} {_time(one.start)} for {length}: {rest}")


def _alert(outcome: Outcome, urgency: Urgency) -> dict[str, Any]:
    state = "not evaluated" if outcome.refusal else "no data" if outcome.no_data else "evaluated"
    return {
        "alert": outcome.alert.name,
        "state": state,
        "why": outcome.refusal,
        "firings": None if state != "evaluated" else [_firing(one, urgency) for one in outcome.firings],
        "busiest_week": None if state != "evaluated" else busiest_week(outcome.firings),
        "interval_seconds": outcome.alert.interval / 1000,
        "missing": list(outcome.missing),
        "failed_evaluations": outcome.failed,
    }


def _firing(one: Firing, urgency: Urgency) -> dict[str, Any]:
    labels = dict(one.labels)
    return {
        "labels": labels,
        "start": _time(one.start),
        "end": _time(one.end),
        "seconds": (one.end - one.start) / 1000,
        "open": one.open,
        "urgency": urgency.kind(labels),
        "receiver": urgency.receiver(labels),
    }


def _not_evaluated(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Yield each reason once, with the alerts that were not evaluated for it."""
    names: dict[str, dict[str, None]] = {}
    for one in outcomes:
        if one.refusal:
            names.setdefault(" ".join(one.refusal.split()), {})[one.alert.name] = None
    yield from (f"{', '.join(alerts)}: {reason}" for reason, alerts in names.items())


def _begins(asked_days: float) -> str:
    return f"The history begins there, later than what was asked for ({_days(asked_days)})."


def _days(days: float) -> str:
    if days < 1:
        return _length(round(days * 86_400_000))
    return f"{days:.3g} day{'' if f'{days:.3g}' == '1' else 's'}"


def _count(firings: int) -> str:
    return f"{firings} firing{'' if firings == 1 else 's'}"


def _kind(outcome: Outcome, urgency: Urgency) -> str:
    return urgency.kind(dict(outcome.firings[0].labels))


def _told(outcome: Outcome, urgency: Urgency, kind: str) -> int:
    return sum(urgency.kind(dict(one.labels)) == kind for one in outcome.firings)


def _time(time: int) -> str:
    said = dt.datetime.fromtimestamp(time / 1000, dt.UTC)
    return said.isoformat(timespec="milliseconds" if time % 1000 else "seconds").replace("+00:00", "Z")


def _length(milliseconds: int) -> str:
    seconds = round(milliseconds / 1000)
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days}d{hours}h"
    if hours:
        return f"{hours}h{minutes}m"
    return f"{minutes}m{seconds % 60}s" if minutes else f"{seconds}s"
