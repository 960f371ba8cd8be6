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
_DASHBOARD_KEYS: Final = frozenset(
    {"annotations", "description", "editable", "graphTooltip", "id", "links", "panels", "refresh", "schemaVersion"}
    | {"tags", "templating", "time", "timezone", "title", "uid", "version"}
)
_DASHBOARD_DEFAULTS: Final[Json] = {
    "hideControls": False,
    "sharedCrosshair": False,
    "style": "dark",
    "timepicker": {
        "hidden": False,
        "nowDelay": None,
        "refresh_intervals": ["5s", "10s", "30s", "1m", "5m", "15m", "30m", "1h", "2h", "1d"],
        "time_options": ["5m", "15m", "1h", "6h", "12h", "24h", "2d", "7d", "30d"],
    },
}
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
_NO_FIELDS: Final = {"defaults": {"thresholds": {"mode": "absolute", "steps": []}}}
"""What grafanalib writes of fields for panels that have none."""
_ROW_DEFAULTS: Final[Json] = _PANEL_DEFAULTS | {"fieldConfig": _NO_FIELDS}
_TEXT_KEYS: Final = _PANEL_KEYS - {"fieldConfig", "targets"}
_TABLE_FIELD_DEFAULTS: Final[Json] = {"align": "auto", "displayMode": "auto"}
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
_TEXT_VARIABLE_KEYS: Final = frozenset({"hide", "label", "name", "query", "type"})
_VARIABLE_DEFAULTS: Final[Json] = {
    "auto": False,
    "auto_count": 30,
    "auto_min": "10s",
    "current": {"selected": False, "tags": [], "text": None, "value": None},
    "includeAll": False,
    "multi": False,
    "refresh": 1,
    "sort": 1,
    "useTags": False,
}


def normalise(dashboard: Mapping[str, Any]) -> Json:
    """Return the dashboard as Grafana expects it; the argument is left as it is.

    Raises:
        ValueError: there is a setting that nothing here knows, so it would be lost.
    """
    result = _known(dashboard, _DASHBOARD_KEYS, _DASHBOARD_DEFAULTS)
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
    if panel["type"] == "text":
        result = _known(panel, _TEXT_KEYS, _ROW_DEFAULTS)
        return result | {"pluginVersion": PLUGIN_VERSION, "fieldConfig": {"defaults": {}, "overrides": []}}
    return _known(panel, _PANEL_KEYS, _PANEL_DEFAULTS) | {
        "pluginVersion": PLUGIN_VERSION,
        "fieldConfig": (_table_fields if panel["type"] == "table" else _field_config)(panel["fieldConfig"]),
        "options": _table_options(panel["options"]) if panel["type"] == "table" else _options(panel["options"]),
        "targets": [_target(target) for target in panel["targets"]],
    }


def _table_fields(config: Mapping[str, Any]) -> Json:
    """What a table has since Grafana 9.3 instead of a display mode."""
    result = _field_config(config)
    custom = config["defaults"].get("custom", {})
    _refuse_unknown(custom, frozenset({"filterable"}), _TABLE_FIELD_DEFAULTS)
    result["defaults"]["custom"] = {
        "align": "auto",
        "cellOptions": {"type": "auto"},
        "filterable": custom.get("filterable", False),
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
        if defaults["custom"].get("scaleDistribution") == {"type": "linear", "log": 2}:
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
    regex = {"regex": variable["regex"] or ""}
    if variable["type"] == "datasource":
        return _complete(variable, _DATASOURCE_VARIABLE_KEYS, _VARIABLE_DEFAULTS) | regex | {"current": {}}
    query = variable["query"]
    if variable["type"] == "textbox":
        chosen = {"selected": True, "text": query, "value": query}
        result = _complete(variable, _TEXT_VARIABLE_KEYS, _VARIABLE_DEFAULTS)
        return result | {"current": chosen, "options": [chosen]}
    result = _complete(variable, _QUERY_VARIABLE_KEYS, _VARIABLE_DEFAULTS) | regex
    return result | {
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "query": {"query": query, "refId": "StandardVariableQuery"},
    }


def _known(source: Mapping[str, Any], keys: frozenset[str], defaults: Mapping[str, Any]) -> Json:
    """Return the settings that Grafana knows and that are not as they are anyway.

    Raises:
        ValueError: there is one that is neither known nor grafanalib's default.
    """
    _refuse_unknown(source, keys, defaults)
    return {key: value for key, value in source.items() if not _is_default(key, value, defaults)}


def _complete(source: Mapping[str, Any], keys: frozenset[str], defaults: Mapping[str, Any]) -> Json:
    """Return the settings that Grafana knows, with those that are as they are anyway.

    Raises:
        ValueError: there is one that is neither known nor grafanalib's default.
    """
    _refuse_unknown(source, keys, defaults)
    return {key: value for key, value in source.items() if key in keys and value is not None}


def _refuse_unknown(source: Mapping[str, Any], keys: frozenset[str], defaults: Mapping[str, Any]) -> None:
    for key, value in source.items():
        if key not in keys and not _is_default(key, value, defaults):
            where = source.get("title", source.get("name", source.get("refId", "fields of a table")))
            raise ValueError(f"{where}: normalise() does not know {key}={value!r}")


def _is_default(key: str, value: object, defaults: Mapping[str, Any]) -> bool:
    return value is None or value == [] or (key in defaults and value == defaults[key])


def _without_none(source: Mapping[str, Any]) -> Json:
    return {key: value for key, value in source.items() if value is not None}
