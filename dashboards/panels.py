"""Panels in one style."""

import string
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from grafanalib import core

from dashboards import style
from dashboards.queries import Query
from dashboards.style import BAD, DATASOURCE, NEUTRAL, STATES, mapping, step

__all__ = ["Column", "Panel", "stat", "state_timeline", "table", "text", "time_series"]

Panel = Any
"""A panel of grafanalib, which has no types."""

_FILLED_CELL: Final = {"mode": "basic", "type": "color-background"}
_COLORED_TEXT: Final = {"type": "color-text"}
_NAME_SIZE: Final = 12
_LETTER: Final = 8
_AROUND: Final = 28
_DATE: Final = 115
_VALUE: Final = 90
"""Pixels: the name above a value, a letter of a column's head, what is around it, "14 minutes ago", "12.9 weeks"."""


def stat(
    title: str,
    description: str,
    *queries: Query,
    nothing: str = "no data",
    nothing_color: str = NEUTRAL,
    sparkline: bool = False,
    highest: float | None = None,
    links: Sequence[dict[str, Any]] = (),
    **settings: Any,  # noqa: ANN401 - grafanalib's
) -> core.Stat:
    """Show the present value of each query, with ``unit`` none.

    Args:
        title: what it shows.
        description: what it means, and what to look for.
        queries: what to show. With a sparkline, each must have a sample at every step, NaN where there is no value,
            since Grafana shows the last sample of the time shown, however old.
        nothing: what stands there if a query returns nothing.
        nothing_color: its colour. The default suits what need not be there, BAD what must be.
        sparkline: draw the time shown below the value.
        highest: value at the top of the sparkline, so that one that is good stays low.
        links: where a click on the value leads.
        settings: grafanalib's; colours come from ``overrides``, ``thresholds`` and ``mappings``.
    """
    # A centred value would lie on its sparkline; with its name above it stands at the left, and the line below.
    layout = {"alignment": "auto", "textMode": "value_and_name"} if sparkline else {"alignment": "center"}
    layout["orientation"] = "auto"
    settings = {"thresholds": [step(NEUTRAL)], "color": {"mode": "thresholds"}} | layout | settings
    mappings = [*settings.pop("mappings", ()), style.nothing(nothing, nothing_color)]
    scale: dict[str, float] = {"min": 0} if sparkline else {}
    if highest is not None:
        scale["max"] = highest
    return core.Stat(
        title=title,
        description=description,
        dataSource=DATASOURCE,
        targets=_targets(queries, instant=not sparkline),
        reduceCalc="last" if sparkline else "lastNotNull",
        graphMode="area" if sparkline else "none",
        format=settings.pop("unit", "none"),
        mappings=mappings,
        noValue=nothing,
        extraJson={
            "fieldConfig": {"defaults": {"links": list(links), **scale}},
            # Where names stand above values, Grafana would shrink them until nobody can read them.
            "options": {"wideLayout": True, "text": {"titleSize": _NAME_SIZE}},
        },
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
    many: bool = False,
    empty: str = "",
    overrides: Sequence[dict[str, Any]] = (),
) -> core.TimeSeries:
    """Draw lines from zero; the legend begins with the series that is highest now.

    Args:
        title: what it shows.
        description: what it means, and what to look for.
        unit: Grafana's name of the unit.
        queries: what to draw.
        stacked: parts of a whole, drawn on top of each other.
        limit: a value with a dashed red line.
        signed: values may be negative.
        many: there are many series, so the legend stands at the right, where there is room for their names.
        empty: what stands there when nothing is drawn; without it, Grafana's "No data".
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
        legendPlacement="right" if many else "bottom",
        legendCalcs=["lastNotNull", "max"],
        tooltipMode="multi",
        tooltipSort="desc",
        thresholds=steps,
        thresholdsStyleMode="dashed" if limit is not None else "off",
        overrides=list(overrides),
        extraJson={
            "fieldConfig": {
                "defaults": {"color": {"mode": "palette-classic-by-name"}, **({"noValue": empty} if empty else {})}
            },
            # Grafana calls the column of lastNotNull "Last *".
            "options": {"legend": {"sortBy": "Last *", "sortDesc": True}},
        },
    )


def state_timeline(
    title: str,
    description: str,
    *queries: Query,
    states: Sequence[tuple[str, str]] = STATES,
    links: Sequence[dict[str, Any]] = (),
) -> Panel:
    """Draw each series as a band of named states, with the name in the band.

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
        showValue="auto",
        legendDisplayMode="list",
        legendPlacement="bottom",
        extraJson={"fieldConfig": {"defaults": {"unit": "none", "links": list(links)}}},
    )


