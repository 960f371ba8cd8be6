"""Print a summary as tables.

Paths and names come from Vault's clients, so control characters are escaped.
"""

from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from vault_exporter.audit.replay.summary import Summary
from vault_exporter.audit.top.sketches import Ranked
from vault_exporter.util.terminal import visible
from vault_exporter.util.times import utc

__all__ = ["print_summary"]


def print_summary(summary: Summary, console: Console) -> None:
    """Print the summary."""
    console.print(Group(*_parts(summary)))


def _parts(summary: Summary) -> Iterable[RenderableType]:
    read = sum(file.read_bytes for file in summary.files)
    yield Text(f"{len(summary.files)} file(s), {_size(read)}, {_when(summary.first)} to {_when(summary.last)}")
    for file in summary.files:
        if file.problem:
            yield Text(visible(f"{file.name}: {file.problem}"), "red")
    yield Text()
    yield _pairs("In all", _totals(summary))
    top = summary.top
    yield _pairs(
        "Who",
        [
            ("clients", top.distinct_clients),
            ("entities", top.distinct_entities),
            ("addresses", top.distinct_addresses),
        ],
    )
    yield from _ranking("Busiest clients", "Client", top.clients)
    yield from _ranking("Busiest addresses", "Address", top.addresses)
    yield from _ranking("Busiest paths", "Path", top.paths)
    yield from _ranking("Paths that failed most", "Path", summary.failed_paths)
    yield _pairs("What", ((operation or "(none)", count) for operation, count in summary.operations.items()))
    if summary.mounts:
        rows = ((m.mount_point or "(none)", m.mount_type, f"{m.requests:,}", f"{m.errors:,}") for m in summary.mounts)
        yield _table("Mounts", ("Mount", "Type", "Requests", "Errors"), rows, texts=2)
    if summary.templates:
        rows = ((one.template, one.path, f"{one.requests:,}", f"{one.errors:,}") for one in summary.templates)
        yield _table("Paths of audit.paths", ("Template", "Path", "Requests", "Errors"), rows, texts=2)
    if summary.errors:
        yield _pairs("Errors", summary.errors.items())
    if summary.latency:
        yield _table(
            "Latency in milliseconds",
            ("Mount type", "Operation", "Requests", "Mean", "p50", "p95", "p99"),
            (
                (
                    one.mount_type or "(none)",
                    one.operation_class,
                    f"{one.count:,}",
                    *(_milliseconds(value) for value in (one.mean, one.p50, one.p95, one.p99)),
                )
                for one in summary.latency
            ),
            texts=2,
        )
    if summary.events:
        happened = ((event.event, f"{event.count:,}", _when(event.last)) for event in summary.events)
        yield _table("Events", ("Event", "Times", "Last"), happened)
    if summary.other_lines:
        yield Text(f"{summary.other_lines:,} lines are not audit entries, such as the server's own log")
    if summary.rejected:
        yield _pairs("Lines that are no entry", summary.rejected.items())


def _totals(summary: Summary) -> Iterable[tuple[str, int]]:
    yield from (
        ("requests", summary.requests),
        ("responses", summary.responses),
        ("failed", sum(summary.errors.values())),
        ("unanswered", summary.unanswered),
        ("logins", summary.logins),
        ("failed logins", summary.login_failures),
        ("tokens created", summary.tokens_created),
        ("tokens revoked", summary.tokens_revoked),
        ("leases created", summary.leases_created),
        ("leases revoked", summary.leases_revoked),
    )


def _ranking(title: str, column: str, ranked: tuple[Ranked, ...]) -> Iterable[RenderableType]:
    if ranked:
        rows = (
            (f"{one.name} {one.value}".strip(), f"{one.at_least:,}" + ("" if one.at_least == one.at_most else "+"))
            for one in ranked
        )
        yield _table(title, (column, "Requests"), rows)


def _pairs(title: str, pairs: Iterable[tuple[str, int]]) -> RenderableType:
    return _table(title, (), ((name, f"{count:,}") for name, count in pairs))


def _table(title: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]], texts: int = 1) -> RenderableType:
    """Build a table. The first ``texts`` columns are text, the others numbers."""
    table = Table(show_header=bool(columns))
    for number, column in enumerate(columns or ("", "")):
        table.add_column(column, justify="left" if number < texts else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    return Group(Text(title, "bold"), table)


def _when(seconds: float | None) -> str:
    return utc(seconds).strftime("%Y-%m-%d %H:%M:%S UTC") if seconds is not None else "-"


def _milliseconds(seconds: float | None) -> str:
    return f"{seconds * 1000:,.2f}" if seconds is not None else "> 30,000"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
