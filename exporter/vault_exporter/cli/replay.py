"""The command ``replay``."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from vault_exporter.audit.replay.finished_log import STANDARD_INPUT
from vault_exporter.audit.replay.location import TIMEOUT_SECONDS, Location, LocationError, located
from vault_exporter.audit.replay.merging import Replayed
from vault_exporter.audit.replay.opening import split as split_files
from vault_exporter.audit.replay.repeats import without_repeats
from vault_exporter.audit.replay.run import Progress as Position
from vault_exporter.audit.replay.run import ReplayError
from vault_exporter.audit.replay.run import replay as run
from vault_exporter.audit.replay.summary import all_samples, rejected_lines, summarize, without_entry
from vault_exporter.audit.reports import table as tables
from vault_exporter.audit.reports.observer import Asked, ReportsObserver
from vault_exporter.checks import ConfigError, load_audit
from vault_exporter.cli import reports as r
from vault_exporter.cli.options import ConfigOption, fail, refuse
from vault_exporter.config.parse.values import size as as_size
from vault_exporter.config.schema.model import Audit
from vault_exporter.util.terminal import print_error, visible, visible_json

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["replay"]

_INTERRUPTED: Final = 130
_SMALLEST_PART: Final = 1 << 10
_FEW: Final = 4
_UNBROKEN: Final = 1_000_000
_OWN: Final = (
    "audit.exclude.own is not heeded: without logins the exporter does not know who it is in the log; put the "
    "entity_id that 'check --online' names into audit.exclude.entity_ids"
)


def replay(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Audit logs, plain or compressed (gzip, zstd, xz, bzip2); - is standard input. URLs such as "
            "s3://bucket/vault/*.gz need vault-exporter\\[cluster].",
        ),
    ],
    config: ConfigOption = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    as_metrics: Annotated[bool, typer.Option("--metrics", help="Print the counters as metrics.")] = False,
    top: Annotated[int, typer.Option(min=1, max=1000, metavar="NUMBER", help="Length of the rankings.")] = 10,
    jobs: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="NUMBER",
            help="Processes to read several files with; with --dask, files on the cluster at a time.",
            show_default="all CPUs; with --dask, four for each thread",
        ),
    ] = 0,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Read the files on the Dask cluster with this scheduler, like tcp://10.0.0.1:8786; see "
            "docs/scaling.md.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Read uncompressed files that are larger in parts of this size, like 256MiB, as if they were several.",
        ),
    ] = None,
    timeout: Annotated[
        int,
        typer.Option(
            min=1, metavar="SECONDS", help="Wait as long for more of an answer of a server with logs, http or s3."
        ),
    ] = TIMEOUT_SECONDS,
    report: r.ReportOption = None,
    csv: r.CsvOption = False,
    keep: r.KeepOption = 20_000,
    since: r.SinceOption = None,
    until: r.UntilOption = None,
    path: r.PathOption = None,
    client: r.ClientOption = None,
    entity: r.EntityOption = None,
    namespace: r.NamespaceFilter = None,
    mount: r.MountOption = None,
    operation: r.OperationOption = None,
    address: r.AddressFilter = None,
    error: r.ErrorOption = None,
    hash_with: r.HashWithOption = None,
    plain: r.PlainOption = "-",
    vault_addr: r.VaultAddressOption = None,
    token_file: r.VaultTokenOption = None,
) -> None:
    """Read finished audit logs and print a summary: clients, operations, errors, latency and events.

    With --report it answers questions instead, such as who used a path; see docs/audit-reports.md.

    It uses only the audit section of the configuration: event rules, exclusions, path templates and limits.
    If a file cannot be read to its end, the summary names it and still includes the others; the exit status is 1.
    """
    _check(as_json=as_json, as_metrics=as_metrics, in_csv=csv, reports=bool(report))
    wanted = r.Wanted(*(report, keep, since, until, path, client, entity, namespace, mount, operation, address, error))
    try:
        logs = _logs(files, dask, split, timeout)
        if hash_with and plain == STANDARD_INPUT and STANDARD_INPUT in files:
            refuse("standard input cannot be both a log and the plain value: give --plain FILE")
        hashing = r.Hashing(hash_with, plain, vault_addr, token_file, config) if hash_with else None
        asked = r.asked(wanted, hashing)
        replayed = _with_progress(logs, _settings(config), jobs, asked, dask)
    except ConfigError as failure:
        refuse(str(failure))
    except ReplayError as failure:
        fail(str(failure))
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
    nothing = without_entry(replayed)
    shown = ", ".join(dict.fromkeys(one.name for one in logs))
    if not any(file.read_bytes or file.problem for file in replayed.files):
        print_error(f"{shown}: empty; there is no entry to count")
    for names in replayed.alike:
        print_error(f"{_few(names)}: the same size, beginning and end; if they are copies, leave out all but one")
    problems = [f"{file.name}: {file.problem}" for file in replayed.files if file.problem]
    if replayed.reports is not None:
        if not nothing:
            _print_reports(replayed, replayed.reports, top, in_csv=csv, in_json=as_json)
    else:
        whole = not nothing and (not problems or any(file.read_bytes for file in replayed.files))
        _print_summary(replayed, top, as_json=as_json, as_metrics=as_metrics, whole=whole)
    if problems or nothing:
        fail("\n".join([*problems, *([f"{shown}: {nothing}"] if nothing else ())]))


def _logs(names: list[str], dask: str | None, part: str | None, timeout: int) -> list[Location]:
    """Find the logs that were given, each once, or parts of them."""
    try:
        most = None if part is None else as_size(int(part) if part.isdecimal() else part)
    except ValueError as failure:
        refuse(f"--split: {failure}")
    if most is not None and most < _SMALLEST_PART:
        refuse("--split: parts of less than 1KiB take longer than the whole")
    if dask is not None and STANDARD_INPUT in names:
        refuse("a cluster does not read standard input: give files, or leave out --dask")
    try:
        found, notes = without_repeats(located(names, timeout))
    except LocationError as failure:
        fail(str(failure))
    for note in notes:
        print_error(note)
    if dask is None:  # the machines of a cluster may have other files
        missing = [
            one.name
            for one in found
            if not one.is_url and one.name != STANDARD_INPUT and not os.access(one.name, os.F_OK)
        ]
        if len(missing) == len(found):
            fail("\n".join(f"{name}: there is no such file" for name in missing))
        # If only some are missing, each is reported with its file.
    try:
        return found if most is None else list(split_files(found, most))
    except LocationError as failure:
        fail(str(failure))


def _check(*, as_json: bool, as_metrics: bool, in_csv: bool, reports: bool) -> None:
    """Check that the options of the output fit together."""
    if as_json and as_metrics:
        refuse("give either --json or --metrics")
    if in_csv and as_json:
        refuse("give either --csv or --json")
    if reports and as_metrics:
        refuse("a report is not for metrics: give either --report or --metrics")
    if in_csv and not reports:
        refuse("--csv prints reports: give a --report, too")


def _print_summary(replayed: Replayed, number: int, *, as_json: bool, as_metrics: bool, whole: bool) -> None:
    if as_metrics:
        from vault_exporter.metrics.exposition import Format, render  # noqa: PLC0415 - its library starts slowly

        page = render(all_samples(replayed), Format.TEXT)
        if sys.stdout.isatty():
            # Prometheus gets the values of labels unchanged. On a terminal, control characters are escaped.
            page = "\n".join(map(visible, page.decode().split("\n"))).encode()
        sys.stdout.buffer.write(page)
    elif as_json:
        text = msgspec.json.format(msgspec.json.encode(summarize(replayed, number))).decode()
        sys.stdout.buffer.write(f"{visible_json(text)}\n".encode())
    elif whole:
        from rich.console import Console  # noqa: PLC0415 - only for people, and it takes a tenth of a start

        from vault_exporter.audit.replay.text import print_summary  # noqa: PLC0415

        print_summary(summarize(replayed, number), Console())


def _print_reports(replayed: Replayed, found: ReportsObserver, number: int, *, in_csv: bool, in_json: bool) -> None:
    results, looked = found.results(), found.looked()
    nothing = r.nothing_found(looked)
    for text in r.left_out(replayed):
        print_error(text)
    if in_json:
        beside = {"looked": looked, "files": replayed.files, "rejected": rejected_lines(replayed)}
        sys.stdout.buffer.write(tables.as_json(results, beside))
    elif in_csv:
        sys.stdout.write(tables.as_csv(results))
    else:
        tables.print_tables((table for _, made in results for table in made), _console(), number, nothing)
    if in_csv or in_json:
        for name, made in results:
            if not any(table.rows for table in made):
                print_error(f"{name}: {nothing}")


def _console() -> "Console":
    """Return a console as wide as the terminal; without one so wide that no row is broken into lines."""
    from rich.console import Console  # noqa: PLC0415 - only for people

    return Console(width=None if sys.stdout.isatty() else _UNBROKEN)


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW:,} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more


def _settings(config: Path | None) -> Audit:
    settings = load_audit(config)
    if settings.exclude.own:
        typer.echo(_OWN, err=True)
    return settings


def _with_progress(logs: list[Location], settings: Audit, jobs: int, asked: Asked | None, dask: str | None) -> Replayed:
    if not sys.stderr.isatty():
        return run(logs, settings, jobs, lambda _: None, asked, dask=dask)
    from rich.console import Console  # noqa: PLC0415 - only for people, and it takes a tenth of a start
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        SpinnerColumn(),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[lines]:,} lines"),
        TimeRemainingColumn(),
    )
    error = Console(stderr=True)
    progress = Progress(*columns, console=error, transient=True, disable=not error.is_terminal)
    task = progress.add_task("", total=None, lines=0)

    def report(position: Position) -> None:
        progress.start()  # only now: processes start faster while there is no thread
        progress.update(task, completed=position.position, total=position.size, lines=position.lines)

    try:
        return run(logs, settings, jobs, report, asked, dask=dask)
    finally:
        progress.stop()