def text(title: str, content: str) -> core.Text:
    """Show Markdown."""
    return core.Text(title=title, description="What this dashboard is for, and how to read it.", content=content)


class Column:
    """A column of a table."""

    def __init__(
        self,
        title: str,
        *,
        unit: str = "",
        states: Sequence[tuple[str, str]] = (),
        filled: bool = True,
        words: Mapping[str, str] = MappingProxyType({}),
        steps: Sequence[dict[str, Any]] = (),
        links: Sequence[dict[str, Any]] = (),
        width: int | None = None,
    ) -> None:
        """Say how it looks.

        Args:
            title: its head.
            unit: of its values.
            states: name and colour of the values 0, 1, 2, and so on.
            filled: whether states colour the cell; else the text, for a column with empty cells, which are filled, too.
            words: what to show for a label's values.
            steps: thresholds that colour its values.
            links: where a click on a cell leads.
            width: in pixels; the default for numbers fits title and value, and other columns share what is left.
        """
        self.title = title
        # The panel's text for nothing is for the whole table and not for an empty cell.
        properties: dict[str, Any] = {"noValue": ""}
        if unit:
            properties["unit"] = unit
        if states:
            properties["mappings"] = [mapping(states)]
        if words:
            options = {value: {"index": at, "text": text} for at, (value, text) in enumerate(words.items())}
            properties["mappings"] = [{"type": "value", "options": options}]
        if steps:
            properties["thresholds"] = {"mode": "absolute", "steps": list(steps)}
        if states or steps:
            properties["custom.cellOptions"] = _FILLED_CELL if states and filled else _COLORED_TEXT
        if states:
            properties["custom.align"] = "left"
        if width is None and (unit or steps or states):
            # A number needs little more than its head; names share what is left.
            value = (_DATE if unit == "dateTimeFromNow" else _VALUE) if unit else 0
            width = max(value, _LETTER * len(title) + _AROUND)
        if width is not None:
            properties["custom.width"] = width
        if links:
            properties["links"] = list(links)
        self._properties = [{"id": name, "value": value} for name, value in properties.items()]

    @property
    def overrides(self) -> list[dict[str, Any]]:
        """Return what the panel says of it."""
        return [{"matcher": {"id": "byName", "options": self.title}, "properties": self._properties}]


def table(
    title: str,
    description: str,
    columns: Mapping[str, Column],
    *queries: str,
    empty: str = "nothing",
    sort: str = "",
    descending: bool = False,
) -> core.Table:
    """Show present values, one row for each set of labels.

    Args:
        title: what it shows.
        description: what it means, and what to look for.
        columns: in their order, by label, or by "Value #A" for the value of the first query and so on ("Value" where
            there is one query); what is not here is not shown.
        queries: their results are put together by the labels that they have in common.
        empty: what stands there when there is no row.
        sort: title of the column that the rows are sorted by; without it, the first column.
        descending: the greatest first.
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
        extraJson={
            "fieldConfig": {"defaults": {"unit": "none", "noValue": empty}},
            "options": {"sortBy": [{"displayName": sort or next(iter(columns.values())).title, "desc": descending}]},
        },
    )


def _targets(queries: Iterable[Query], *, instant: bool) -> list[core.Target]:
    return [
        core.Target(expr=query.expr, legendFormat=query.legend, refId=ref, instant=instant, datasource=DATASOURCE)
        for ref, query in zip(string.ascii_uppercase, queries, strict=False)
    ]
