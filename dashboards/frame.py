"""What all dashboards have in common around their panels: variables, annotations, links."""

from collections.abc import Iterable
from typing import Any, Final

from grafanalib import core

from dashboards import native
from dashboards.layout import Section, layout
from dashboards.queries import ALL, ALL_OR_NONE, Metric, by_node, select
from dashboards.style import ACTIVE, DATASOURCE, DOWN
from vault_exporter.metrics import catalogue as c

__all__ = ["ALERTS", "TAG", "dashboard"]

TAG: Final = "vault-exporter"
"""What the dashboards find each other by."""

ALERTS: Final = f'{native.ALERTS.name}{{alertstate="firing",alertname=~"Vault.+",cluster=~"$cluster"}}'
"""The alerts that fire. They have the labels that their rules give them, which are not always a target's, but always a
cluster."""

_NODES_AND_EXPORTERS: Final = f'{{__name__=~"{c.UP.name}|{c.BUILD_INFO.name}"}}'
"""A scrape of an exporter that many nodes share is of a job and an instance of its own."""


def dashboard(
    title: str, uid: str, description: str, sections: Iterable[Section], *, namespaces: Metric | None = None
) -> core.Dashboard:
    """Return the dashboard as grafanalib has it; :func:`dashboards.normalise.normalise` finishes it.

    Args:
        title: after "Vault / ".
        uid: of its address, and its file's name.
        description: what it is for.
        sections: from top to bottom.
        namespaces: a metric with a label ``vault_namespace``, for a variable of that name.
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
        templating=core.Templating(list=_variables(namespaces)),
        panels=layout(sections),
    )


def _siblings() -> core.DashboardLink:
    return core.DashboardLink(
        title="Vault dashboards", type="dashboards", tags=[TAG], asDropdown=True, includeVars=True, keepTime=True
    )


def _annotations() -> list[dict[str, Any]]:
    since = by_node(select(c.ACTIVE_SINCE), "max")
    return [
        _annotation("Alerts", DOWN, ALERTS, title="{{alertname}}", text="{{severity}} {{instance}}"),
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


def _variables(namespaces: Metric | None) -> list[core.Template]:
    several, job, cluster = _NODES_AND_EXPORTERS, 'job=~"$job"', 'cluster=~"$cluster"'
    within = several.removesuffix("}")
    result = [
        core.Template(name="datasource", label="Data source", type="datasource", query="prometheus", refresh=1),
        _variable("job", "Job", f"label_values({several}, job)", ALL),
        _variable("cluster", "Cluster", f"label_values({within},{job}}}, cluster)", ALL_OR_NONE),
        _variable("instance", "Instance", f"label_values({within},{job},{cluster}}}, instance)", ALL),
    ]
    if namespaces is not None:
        query = f"label_values({select(namespaces)}, vault_namespace)"
        result.append(_variable("vault_namespace", "Namespace", query, ALL_OR_NONE))
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
