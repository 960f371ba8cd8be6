"""The option ``--backtest`` of the command ``rules``."""

import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress

from vault_exporter.alert_rules import PackError
from vault_exporter.assets import ResourceError
from vault_exporter.cli.options import fail, refuse
from vault_exporter.diagnose.backtest.command import Asked, Groups, backtest
from vault_exporter.diagnose.backtest.plot import PlotError, save
from vault_exporter.diagnose.backtest.report import as_json as json_of
from vault_exporter.diagnose.backtest.report import as_overrides, as_text
from vault_exporter.diagnose.backtest.rules import seconds
from vault_exporter.diagnose.backtest.run import Period
from vault_exporter.diagnose.doctor.read.api import ApiError, ServerUrlError, checked_url
from vault_exporter.diagnose.doctor.read.http_config import HttpConfigError, load_http_config
from vault_exporter.util import logging as logs

__all__ = ["run_backtest"]


def run_backtest(
    groups: Groups,
    overrides: Mapping[str, str],
    *,
    url: str,
    http_config: Path | None,
    days: float,
    interval: str | None,
    limit: int | None,
    against: Path | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Evaluate the rules over the history, and print what was found. Progress is for a terminal only."""
    if limit is not None and (as_json or against is not None):
        refuse("--suggest prints a file of overrides; give --json or --against in another run")
    end = int(time.time() * 1000)
    try:
        checked = checked_url(url, "--backtest")
        http = load_http_config(http_config, https=checked.startswith("https:"))
        period = Period(end - round(days * 86_400_000), end)
        asked = Asked(checked, http, period, overrides, _interval(interval), limit, against)
        logs.configure(logs.LogFormat.LOGFMT, logs.LogLevel.ERROR)
        with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task("Evaluating", total=0)

            def more(count: int) -> None:
                bar.update(task, total=(bar.tasks[task].total or 0) + count)

            result, suggestion = asyncio.run(
                backtest(asked, groups, more, lambda count: bar.update(task, advance=count))
            )
        if plot is not None:
            save(plot, result.outcomes, result.period, result.urgency)
    except ApiError as error:
        fail(f"{error}: {error.remedy}" if error.remedy else str(error))
    except (HttpConfigError, PackError, ServerUrlError) as error:
        refuse(str(error))
    except (PlotError, ResourceError) as error:
        fail(str(error))
    if suggestion is not None:
        typer.echo(as_overrides(suggestion, overrides, limit or 0, result), nl=False)
    elif as_json:
        typer.echo(json_of(result))
    else:
        typer.echo("\n".join(as_text(result)))


def _interval(text: str | None) -> float | None:
    if text is None:
        return None
    if not (found := seconds(text)):
        raise PackError("--interval: longer than 0 is expected")
    return found
