"""The command ``rules``."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final

import typer
import yaml
from rich.console import Console
from rich.table import Table

from vault_exporter.alert_rules import Form, PackError, Profile, apply, load, parameters, render, select
from vault_exporter.alert_rules.needs import fed, without
from vault_exporter.alert_rules.parameters import ADDRESSES, JOBS, SCRAPE_INTERVAL, SEVERITIES
from vault_exporter.alert_rules.rules import alerts
from vault_exporter.assets import ResourceError
from vault_exporter.checks import Flags
from vault_exporter.cli.kubernetes import AnnotationOption, LabelOption, NameOption, ObjectNamespaceOption, wishes
from vault_exporter.cli.options import fail, load_config, refuse
from vault_exporter.util.fs import why_unreadable
from vault_exporter.util.yaml_loader import Loader, explain

__all__ = ["rules"]

_WIDEST: Final = 1000

_FORMATS: Final = (
    "rules for Prometheus, its operator (a PrometheusRule), or Grafana; alertmanager-config: the routes and receivers "
    "of their alerts as an AlertmanagerConfig; json is for --parameters."
)
_OF_ADDRESSES: Final = (
    "address of a runbook, with {name} for the alert; without it, NAME.md at that address",
    "address of Grafana",
)


def rules(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="FILE", help="Drop rules whose metrics this configuration does not provide."
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Change a parameter (numbers may have units: 4GiB, 90s, 80%), or ALERT.for, ALERT.severity, "
            "ALERT.enabled, or the value of the label severity: severity.critical=page.",
        ),
    ] = None,
    overrides: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML file with parameters; --set takes precedence.")
    ] = None,
    profile: Annotated[
        Profile,
        typer.Option(help="core: what may wake someone; standard: and what is for work hours; all: the rest."),
    ] = Profile.STANDARD,
    form: Annotated[Form, typer.Option("--format", help=_FORMATS)] = Form.PROMETHEUS,
    datasource: Annotated[str, typer.Option(metavar="UID", help="Prometheus' uid in Grafana.")] = "prometheus",
    name: NameOption = None,
    namespace: ObjectNamespaceOption = None,
    label: LabelOption = None,
    annotation: AnnotationOption = None,
    *,
    show: Annotated[
        bool, typer.Option("--parameters", help="List the parameters as a table, or with --format json, and exit.")
    ] = False,
) -> None:
    """Print the alert rules, with changed parameters, and only those whose metrics a configuration provides."""
    if form is Form.JSON and not show:
        refuse("--format json is for --parameters")
    of_object = wishes(name, namespace, label, annotation, allowed=form in {Form.OPERATOR, Form.ALERTMANAGER_CONFIG})
    try:
        if show:
            _print_parameters(form)
            return
        groups = select(apply(load(), {**_of_file(overrides), **dict(map(_pair, changes or ()))}), profile)
    except PackError as error:
        refuse(str(error))
    except ResourceError as error:
        fail(str(error))
    if config is not None:
        settings = load_config(config, Flags())
        groups, lacking = without(groups, fed(settings))
        for alert, lack in lacking.items():
            sys.stderr.write(f"left out: {alert}, which needs {lack}\n")
    try:
        typer.echo(render(groups, form, datasource, of_object), nl=False)
    except ResourceError as error:
        fail(str(error))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise PackError(f"--set {text}: not of the form NAME=VALUE")
    return name, value


def _of_file(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        text = path.read_text()
    except OSError as error:
        raise PackError(why_unreadable(path, error)) from None
    except UnicodeDecodeError:
        raise PackError(f"{path}: not UTF-8") from None
    try:
        read = yaml.load(text, Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        line, what = explain(error, text)
        raise PackError(f"{path}:{line}: {what}") from None
    if not isinstance(read, dict):
        raise PackError(f"{path}: not a mapping of parameters to values")
    return dict(_flat(path, read))


def _flat(path: Path, read: Mapping[object, object], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield the values by their ``--set`` names. Settings of an alert may be nested below its name."""
    for key, value in read.items():
        name = f"{above}{key}"
        if isinstance(value, dict) and not above:
            yield from _flat(path, value, f"{name}.")
        elif value is None or isinstance(value, (dict, list)):
            raise PackError(f"{path}: {name}: one value is expected, as in memory_limit_bytes: 4294967296")
        else:
            yield name, str(value).lower() if isinstance(value, bool) else str(value)


def _print_parameters(form: Form) -> None:
    rows = tuple(_parameters())
    if form is Form.JSON:
        typer.echo(json.dumps([dict(zip(("name", "default", "help"), row, strict=True)) for row in rows], indent=2))
        return
    table = Table("Parameter", "Value", "What")
    for row in rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:  # in a pipe nothing is cut or folded
        console.width = max(
            console.width, table.__rich_measure__(console, console.options.update(width=_WIDEST)).maximum
        )
    console.print(table)


def _parameters() -> Iterator[tuple[str, str, str]]:
    """Yield the name, the default and the meaning of each parameter."""
    for name, default in JOBS.items():
        yield name, default, "regular expression of the label job"
    for (name, default), what in zip(ADDRESSES.items(), _OF_ADDRESSES, strict=True):
        yield name, default, what
    yield "scrape_interval", SCRAPE_INTERVAL, "longest time between two scrapes; longer ones make windows longer"
    for name, default in SEVERITIES.items():
        yield name, default, f"value of the label severity for what is {default} here"
    rules_by_name = alerts(load())
    for name, parameter in parameters().items():
        users = (alert for alert, rule in rules_by_name.items() if f"{{{name}}}" in rule.template)
        yield name, str(parameter.value), f"{parameter.help} {', '.join(users)}."
