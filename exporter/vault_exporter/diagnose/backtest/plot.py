"""Draw firings over time: in the terminal with plain characters, or as PNG with matplotlib."""

import datetime as dt
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from vault_exporter.diagnose.backtest.run import Outcome, Period
from vault_exporter.diagnose.backtest.urgency import HEARTBEAT, Urgency

__all__ = ["PlotError", "check", "lines", "save"]

_COLUMNS: Final = 72
_MARKS: Final = {"page": "#", "ticket": "+", "nobody": "."}
_COLOURS: Final = {"page": "tab:red", "ticket": "tab:orange", "nobody": "tab:grey"}


class PlotError(Exception):
    """The picture cannot be made."""


def lines(outcomes: Sequence[Outcome], period: Period, urgency: Urgency) -> Iterator[str]:
    """Yield a line for each alert that fires, and the axis."""
    shown = _shown(outcomes, urgency)
    if not shown:
        return
    width = max(len(one.alert.name) for one in shown)
    span = max(1, period.end - period.start)
    for outcome in shown:
        row = [" "] * _COLUMNS
        for firing in outcome.firings:
            mark = _MARKS[urgency.kind(dict(firing.labels))]
            first = min(_COLUMNS - 1, (firing.start - period.start) * _COLUMNS // span)
            last = min(_COLUMNS - 1, max(first, (firing.end - 1 - period.start) * _COLUMNS // span))
            row[first : last + 1] = mark * (last + 1 - first)
        yield f"{outcome.alert.name:{width}} |{''.join(row)}|"
    start, end = (f"{_utc(time):%Y-%m-%d %H:%M}" for time in (period.start, period.end))
    yield f"{'':{width}}  {start}{end:>{_COLUMNS - len(start)}}"
    yield f"{'':{width}}  # page   + ticket   . nobody   (UTC)"


def check(path: Path) -> None:
    """Say before an evaluation if its picture cannot be made.

    Raises:
        PlotError: matplotlib is missing, or the file cannot be written.
    """
    _figures()
    try:
        there = path.exists()
        with path.open("ab"):
            pass
        if not there:
            path.unlink()
    except OSError as error:
        raise PlotError(f"--plot {path}: {error.strerror}") from None


def save(path: Path, outcomes: Sequence[Outcome], period: Period, urgency: Urgency) -> None:
    """Write the picture.

    Raises:
        PlotError: matplotlib is missing, or the file cannot be written.
    """
    shown = _shown(outcomes, urgency)
    figure = _figures().Figure(figsize=(12, 1.5 + 0.3 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    for row, outcome in enumerate(shown):
        for firing in outcome.firings:
            start, end = _utc(firing.start), _utc(firing.end)
            axes.plot([start, end], [row, row], color=_COLOURS[urgency.kind(dict(firing.labels))], linewidth=6)
    axes.set_yticks(range(len(shown)), [one.alert.name for one in shown])
    axes.set_ylim(len(shown), -1)
    axes.set_xlim(_utc(period.start), _utc(period.end))
    axes.set_title("Firings: red pages, orange tickets, grey nobody (UTC)")
    axes.grid(axis="x")
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise PlotError(f"--plot {path}: {error.strerror}") from None


def _figures() -> Any:  # noqa: ANN401 - a module that need not be installed
    try:
        return import_module("matplotlib.figure")
    except ImportError:
        raise PlotError("--plot needs matplotlib: pip install 'vault-exporter[plot]'") from None


def _shown(outcomes: Sequence[Outcome], urgency: Urgency) -> list[Outcome]:
    return [one for one in outcomes if one.firings and urgency.kind(dict(one.firings[0].labels)) != HEARTBEAT]


def _utc(time: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(time / 1000, dt.UTC)
