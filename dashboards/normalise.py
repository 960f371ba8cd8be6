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

_DASHBOARD_DROPS: Final = frozenset({"__inputs", "gnetId", "hideControls", "rows", "sharedCrosshair", "style"})
_PANEL_KEYS: Final = frozenset(
    {"datasource", "description", "fieldConfig", "gridPos", "id", "options", "targets", "title", "type"}
    | {"links", "transformations"}
)
_ROW_KEYS: Final = frozenset({"collapsed", "gridPos", "id", "panels", "title", "type"})
_TARGET_KEYS: Final = frozenset({"datasource", "expr", "format", "instant", "legendFormat", "refId"})
_QUERY_VARIABLE_KEYS: Final = frozenset(
    {"allValue", "datasource", "hide", "includeAll", "label", "multi", "name", "options", "query", "refresh"}
    | {"regex", "sort", "type"}
)
_DATASOURCE_VARIABLE_KEYS: Final = _QUERY_VARIABLE_KEYS - {"allValue", "datasource", "sort"}


def normalise(dashboard: Mapping[str, Any]) -> Json:
    """Return the dashboard as Grafana expects it; the argument is left as it is."""
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
        row = _only(panel, _ROW_KEYS)
        return row | {"panels": [_panel(inner) for inner in panel["panels"]]}
    result = {key: value for key, value in _only(panel, _PANEL_KEYS).items() if value != []}
    if panel["type"] == "table":
        return result | _table(panel)
    return result | _common(panel)


def _common(panel: Mapping[str, Any]) -> Json:
    return {
        "pluginVersion": PLUGIN_VERSION,
        "fieldConfig": _field_config(panel["fieldConfig"]),
        "options": _options(panel["options"]),
        "targets": [_target(target) for target in panel["targets"]],
    }


def _table(panel: Mapping[str, Any]) -> Json:
    """What a table has since Grafana 9.3 instead of a display mode and a font size."""
    common = _common(panel)
    common["fieldConfig"]["defaults"]["custom"] = {
        "align": "auto",
        "cellOptions": {"type": "auto"},
        "filterable": False,
        "inspect": False,
    }
    footer = {"countRows": False, "reducer": ["sum"], "show": False}
    common["options"] = {"cellHeight": "sm", "footer": footer, "frameIndex": 0, "showHeader": True}
    return common


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
    return _only(target, _TARGET_KEYS) | {"editorMode": "code", "range": not instant}


def _variable(variable: Mapping[str, Any]) -> Json:
    if variable["type"] == "datasource":
        return _only(variable, _DATASOURCE_VARIABLE_KEYS) | {"current": {}, "regex": variable["regex"] or ""}
    query = variable["query"]
    return _only(variable, _QUERY_VARIABLE_KEYS) | {
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "query": {"query": query, "refId": "StandardVariableQuery"},
        "regex": variable["regex"] or "",
    }


def _only(source: Mapping[str, Any], keys: frozenset[str]) -> Json:
    return {key: value for key, value in source.items() if key in keys and value is not None}


def _without_none(source: Mapping[str, Any]) -> Json:
    return {key: value for key, value in source.items() if value is not None}
