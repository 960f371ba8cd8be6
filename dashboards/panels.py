"""Building blocks of dashboards: queries on declared metrics, panels in one style, and their places.

A query takes a family of the catalogue or of :mod:`dashboards.native`, never a name, so a metric that is renamed or
gone breaks the build and not the dashboard.
"""

import itertools
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafanalib import core

from dashboards.native import Native, Summary
from vault_exporter import catalogue as c
from vault_exporter.metrics import Family

__all__ = [
    "ACTIVE",
    "BAD",
    "DATASOURCE",
    "DOWN",
    "GOOD",
    "SEALED",
    "STANDBY",
    "Query",
    "Section",
    "colored",
    "layout",
    "mean_seconds",
    "rate",
    "select",
    "stat",
    "state_timeline",
    "step",
    "time_series",
    "variables",
]

Metric = Family | Native

DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
WIDTH: Final = 24
"""Columns of Grafana's grid."""

ACTIVE: Final = "green"
STANDBY: Final = "blue"
SEALED: Final = "orange"
DOWN: Final = "red"
GOOD: Final = ACTIVE
BAD: Final = DOWN

_ALL: Final = ".+"
_ALL_CLUSTERS: Final = ".*"
"""Also matches targets that have no such label: `cluster` is the operator's to set."""


# Queries.


def select(metric: Metric, *matchers: str, window: str | None = None) -> str:
    """Select the metric's series of the chosen jobs, clusters and instances.

    Args:
        metric: what to select.
        matchers: further matchers, such as ``type="request"``.
        window: makes it a range of that length.
    """
    chosen = ",".join([*matchers, 'job=~"$job"', 'cluster=~"$cluster"', 'instance=~"$instance"'])
    return f"{metric.name}{{{chosen}}}" + (f"[{window}]" if window else "")


def rate(metric: Metric, *matchers: str) -> str:
    """Return the per-second rate of a counter."""
    return f"rate({select(metric, *matchers, window='$__rate_interval')})"


def mean_seconds(summary: Summary) -> str:
    """Return how long one took on average, in seconds, per node; nothing where there was none."""
    time, number = (f"sum by (cluster, instance) ({rate(part)})" for part in (summary.sum, summary.count))
    return f"{time} / ({number} > 0) / 1000"


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel; ``legend`` is Grafana's legend format."""

    expr: str
    legend: str


# Panels.


def step(color: str, start: float | None = None) -> dict[str, Any]:
    """Return one step of thresholds: the colour from ``start`` on; the first step has no start."""
    return {"color": color, "value": start}


def stat(title: str, description: str, *queries: Query, **settings: Any) -> core.Stat:  # noqa: ANN401 - grafanalib's
    """Show the present value of each query, with ``unit`` none.

    Colours come from ``overrides`` or ``thresholds``; any other setting is grafanalib's.
    """
    settings = {"thresholds": [step("text")], "color": {"mode": "thresholds"}, "noValue": "no data"} | settings
    return core.Stat(
        title=title,
        description=description,
        dataSource=DATASOURCE,
        targets=_targets(queries, instant=True),
        reduceCalc="lastNotNull",
        graphMode="none",
        alignment="center",
        orientation="auto",
        format=settings.pop("unit", "none"),
        **settings,
    )


def time_series(
    title: str, description: str, unit: str, *queries: Query, stacked: bool = False, limit: float | None = None
) -> core.TimeSeries:
    """Draw lines from zero.

    Args:
        title: what it shows.
        description: what it means, and what to look for.
        unit: Grafana's name of the unit.
        queries: what to draw.
        stacked: parts of a whole, drawn on top of each other.
        limit: a value with a dashed red line.
    """
    steps = [step("text"), *([step(BAD, limit)] if limit is not None else [])]
    return core.TimeSeries(
        title=title,
        description=description,
        dataSource=DATASOURCE,
        targets=_targets(queries, instant=False),
        unit=unit,
        valueMin=0,
        fillOpacity=30 if stacked else 8,
        stacking={"group": "A", "mode": "normal" if stacked else "none"},
        showPoints="never",
        legendDisplayMode="table",
        legendPlacement="bottom",
        legendCalcs=["lastNotNull", "max"],
        tooltipMode="multi",
        tooltipSort="desc",
        thresholds=steps,
        thresholdsStyleMode="dashed" if limit is not None else "off",
    )


