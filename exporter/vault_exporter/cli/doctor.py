"""The command ``doctor``."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from vault_exporter.assets import ResourceError
from vault_exporter.checks import Flags
from vault_exporter.cli.options import ConfigOption, load_config, refuse
from vault_exporter.diagnose.doctor import report
from vault_exporter.diagnose.doctor.finding import worst
from vault_exporter.diagnose.doctor.read.api import ServerUrlError, checked_url
from vault_exporter.diagnose.doctor.read.http_config import HttpConfigError, load_http_config
from vault_exporter.diagnose.doctor.run import Report, Server, examine
from vault_exporter.util import logging as logs

__all__ = ["doctor"]

_HTTP = "Credentials and TLS for it, in the format of Prometheus' HTTP client configuration (as promtool takes it)."


def doctor(
    prometheus: Annotated[
        str, typer.Option(metavar="URL", help="Prometheus, VictoriaMetrics or Mimir, with its prefix if it has one.")
    ],
    rules: Annotated[
        str | None, typer.Option(metavar="URL", help="Where rules are evaluated, if elsewhere: vmalert, or a ruler.")
    ] = None,
    alertmanager: Annotated[str | None, typer.Option(metavar="URL", help="Alertmanager.")] = None,
    grafana: Annotated[str | None, typer.Option(metavar="URL", help="Grafana.")] = None,
    config: ConfigOption = None,
    prometheus_http_config: Annotated[Path | None, typer.Option(metavar="FILE", help=_HTTP)] = None,
    rules_http_config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The same for --rules.", show_default="that of --prometheus"),
    ] = None,
    alertmanager_http_config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The same for --alertmanager.")
    ] = None,
    grafana_http_config: Annotated[Path | None, typer.Option(metavar="FILE", help="The same for --grafana.")] = None,
    grafana_token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with the token of a service account of Grafana.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, max=600, metavar="SECONDS", help="Of each request, and CPU time of all checks.")
    ] = 30,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say what is wrong with the running chain of exporter, Prometheus, Alertmanager and Grafana, the worst first.

    It only reads. With --config, it also does what check --online does. Exit status: 0 nothing to do, 1 warning,
    2 critical: an alert that should wake someone would not, 3 wrong options or configuration.
    """
    try:
        server = _server("--prometheus", prometheus, prometheus_http_config)
        ruler = _server("--rules", rules, rules_http_config or prometheus_http_config) if rules else None
        receiver = _server("--alertmanager", alertmanager, alertmanager_http_config) if alertmanager else None
        shown = _server("--grafana", grafana, grafana_http_config, grafana_token_file) if grafana else None
    except (ServerUrlError, HttpConfigError) as error:
        refuse(str(error))
    settings = load_config(config, Flags()) if config else None
    logs.configure(logs.LogFormat.LOGFMT, logs.LogLevel.ERROR)
    try:
        found: Report = asyncio.run(examine(server, ruler, receiver, shown, settings, patience=timeout))
    except ResourceError as error:
        refuse(str(error))
    if json:
        typer.echo(report.as_json(found))
    else:
        report.print_report(found, Console())
    raise typer.Exit(worst(found.findings))


def _server(option: str, url: str, http_config: Path | None, token_file: Path | None = None) -> Server:
    checked = checked_url(url, option)
    return Server(checked, load_http_config(http_config, token_file, https=checked.startswith("https:")))
