"""Panels in one style."""

import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from grafanalib import core

from dashboards.queries import Query
from dashboards.style import BAD, DATASOURCE, NEUTRAL, STATES, mapping, step

__all__ = ["Column", "Panel", "stat", "state_timeline", "table", "time_series"]

Panel = Any
"""A panel of grafanalib, which has no types."""


def stat(title: str, description: str, *queries: Query, **settings: Any) -> core.Stat:  # noqa: ANN401 - grafanalib's
    """Show the present value of each query, with ``unit`` none.

    Colours come from ``overrides`` or ``thresholds``; any other setting is grafanalib's.
    """
    settings = {"thresholds": [step(NEUTRAL)], "color": {"mode": "thresholds"}, "noValue": "no data"} | settings
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
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    stacked: bool = False,
    limit: float | None = None,
    signed: bool = False,
    overrides: Sequence[dict[str, Any]] = (),
) -> core.TimeSeries:
    """Draw lines from zero.

    Args:
        title: what it shows.
        description: what it means, and what to look for.
        unit: Grafana's name of the unit.
        queries: what to draw.
        stacked: parts of a whole, drawn on top of each other.
        limit: a value with a dashed red line.
        signed: values may be negative.
        overrides: of fields, as :func:`dashboards.style.painted` makes them.
    """
    steps = [step(NEUTRAL), *([step(BAD, limit)] if limit is not None else [])]
    return core.TimeSeries(
        title=title,
        description=description,
        dataSource=DATASOURCE,
        targets=_targets(queries, instant=False),
        unit=unit,
        valueMin=None if signed else 0,
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
        overrides=list(overrides),
    )


def state_timeline(
    title: str,
    description: str,
    *queries: Query,
    states: Sequence[tuple[str, str]] = STATES,
    links: Sequence[dict[str, Any]] = (),
) -> Panel:
    """Draw each series as a band of named states.

    Args:
        title: what it shows.
        description: what it means, and what to look for.
        queries: what to draw.
        states: name and colour of the values 0, 1, 2, and so on.
        links: where a click on a band leads.
    """
    return core.StateTimeline(
        title=title,
        description=description,
        dataSource=DATASOURCE,
        targets=_targets(queries, instant=False),
        mappings=[mapping(states)],
        fillOpacity=80,
        thresholds=[step(NEUTRAL)],
        showValue="never",
        legendDisplayMode="list",
        legendPlacement="bottom",
        extraJson={"fieldConfig": {"defaults": {"unit": "none", "links": list(links)}}},
    )


class Column:
    """A column of a table."""

    def __init__(
        self,
        title: str,
        *,
        unit: str = "",
        states: Sequence[tuple[str, str]] = (),
        steps: Sequence[dict[str, Any]] = (),
        links: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Say how it looks.

        Args:
            title: its head.
            unit: of its values.
            states: name and colour of the values 0, 1, 2, and so on.
            steps: thresholds that colour its values.
            links: where a click on a cell leads.
        """
        self.title = title
        properties: dict[str, Any] = {}
        if unit:
            properties["unit"] = unit
        if states:
            properties["mappings"] = [mapping(states)]
        if steps:
            properties["thresholds"] = {"mode": "absolute", "steps": list(steps)}
        if states or steps:
            properties["custom.cellOptions"] = {"type": "color-text"}
        if links:
            properties["links"] = list(links)
        self._properties = [{"id": name, "value": value} for name, value in properties.items()]

    @property
    def overrides(self) -> list[dict[str, Any]]:
        """Return what the panel says of it."""
        if not self._properties:
            return []
        return [{"matcher": {"id": "byName", "options": self.title}, "properties": self._properties}]


def table(
    title: str, description: str, columns: Mapping[str, Column], *queries: str, empty: str = "nothing"
) -> core.Table:
    """Show present values, one row for each set of labels.

    Args:
        title: what it shows.
        description: what it means, and what to look for.
        columns: in their order, by label, or by "Value #A" for the value of the first query and so on ("Value" where
            there is one query); what is not here is not shown.
        queries: their results are put together by the labels that they have in common.
        empty: what stands there when there is no row.
    """
    targets = _targets([Query(expr, "") for expr in queries], instant=True)
    for target in targets:
        target.format = core.TABLE_TARGET_FORMAT
    if len(queries) == 1:
        columns = {("Value" if name == "Value #A" else name): column for name, column in columns.items()}
    keep = {"id": "filterFieldsByName", "options": {"include": {"names": list(columns)}}}
    arrange = {
        "id": "organize",
        "options": {
            "excludeByName": {},
            "indexByName": {name: place for place, name in enumerate(columns)},
            "renameByName": {name: column.title for name, column in columns.items()},
        },
    }
    return core.Table(
        title=title,
        description=description,
        dataSource=DATASOURCE,
        targets=targets,
        transformations=[{"id": "merge", "options": {}}, keep, arrange],
        thresholds=[step(NEUTRAL)],
        overrides=[override for column in columns.values() for override in column.overrides],
        extraJson={"fieldConfig": {"defaults": {"unit": "none", "noValue": empty}}},
    )


def _targets(queries: Iterable[Query], *, instant: bool) -> list[core.Target]:
    return [
        core.Target(expr=query.expr, legendFormat=query.legend, refId=ref, instant=instant, datasource=DATASOURCE)
        for ref, query in zip(string.ascii_uppercase, queries, strict=False)
    ]