def state_timeline(title: str, description: str, states: Sequence[tuple[str, str]], *queries: Query) -> Any:  # noqa: ANN401 - grafanalib has no types
    """Draw each series as a band of named states.

    Args:
        title: what it shows.
        description: what it means, and what to look for.
        states: name and colour of the values 0, 1, 2, and so on.
        queries: what to draw.
    """
    options = {str(value): {"color": color, "index": value, "text": name} for value, (name, color) in enumerate(states)}
    return core.StateTimeline(
        title=title,
        description=description,
        dataSource=DATASOURCE,
        targets=_targets(queries, instant=False),
        mappings=[{"type": "value", "options": options}],
        fillOpacity=80,
        thresholds=[step("text")],
        showValue="never",
        legendDisplayMode="list",
        legendPlacement="bottom",
        extraJson={"fieldConfig": {"defaults": {"unit": "none"}}},
    )


def colored(name: str, *steps: dict[str, Any]) -> dict[str, Any]:
    """Give the field of that name thresholds of its own."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": "thresholds", "value": {"mode": "absolute", "steps": list(steps)}}],
    }


def _targets(queries: Iterable[Query], *, instant: bool) -> list[core.Target]:
    return [
        core.Target(expr=query.expr, legendFormat=query.legend, refId=ref, instant=instant, datasource=DATASOURCE)
        for ref, query in zip(string.ascii_uppercase, queries, strict=False)
    ]


# Places.


@dataclass(frozen=True, slots=True)
class Section:
    """A titled row of the dashboard: lines of panels, each with their height and with equal widths."""

    title: str
    lines: Sequence[tuple[int, Sequence[Any]]]


def layout(sections: Iterable[Section]) -> list[Any]:
    """Give every panel its place and number, from top to bottom and left to right.

    Raises:
        ValueError: the panels of a line do not share the 24 columns evenly.
    """
    numbers, top, result = itertools.count(1), 0, []
    for section in sections:
        place = core.GridPos(h=1, w=WIDTH, x=0, y=top)
        result.append(core.RowPanel(title=section.title, id=next(numbers), gridPos=place))
        top += 1
        for height, panels in section.lines:
            width, rest = divmod(WIDTH, len(panels))
            if rest:
                raise ValueError(f"{section.title}: {len(panels)} panels do not share {WIDTH} columns evenly")
            for column, panel in enumerate(panels):
                panel.id = next(numbers)
                panel.gridPos = core.GridPos(h=height, w=width, x=column * width, y=top)
                result.append(panel)
            top += height
    return result


def variables() -> core.Templating:
    """Return the variables that every dashboard has: data source, job, cluster, instance."""
    up = c.UP.name
    return core.Templating(
        list=[
            core.Template(name="datasource", label="Data source", type="datasource", query="prometheus", refresh=1),
            _variable("job", "Job", f"label_values({up}, job)", _ALL),
            _variable("cluster", "Cluster", f'label_values({up}{{job=~"$job"}}, cluster)', _ALL_CLUSTERS),
            _variable("instance", "Instance", f'label_values({up}{{job=~"$job",cluster=~"$cluster"}}, instance)', _ALL),
        ]
    )


def _variable(name: str, label: str, query: str, everything: str) -> core.Template:
    return core.Template(
        name=name,
        label=label,
        query=query,
        dataSource=DATASOURCE,
        includeAll=True,
        multi=True,
        allValue=everything,
        refresh=core.REFRESH_ON_TIME_RANGE_CHANGE,
    )
