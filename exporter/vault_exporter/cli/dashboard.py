"""The command ``dashboard``."""

import enum
import re
from pathlib import Path
from typing import Annotated

import typer

from vault_exporter.cli.kubernetes import AnnotationOption, LabelOption, NameOption, ObjectNamespaceOption, wishes
from vault_exporter.cli.options import refuse

__all__ = ["dashboard"]


class DashboardFormat(enum.StrEnum):
    """Output format of the dashboards."""

    JSON = "json"
    BUNDLE = "bundle"
    CONFIGMAP = "configmap"
    GRAFANA_OPERATOR = "grafana-operator"


def dashboard(
    dashboard_name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="One of them; vault-overview for json, every one for the other formats."),
    ] = None,
    fmt: Annotated[
        DashboardFormat,
        typer.Option(
            "--format",
            help="json to import; bundle: a directory for Grafana's provisioning; configmap for its sidecar; "
            "grafana-operator: GrafanaDashboards.",
        ),
    ] = DashboardFormat.JSON,
    output: Annotated[Path | None, typer.Option(metavar="DIRECTORY", help="Where bundle writes its files.")] = None,
    datasource: Annotated[
        str | None, typer.Option(metavar="UID", help="Prometheus data source to start with, by its uid.")
    ] = None,
    job: Annotated[str | None, typer.Option(metavar="JOB", help="Job to start with, instead of all.")] = None,
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Text before the slash in the titles, instead of Vault.")
    ] = None,
    logs: Annotated[
        str | None,
        typer.Option(
            metavar="SELECTOR",
            help="Streams of the audit logs in Loki, such as '{job=\"vault-audit\"}': adds their lines.",
        ),
    ] = None,
    folder: Annotated[
        str, typer.Option(metavar="TEXT", help="Folder in Grafana, for objects of Kubernetes.")
    ] = "Vault",
    name: NameOption = None,
    namespace: ObjectNamespaceOption = None,
    label: LabelOption = None,
    annotation: AnnotationOption = None,
) -> None:
    """Print the Grafana dashboards, adapted to your installation."""
    from vault_exporter.grafana import pack  # noqa: PLC0415 - no other command needs it
    from vault_exporter.grafana.adapt import DashboardOptions  # noqa: PLC0415 - likewise

    objects = {DashboardFormat.CONFIGMAP: pack.as_config_maps, DashboardFormat.GRAFANA_OPERATOR: pack.as_resources}
    of_object = wishes(name, namespace, label, annotation, allowed=fmt in objects)
    known = pack.names()
    if dashboard_name is not None and dashboard_name not in known:
        refuse(f"There is no dashboard {dashboard_name}; there are: {', '.join(known)}.")
    if logs is not None and not re.fullmatch(r"\{.+\}", logs):
        refuse(f'--logs {logs}: a selector of Loki\'s streams is needed, such as {{job="vault-audit"}}.')
    if (output is not None) != (fmt is DashboardFormat.BUNDLE):
        refuse("--output DIRECTORY goes with --format bundle, and that needs it.")
    chosen = (
        known if dashboard_name is None and fmt is not DashboardFormat.JSON else (dashboard_name or "vault-overview",)
    )
    options = DashboardOptions(datasource=datasource, job=job, title=title, logs=logs)
    dashboards = {one: pack.read(one, options) for one in chosen}
    if output is not None:
        try:
            for path in pack.write_bundle(output, dashboards):
                typer.echo(path)
        except OSError as error:
            refuse(f"{error.filename or output}: {error.strerror}; name a directory that can be written with --output.")
    elif fmt in objects:
        typer.echo(objects[fmt](dashboards, of_object, folder), nl=False)
    else:
        typer.echo(pack.as_json(dashboards[chosen[0]]), nl=False)
