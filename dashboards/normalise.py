"""From what grafanalib 0.7.1 writes to what Grafana 10 and later expects.

grafanalib's JSON is of Grafana 5 to 8: keys that mean nothing today, a schema version that starts migrations, 100
points a panel. Here is all that is done about it.
"""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["PLUGIN_VERSION", "SCHEMA_VERSION", "normalise"]

Json = dict[str, Any]

SCHEMA_VERSION: Final = 39
"""Classic dashboards as Grafana 10.4 saves them; later ones read them as they are."""
PLUGIN_VERSION: Final = "10.4.0"
"""The version of the panels' options; without it Grafana takes them for very old ones and migrates them."""

_MIN_COLUMN: Final = 70
"""Pixels; with Grafana's 150, the last columns of a table would be cut."""
_DASHBOARD_DROPS: Final = frozenset({"__inputs", "gnetId", "hideControls", "rows", "sharedCrosshair", "style"})
_PANEL_KEYS: Final = frozenset(
    {"datasource", "description", "fieldConfig", "gridPos", "id", "options", "targets", "title", "type"}
    | {"hideTimeOverride", "interval", "links", "maxDataPoints", "maxPerRow", "repeat", "repeatDirection"}
    | {"timeFrom", "timeShift", "transformations", "transparent"}
)
_PANEL_DEFAULTS: Final[Json] = {
    "color": {"mode": "thresholds"},
    "columns": [],
    "editable": True,
    "error": False,
    "fontSize": "100%",
    "hideTimeOverride": False,
    "mappings": [],
    "maxDataPoints": 100,
    "transparent": False,
}
"""What grafanalib writes where nothing is set, and today's Grafana does without; None and [] likewise."""
_ROW_KEYS: Final = frozenset({"collapsed", "gridPos", "id", "panels", "repeat", "title", "type"})
_ROW_DEFAULTS: Final[Json] = _PANEL_DEFAULTS | {
    "fieldConfig": {"defaults": {"thresholds": {"mode": "absolute", "steps": []}}}
}
_TARGET_KEYS: Final = frozenset(
    {"datasource", "exemplar", "expr", "format", "hide", "instant", "interval", "legendFormat", "refId"}
)
_TARGET_DEFAULTS: Final[Json] = {
    "hide": False,
    "interval": "",
    "intervalFactor": 2,
    "metric": "",
    "step": 10,
    "target": "",
}
_QUERY_VARIABLE_KEYS: Final = frozenset(
    {"allValue", "datasource", "hide", "includeAll", "label", "multi", "name", "options", "query", "refresh"}
    | {"regex", "sort", "type"}
)
_DATASOURCE_VARIABLE_KEYS: Final = _QUERY_VARIABLE_KEYS - {"allValue", "datasource", "sort"}


def normalise(dashboard: Mapping[str, Any]) -> Json:
    """Return the dashboard as Grafana expects it; the argument is left as it is.

    Raises:
        ValueError: a panel or a query has a setting that nothing here knows, so it would be lost.
    """
    result = {key: value for key, value in dashboard.items() if key not in _DASHBOARD_DROPS}
    return result | {
        "id": None,  # Grafana gives it one; a number would be another dashboard's
        "schemaVersion": SCHEMA_VERSION,
        "panels": [_panel(panel) for panel in dashboard["panels"]],
        "templating": {"list": [_variable(variable) for variable in dashboard["templating"]["list"]]},
        "timepicker": {},
    }


def _panel(panel: Mapping[str, Any]) -> Json:
    if panel["type"] == "row":
        row = _known(panel, _ROW_KEYS, _ROW_DEFAULTS)
        return row | {"panels": [_panel(inner) for inner in panel["panels"]]}
    result = _known(panel, _PANEL_KEYS, _PANEL_DEFAULTS)
    if panel["type"] == "text":
        return {**result, "pluginVersion": PLUGIN_VERSION, "fieldConfig": {"defaults": {}, "overrides": []}}
    return result | {
        "pluginVersion": PLUGIN_VERSION,
        "fieldConfig": (_table_fields if panel["type"] == "table" else _field_config)(panel["fieldConfig"]),
        "options": _table_options(panel["options"]) if panel["type"] == "table" else _options(panel["options"]),
        "targets": [_target(target) for target in panel["targets"]],
    }


def _table_fields(config: Mapping[str, Any]) -> Json:
    """What a table has since Grafana 9.3 instead of a display mode."""
    result = _field_config(config)
    result["defaults"]["custom"] = {
        "align": "auto",
        "cellOptions": {"type": "auto"},
        "filterable": config["defaults"].get("custom", {}).get("filterable", False),
        "inspect": False,
        "minWidth": _MIN_COLUMN,
    }
    return result


def _table_options(options: Mapping[str, Any]) -> Json:
    return {"cellHeight": "sm", "frameIndex": 0, **options}


def _field_config(config: Mapping[str, Any]) -> Json:
    defaults = _without_none(config["defaults"])
    if "custom" in defaults:
        defaults["custom"] = {key: value for key, value in _without_none(defaults["custom"]).items() if value != {}}
        if defaults["custom"].get("scaleDistribution", {}).get("type") == "linear":
            defaults["custom"]["scaleDistribution"] = {"type": "linear"}
    return {"defaults": defaults, "overrides": config.get("overrides", [])}


def _options(options: Mapping[str, Any]) -> Json:
    result = dict(options)
    if "legend" in result:
        # Since Grafana 9.2 a legend is hidden by `showLegend`, and its `hidden` mode is gone.
        legend = dict(result["legend"])
        shown = legend["displayMode"] != "hidden"
        result["legend"] = {"calcs": [], **legend, "displayMode": legend["displayMode"] if shown else "list"}
        result["legend"]["showLegend"] = shown
    if "tooltip" in result:
        result["tooltip"] = {"sort": "none", **result["tooltip"]}
    return result


def _target(target: Mapping[str, Any]) -> Json:
    instant = target["instant"]
    defaults = _TARGET_DEFAULTS | {"query": target["expr"]}  # which is written twice
    return _known(target, _TARGET_KEYS, defaults) | {"editorMode": "code", "range": not instant}


def _variable(variable: Mapping[str, Any]) -> Json:
    if variable["type"] == "datasource":
        return _only(variable, _DATASOURCE_VARIABLE_KEYS) | {"current": {}, "regex": variable["regex"] or ""}
    query = variable["query"]
    if variable["type"] == "textbox":
        chosen = {"selected": True, "text": query, "value": query}
        kept = _only(variable, frozenset({"hide", "label", "name", "type"}))
        return kept | {"current": chosen, "options": [chosen], "query": query}
    return _only(variable, _QUERY_VARIABLE_KEYS) | {
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "query": {"query": query, "refId": "StandardVariableQuery"},
        "regex": variable["regex"] or "",
    }


def _known(source: Mapping[str, Any], keys: frozenset[str], defaults: Mapping[str, Any]) -> Json:
    """Return the settings that Grafana knows and that are not as they are anyway.

    Raises:
        ValueError: there is one that is neither known nor grafanalib's default.
    """
    result = {}
    for key, value in source.items():
        if value is None or value == [] or (key in defaults and value == defaults[key]):
            continue
        if key not in keys:
            raise ValueError(f"{source.get('title', source.get('refId'))}: normalise() does not know {key}={value!r}")
        result[key] = value
    return result


def _only(source: Mapping[str, Any], keys: frozenset[str]) -> Json:
    return {key: value for key, value in source.items() if key in keys and value is not None}


def _without_none(source: Mapping[str, Any]) -> Json:
    return {key: value for key, value in source.items() if value is not None}
