"""The command ``replay``."""

import sys
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from vault_exporter.audit.replay.finished_log import STANDARD_INPUT
from vault_exporter.audit.replay.run import Progress as Position
from vault_exporter.audit.replay.run import Replayed, ReplayError
from vault_exporter.audit.replay.run import replay as run
from vault_exporter.audit.replay.summary import all_samples, summarize, without_entry
from vault_exporter.audit.replay.text import print_summary
from vault_exporter.checks import ConfigError, load_audit
from vault_exporter.cli.options import ConfigOption, fail
from vault_exporter.config.schema.model import Audit
from vault_exporter.metrics.exposition import Format, render

__all__ = ["replay"]

_INTERRUPTED: Final = 130
_OWN: Final = (
    "audit.exclude.own is not heeded: without logins the exporter does not know who it is in the log; put the "
    "entity_id that 'check --online' names into audit.exclude.entity_ids"
)


def replay(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Audit logs, plain or compressed (gzip, zstd, xz); - is standard input."
        ),
    ],
    config: ConfigOption = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    as_metrics: Annotated[bool, typer.Option("--metrics", help="Print the counters as metrics.")] = False,
    top: Annotated[int, typer.Option(min=1, max=1000, metavar="NUMBER", help="Length of the rankings.")] = 10,
    jobs: Annotated[
        int,
        typer.Option(min=0, metavar="NUMBER", help="Processes to read several files with.", show_default="all CPUs"),
    ] = 0,
) -> None:
    """Read finished audit logs and print a summary: clients, operations, errors, latency and events.

    It uses only the audit section of the configuration: event rules, exclusions, path templates and limits.
    If a file cannot be read to its end, the summary names it and still includes the others; the exit status is 1.
    """
    if as_json and as_metrics:
        fail("give either --json or --metrics")
    missing = [name for name in files if name != STANDARD_INPUT and not Path(name).exists()]
    if missing:
        fail("\n".join(f"{name}: there is no such file" for name in missing))
    files = _without_repeats(files)
    try:
        replayed = _with_progress(files, _settings(config), jobs)
    except (ConfigError, ReplayError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
    nothing = without_entry(replayed)
    problems = [f"{file.name}: {file.problem}" for file in replayed.files if file.problem]
    if as_metrics:
        sys.stdout.buffer.write(render(all_samples(replayed), Format.TEXT))
    elif as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(summarize(replayed, top))) + b"\n")
    elif not nothing and (not problems or any(file.read_bytes for file in replayed.files)):
        print_summary(summarize(replayed, top), Console())
    if problems or nothing:
        fail("\n".join([*problems, *([f"{', '.join(files)}: {nothing}"] if nothing else ())]))


def _without_repeats(files: list[str]) -> list[str]:
    """Return the files without those that were given before, perhaps under another name, and say so."""
    first: dict[object, str] = {}
    for name in files:
        status = None if name == STANDARD_INPUT else Path(name).stat()
        before = first.setdefault((status.st_dev, status.st_ino) if status else name, name)
        if name is not before:
            also = f" as {before}" if before != name else ""
            typer.echo(f"{name} is given twice{also}; it is counted once", err=True)
    return list(first.values())


def _settings(config: Path | None) -> Audit:
    settings = load_audit(config)
    if settings.exclude.own:
        typer.echo(_OWN, err=True)
    return settings


def _with_progress(files: list[str], settings: Audit, jobs: int) -> Replayed:
    columns = (
        SpinnerColumn(),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[lines]:,} lines"),
        TimeRemainingColumn(),
    )
    error = Console(stderr=True)
    with Progress(*columns, console=error, transient=True, disable=not error.is_terminal) as progress:
        task = progress.add_task("", total=None, lines=0)

        def report(position: Position) -> None:
            progress.update(task, completed=position.position, total=position.size, lines=position.lines)

        return run(files, settings, jobs, report)
