"""The option ``--backtest`` of the command ``rules``."""

import asyncio
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import typer
from rich.console import Console
from rich.progress import Progress

from vault_exporter.alert_rules import PackError
from vault_exporter.assets import ResourceError
from vault_exporter.cli.exit_status import FAILED
from vault_exporter.cli.options import fail, refuse
from vault_exporter.diagnose.backtest.command import Asked, Groups, backtest
from vault_exporter.diagnose.backtest.plot import PlotError, check, save
from vault_exporter.diagnose.backtest.report import Result, as_overrides, as_text
from vault_exporter.diagnose.backtest.report import as_json as json_of
from vault_exporter.diagnose.backtest.rules import seconds
from vault_exporter.diagnose.backtest.run import Period
from vault_exporter.diagnose.doctor.read.api import ApiError, ServerUrlError, checked_url
from vault_exporter.diagnose.doctor.read.http_config import HttpConfigError, load_http_config
from vault_exporter.util import logging as logs
from vault_exporter.util.terminal import visible

__all__ = ["run_backtest"]

_SHORTEST_SECONDS: Final = 1


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
    timeout: float,
    as_json: bool,
) -> None:
    """Evaluate the rules over the history, and print what was found. Progress is for a terminal only."""
    if limit is not None and (as_json or against is not None):
        refuse("--suggest prints a file of overrides; give --json or --against in another run")
    if not math.isfinite(days):
        refuse("--days: a number is expected, such as 30 or 0.5")
    end = int(time.time() * 1000)
    try:
        checked = checked_url(url, "--backtest")
        http = load_http_config(http_config, https=checked.startswith("https:"))
        period = Period(end - round(days * 86_400_000), end)
        asked = Asked(checked, http, period, overrides, _interval(interval), limit, against, timeout)
        if plot is not None:
            check(plot)
        logs.configure(logs.LogFormat.LOGFMT, logs.LogLevel.ERROR)
        with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task("Evaluating", total=0)

            def more(count: int) -> None:
                bar.update(task, total=(bar.tasks[task].total or 0) + count)

            result, suggestion = asyncio.run(
                backtest(asked, groups, more, lambda count: bar.update(task, advance=count))
            )
    except ApiError as error:
        fail(error.said)
    except (HttpConfigError, PackError, ServerUrlError) as error:
        refuse(str(error))
    except (PlotError, ResourceError) as error:
        fail(str(error))
    if suggestion is not None:
        typer.echo(as_overrides(suggestion, overrides, limit or 0, result), nl=False)
    elif as_json:
        typer.echo(json_of(result))
    else:
        typer.echo("\n".join(map(visible, as_text(result))))
    _finish(result, plot, is_text=suggestion is None and not as_json)


def _finish(result: Result, plot: Path | None, *, is_text: bool) -> None:
    """Draw the picture, and exit with the status of a failure if anything was not evaluated."""
    if plot is not None:
        try:
            save(plot, result.outcomes, result.period, result.urgency)
        except PlotError as error:
            fail(str(error))
    if result.unanswered and not is_text:
        fail("Prometheus did not answer for some alerts; the output names them")
    if result.unanswered:
        raise typer.Exit(FAILED)


def _interval(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        found = seconds(text)
    except PackError as error:
        raise PackError(f"--interval: {error}") from None
    if found < _SHORTEST_SECONDS:
        raise PackError("--interval: at least 1s is expected")
    return found
