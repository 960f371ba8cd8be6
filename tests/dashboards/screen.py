"""What a dashboard shows now: its panels' queries as a real Prometheus answers them, in the words on the screen."""

import re
from typing import Final

from tests.dashboards.dashboards import DASHBOARDS, Json, panels
from vault_exporter.demo.prometheus import Prometheus, Value

Row = dict[str, str]
"""A row of a table: the text of each cell by the column's title, without empty cells."""

_VARIABLES: Final = {
    "$__rate_interval": "1m",
    "$__range": "1h",
    "$job": ".+",
    "$cluster": ".*",
    "$instance": ".+",
    "$vault_namespace": ".*",
}
"""Grafana's variables with All chosen."""


class Screen:
    """One dashboard on a Prometheus."""

    def __init__(self, prometheus: Prometheus, uid: str = "vault-overview") -> None:
        self._prometheus = prometheus
        self._panels = {panel["title"]: panel for panel in panels(DASHBOARDS[uid])}

    def stat(self, title: str) -> dict[str, str]:
        """Return the text and the colour of each value of a stat, by its name: ``{"prod": "serves light-green"}``."""
        panel = self._panels[title]
        defaults = panel["fieldConfig"]["defaults"]
        found = {}
        for target in panel["targets"]:
            for one in self._ask(target):
                name = _filled_in(target["legendFormat"], one.labels)
                found[name] = _painted(one.value, defaults["mappings"], _steps(panel, name))
        return found or {"": _painted(None, defaults["mappings"], [])}

    def rows(self, title: str) -> list[Row]:
        """Return the rows of a table, sorted by their texts."""
        panel = self._panels[title]
        rows: list[Row] = []
        for target in panel["targets"]:
            column = "Value" if len(panel["targets"]) == 1 else f"Value #{target['refId']}"
            for one in self._ask(target):
                _merge(rows, one.labels, column, one.value)
        (titles,) = (one["options"]["renameByName"] for one in panel["transformations"] if one["id"] == "organize")
        words = {one["matcher"]["options"]: one["properties"] for one in panel["fieldConfig"]["overrides"]}
        shown = [
            {titles[key]: _text(value, _mappings(words[titles[key]])) for key, value in row.items() if key in titles}
            for row in rows
        ]
        return sorted(({key: text for key, text in row.items() if text} for row in shown), key=str)

    def _ask(self, target: Json) -> list[Value]:
        expr = target["expr"]
        for name, value in _VARIABLES.items():
            expr = expr.replace(name, value)
        return self._prometheus.query(expr)


def _filled_in(legend: str, labels: dict[str, str]) -> str:
    """Put a series' labels into a legend."""
    return re.sub(r"\{\{(\w+)\}\}", lambda name: labels.get(name[1], ""), legend)


def _merge(rows: list[Row], labels: Row, column: str, value: float) -> None:
    """Add a value to each row that has the same labels where both have some, as Grafana's transformation does."""
    fitting = [row for row in rows if all(row.get(name, text) == text for name, text in labels.items())]
    for row in fitting:
        row.update(labels)
    if not fitting:
        fitting = [dict(labels)]
        rows += fitting
    for row in fitting:
        row[column] = f"{value:g}"


def _mappings(properties: list[Json]) -> list[Json]:
    return next((one["value"] for one in properties if one["id"] == "mappings"), [])


def _steps(panel: Json, name: str) -> list[Json]:
    """Return the thresholds of a field."""
    steps: list[Json] = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"] == {"id": "byName", "options": name}:
            steps = next((one["value"]["steps"] for one in override["properties"] if one["id"] == "thresholds"), steps)
    return steps


def _text(value: str, mappings: list[Json]) -> str:
    """Return the word for a value, or the value itself."""
    words = {key: one for mapping in mappings if mapping["type"] == "value" for key, one in mapping["options"].items()}
    return words[value]["text"] if value in words else value


def _painted(value: float | None, mappings: list[Json], steps: list[Json]) -> str:
    """Return the text and the colour of a value."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        (nothing,) = (one["options"]["result"] for one in mappings if one["type"] == "special")
        return f"{nothing['text']} {nothing['color']}"
    for mapping in mappings:
        if mapping["type"] == "value" and (word := mapping["options"].get(f"{value:g}")):
            return f"{word['text']} {word['color']}"
    color = [step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]
    return f"{value:g} {color}"
