"""The command ``rules``."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
import yaml
from rich.console import Console
from rich.table import Table

from vault_exporter.alert_rules import (
    Form,
    Group,
    Overrides,
    PackError,
    Profile,
    WrongValuesError,
    apply,
    load,
    parameters,
    render,
    select,
)
from vault_exporter.alert_rules.needs import fed, without
from vault_exporter.alert_rules.parameters import ADDRESSES, JOBS, SCRAPE_INTERVAL, SEVERITIES
from vault_exporter.alert_rules.rules import alerts
from vault_exporter.assets import ResourceError
from vault_exporter.checks import Flags
from vault_exporter.cli.backtest import run_backtest
from vault_exporter.cli.kubernetes import AnnotationOption, LabelOption, NameOption, ObjectNamespaceOption, wishes
from vault_exporter.cli.options import fail, load_config, refuse
from vault_exporter.config.schema.model import Config
from vault_exporter.util.fs import why_unreadable
from vault_exporter.util.yaml_loader import explain, load_simple

__all__ = ["rules"]

_WIDEST: Final = 1000
_DAYS: Final = 30.0
_TIMEOUT_SECONDS: Final = 120.0
_DATASOURCE: Final = "prometheus"

_FORMATS: Final = (
    "rules for Prometheus, its operator (a PrometheusRule), or Grafana; alertmanager-config: the routes and receivers "
    "of their alerts as an AlertmanagerConfig; json is for --parameters."
)
_OF_JOBS: Final = ("nodes", "the exporter's own page", "Vault Agents and proxies", "their injector")
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
    datasource: Annotated[
        str | None,
        typer.Option(metavar="UID", help="Prometheus' uid in Grafana.", show_default=_DATASOURCE),
    ] = None,
    name: NameOption = None,
    namespace: ObjectNamespaceOption = None,
    label: LabelOption = None,
    annotation: AnnotationOption = None,
    backtest: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Instead of printing the rules, say when they would have fired, by the history in this Prometheus.",
        ),
    ] = None,
    backtest_http_config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Credentials and TLS for --backtest, in the format of Prometheus' HTTP client configuration.",
        ),
    ] = None,
    days: Annotated[
        float | None,
        typer.Option(min=0.001, max=3660, help="Days of history for --backtest.", show_default="30"),
    ] = None,
    interval: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Time between evaluations in --backtest.",
            show_default="that of the server",
        ),
    ] = None,
    suggest: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="With --backtest, print a file for --overrides with thresholds by which no alert fires more than N "
            "times within any seven days.",
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="With --backtest, say which firings of these older rules go, and which come."
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="With --backtest, also draw the firings as PNG; needs vault-exporter\\[plot]."
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=1,
            max=3600,
            metavar="SECONDS",
            help="Time for each request of --backtest. It ends when failed requests have taken four times as long.",
            show_default="120",
        ),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="With --backtest, print JSON, for programs.")] = False,
    show: Annotated[
        bool, typer.Option("--parameters", help="List the parameters as a table, or with --format json, and exit.")
    ] = False,
) -> None:
    """Print the alert rules, with changed parameters, and only those whose metrics a configuration provides.

    With --backtest, say instead when they would have fired.
    """
    if form is Form.JSON and not show:
        refuse("--format json is for --parameters")
    if backtest is None:
        _refuse_of_backtest(backtest_http_config, days, interval, suggest, against, plot, timeout, as_json)
    else:
        _refuse_of_print(form, datasource, show)
    of_object = wishes(name, namespace, label, annotation, allowed=form in {Form.OPERATOR, Form.ALERTMANAGER_CONFIG})
    try:
        if show:
            _print_parameters(form)
            return
        changed, groups = _with_parameters(overrides, changes or (), profile)
    except PackError as error:
        refuse(str(error))
    except ResourceError as error:
        fail(str(error))
    settings = None if config is None else load_config(config, Flags())
    if settings is not None:
        groups, lacking = without(groups, fed(settings))
        for alert, lack in lacking.items():
            sys.stderr.write(f"left out: {alert}, which needs {lack}\n")
    if backtest is not None:
        run_backtest(
            partial(_with_changes, profile, settings),
            changed,
            url=backtest,
            http_config=backtest_http_config,
            days=_DAYS if days is None else days,
            interval=interval,
            limit=suggest,
            against=against,
            plot=plot,
            timeout=_TIMEOUT_SECONDS if timeout is None else timeout,
            as_json=as_json,
        )
        return
    try:
        typer.echo(render(groups, form, datasource or _DATASOURCE, of_object), nl=False)
    except ResourceError as error:
        fail(str(error))


def _with_parameters(
    file: Path | None, pairs: Iterable[str], profile: Profile
) -> tuple[dict[str, str], tuple[Group, ...]]:
    """Return the changed parameters and the rules with them.

    Raises:
        PackError: the file cannot be read, or parameters are wrong; those of the file are named with it.
    """
    set_here = dict(map(_pair, pairs))
    changed = {**_of_file(file), **set_here}
    try:
        return changed, select(apply(load(), changed), profile)
    except WrongValuesError as error:
        said = (what if name in set_here else f"{file}: {what}" for name, what in error.said.items())
        raise PackError("\n".join(said)) from None


def _with_changes(profile: Profile, settings: Config | None, values: Overrides) -> tuple[Group, ...]:
    chosen = select(apply(load(), values), profile)
    return chosen if settings is None else without(chosen, fed(settings))[0]


def _refuse_of_backtest(
    http_config: Path | None,
    days: float | None,
    interval: str | None,
    suggest: int | None,
    against: Path | None,
    plot: Path | None,
    timeout: float | None,
    as_json: bool,  # noqa: FBT001 - one of the options in their order
) -> None:
    """Refuse an option that is only for ``--backtest``."""
    options = {
        "--backtest-http-config": http_config,
        "--days": days,
        "--interval": interval,
        "--suggest": suggest,
        "--against": against,
        "--plot": plot,
        "--timeout": timeout,
        "--json": as_json or None,
    }
    for name, value in options.items():
        if value is not None:
            refuse(f"{name} needs --backtest URL")


def _refuse_of_print(form: Form, datasource: str | None, show: bool) -> None:  # noqa: FBT001 - an option
    """Refuse an option that is only for what is printed without ``--backtest``."""
    if show:
        refuse("--parameters and --backtest: give one of them")
    if form is not Form.PROMETHEUS:
        refuse(f"--format {form.value} is not for --backtest, which prints no rules")
    if datasource is not None:
        refuse("--datasource is not for --backtest, which prints no rules")


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
        read = load_simple(text)
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
    for (name, default), who in zip(JOBS.items(), _OF_JOBS, strict=True):
        yield name, default, f"regular expression of the label job of {who}"
    for (name, default), what in zip(ADDRESSES.items(), _OF_ADDRESSES, strict=True):
        yield name, default, what
    yield "scrape_interval", SCRAPE_INTERVAL, "longest time between two scrapes; longer ones make windows longer"
    for name, default in SEVERITIES.items():
        yield name, default, f"value of the label severity for what is {default} here"
    rules_by_name = alerts(load())
    for name, parameter in parameters().items():
        users = (alert for alert, rule in rules_by_name.items() if f"{{{name}}}" in rule.template)
        yield name, str(parameter.value), f"{parameter.help} {', '.join(users)}."
