"""What all dashboards have in common around their panels: variables, annotations, links."""

from collections.abc import Iterable
from typing import Any, Final

from grafanalib import core

from dashboards import native
from dashboards.layout import Section, layout
from dashboards.panels import text
from dashboards.queries import ALL, ALL_OR_NONE, Metric, by_node, if_active, select
from dashboards.style import ACTIVE, DATASOURCE, DOWN
from vault_exporter.metrics import catalogue as c

__all__ = ["AGENTS", "ALERTS", "ALERTS_SINCE", "RUNBOOKS", "TAG", "WATCHDOG", "dashboard"]

TAG: Final = "vault-exporter"
"""What the dashboards find each other by."""

_CHOSEN: Final = 'cluster=~"$cluster"'
_OURS: Final = f'alertname=~"Vault.+",{_CHOSEN}'
_NO_NOISE: Final = 'alertname!="VaultWatchdog"'

ALERTS: Final = f'{native.ALERTS.name}{{alertstate="firing",{_NO_NOISE},{_OURS}}}'
"""The alerts that fire, without the one that always does. They have the labels that their rules give them, which are
not always a target's, but always a cluster."""
ALERTS_SINCE: Final = f"{native.ALERTS_SINCE.name}{{{_NO_NOISE},{_OURS}}}"
"""Since when they do, in Unix seconds; of those that are pending, too."""
WATCHDOG: Final = f'{native.ALERTS.name}{{alertstate="firing",alertname="VaultWatchdog"}}'
"""Always there where the rules are loaded. Its cluster is Prometheus' and not a target's."""
_GRAVE: Final = f'{ALERTS[:-1]},severity=~"critical|warning"}}'
RUNBOOKS: Final = {"title": "Runbook", "url": "${runbooks}/${__value.text}", "targetBlank": True}
"""From an alert's name to its runbook, where the variable `runbooks` says."""
_RUNBOOKS_AT: Final = "http://vault-exporter:9410/runbooks"
"""The exporter's own pages, at the address that the alerts have by default."""

_GUIDE_HEIGHT: Final = 9
_AGENTS: Final = "|".join(
    one.name for one in (native.INJECTOR_QUEUE, *native.AGENT_LOGINS, *native.AGENT_LOGIN_FAILURES)
)
AGENTS: Final = f'{{__name__=~"{_AGENTS}"}}'
"""Injectors, and whatever has tried to log in."""
_NODES_AND_EXPORTERS: Final = f'{{__name__=~"{c.UP.name}|{c.BUILD_INFO.name}"}}'
"""A scrape of an exporter that many nodes share is of a job and an instance of its own."""


def dashboard(
    title: str,
    uid: str,
    description: str,
    sections: Iterable[Section],
    *,
    guide: str,
    namespaces: Metric | None = None,
    runbooks: bool = False,
    targets: str = _NODES_AND_EXPORTERS,
) -> core.Dashboard:
    """Return the dashboard as grafanalib has it; :func:`dashboards.normalise.normalise` finishes it.

    Args:
        title: after "Vault / ".
        uid: of its address, and its file's name.
        description: what it is for.
        sections: from top to bottom.
        guide: how to read it, in Markdown.
        namespaces: a metric with a label ``vault_namespace``, for a variable of that name.
        runbooks: whether a panel links to runbooks, at the address in a variable of that name.
        targets: selects the series whose jobs, clusters and instances can be chosen.
    """
    return core.Dashboard(
        title=f"Vault / {title}",
        uid=uid,
        description=description,
        tags=[TAG, "vault", "openbao"],
        editable=False,
        timezone="browser",
        time=core.Time("now-6h", "now"),
        refresh="1m",
        graphTooltip=core.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR,
        links=[_siblings()],
        annotations=core.Annotations(_annotations()),
        templating=core.Templating(list=_variables(targets, namespaces, runbooks=runbooks)),
        panels=layout(
            [*sections, Section("How to read this", [(_GUIDE_HEIGHT, [text("Guide", guide)])], collapsed=True)]
        ),
    )


def _siblings() -> core.DashboardLink:
    return core.DashboardLink(
        title="Vault dashboards", type="dashboards", tags=[TAG], asDropdown=True, includeVars=True, keepTime=True
    )


def _annotations() -> list[dict[str, Any]]:
    since = by_node(if_active(c.ACTIVE_SINCE), "max")
    return [
        _annotation("Alerts", DOWN, _GRAVE, title="{{alertname}}", text="{{severity}} {{instance}}"),
        # The value is when the node became active, in seconds; Grafana wants milliseconds.
        _annotation(
            "Leadership",
            ACTIVE,
            f"{since} * 1000",
            title="New active node",
            text="{{instance}}",
            useValueForTime=True,
        ),
    ]


def _annotation(name: str, color: str, expr: str, *, title: str, text: str, **settings: object) -> dict[str, Any]:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "expr": expr,
        "titleFormat": title,
        "textFormat": text,
        **settings,
    }


def _variables(targets: str, namespaces: Metric | None, *, runbooks: bool) -> list[core.Template]:
    job, cluster = 'job=~"$job"', 'cluster=~"$cluster"'
    within = targets.removesuffix("}")
    result = [
        core.Template(name="datasource", label="Data source", type="datasource", query="prometheus", refresh=1),
        _variable("job", "Job", f"label_values({targets}, job)", ALL),
        _variable("cluster", "Cluster", f"label_values({within},{job}}}, cluster)", ALL_OR_NONE),
        _variable("instance", "Instance", f"label_values({within},{job},{cluster}}}, instance)", ALL),
    ]
    if namespaces is not None:
        query = f"label_values({select(namespaces)}, vault_namespace)"
        result.append(_variable("vault_namespace", "Namespace", query, ALL_OR_NONE))
    if runbooks:
        result.append(core.Template(name="runbooks", label="Runbooks at", type="textbox", query=_RUNBOOKS_AT))
    return result


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
