"""Adapt a dashboard to an installation: data source, job, title, and the audit logs in Loki.

https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

import copy
import json
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

import msgspec

__all__ = ["DashboardOptions", "adapted"]

Json = dict[str, Any]

_LOGS: Final = {"type": "loki", "uid": "${logs}"}
_WIDTH: Final = 24
_LINES: Final = {
    "Audit log lines with an error": ('| json | error!=""', "Lines of requests that failed, newest first."),
    "Audit log lines": ("", "Every line of the audit logs, newest first. What is secret in them is hashed by Vault."),
}
"""Log panels by title: the LogQL after the stream selector, and the description."""
_LINKED: Final = re.compile("error|failed|denial|event", re.IGNORECASE)
"""Panels whose title matches get a link to the log lines."""


class DashboardOptions(msgspec.Struct, frozen=True):
    """Options of an installation; None keeps the default."""

    datasource: str | None = None
    """Name or uid of the initial Prometheus data source."""
    job: str | None = None
    """The initial job."""
    title: str | None = None
    """Text before the slash in the titles."""
    logs: str | None = None
    """LogQL selector of the audit logs' streams, such as ``{job="vault-audit"}``."""


def adapted(dashboard: Mapping[str, Any], options: DashboardOptions) -> Json:
    """Return an adapted copy of the dashboard."""
    result = copy.deepcopy(dict(dashboard))
    variables = {variable["name"]: variable for variable in result["templating"]["list"]}
    if options.datasource is not None:
        variables["datasource"]["current"] = _chosen(options.datasource)
    if options.job is not None:
        variables["job"]["current"] = _chosen([options.job])
    if options.title is not None:
        result["title"] = f"{options.title} / {result['title'].partition(' / ')[2]}"
    if options.logs is not None:
        _add_logs(result, options.logs)
    return result


def _chosen(value: str | list[str]) -> Json:
    return {"selected": True, "text": value, "value": value}


def _add_logs(dashboard: Json, selector: str) -> None:
    """Add a variable for the Loki data source, a row with log panels, and links, to dashboards about audit logs.

    Only dashboards with a variable for namespaces are about audit logs.
    """
    variables: list[Json] = dashboard["templating"]["list"]
    source = next(variable for variable in variables if variable["name"] == "datasource")
    if not any(variable["name"] == "vault_namespace" for variable in variables):
        return
    variables.insert(1, source | {"name": "logs", "label": "Logs", "query": "loki", "current": {}})
    panels: list[Json] = dashboard["panels"]
    for panel in (inner for outer in panels for inner in (outer, *outer.get("panels", ()))):
        if panel["type"] != "row" and _LINKED.search(panel["title"]):
            panel["links"] = [*panel.get("links", ()), _explore(selector)]
    top = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    number = max(inner["id"] for outer in panels for inner in (outer, *outer.get("panels", ())))
    row = {"type": "row", "title": "Lines of the audit logs", "id": number + 1, "collapsed": False, "panels": []}
    panels.append(row | {"gridPos": {"h": 1, "w": _WIDTH, "x": 0, "y": top}})
    width = _WIDTH // len(_LINES)
    for at, (title, (stages, description)) in enumerate(_LINES.items()):
        place = {"h": 10, "w": width, "x": at * width, "y": top + 1}
        query = f"{selector} {stages}".rstrip()
        panels.append(_log_panel(title, description, query, number + 2 + at, place))


def _log_panel(title: str, description: str, query: str, number: int, place: Json) -> Json:
    return {
        "type": "logs",
        "title": title,
        "description": description,
        "id": number,
        "gridPos": place,
        "datasource": _LOGS,
        "targets": [{"datasource": _LOGS, "expr": query, "queryType": "range", "refId": "A"}],
        "fieldConfig": {"defaults": {}, "overrides": []},
        "options": {
            "dedupStrategy": "none",
            "enableLogDetails": True,
            "prettifyLogMessage": True,
            "showCommonLabels": False,
            "showLabels": False,
            "showTime": True,
            "sortOrder": "Descending",
            "wrapLogMessage": False,
        },
    }


def _explore(selector: str) -> Json:
    """Return a link to Grafana's Explore with these streams and the dashboard's time range."""
    query = {"refId": "A", "datasource": {"type": "loki", "uid": "LOGS"}, "expr": selector}
    pane = {"datasource": "LOGS", "queries": [query], "range": {"from": "FROM", "to": "TO"}}
    # Grafana expands variables only if their characters are not encoded.
    text = urllib.parse.quote(json.dumps({"lines": pane}, separators=(",", ":")))
    for word, variable in (("LOGS", "${logs}"), ("FROM", "${__from}"), ("TO", "${__to}")):
        text = text.replace(f"%22{word}%22", f"%22{variable}%22")
    return {
        "asDropdown": False,
        "icon": "external link",
        "includeVars": False,
        "keepTime": False,
        "tags": [],
        "targetBlank": True,
        "title": "Lines in the audit logs",
        "tooltip": "",
        "type": "link",
        "url": f"/explore?schemaVersion=1&orgId=1&panes={text}",
    }
