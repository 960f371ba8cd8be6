"""The tables of a report, and how they are printed: as text, JSON and CSV.

Paths and names come from Vault's clients. So all forms escape what could control a terminal or change the direction of
writing, and CSV what a spreadsheet could take for a formula.
"""

import csv
import enum
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vault_exporter.audit.top.sketches import presentable
from vault_exporter.util.terminal import visible, visible_json
from vault_exporter.util.times import utc

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Column", "Kind", "Table", "as_csv", "as_json", "print_tables"]

Cell = str | int | float | None

_WIDEST: Final = 1_000_000
"""Characters; no table is wider."""
_NO_VALUES: Final = frozenset({"", "-"})
_FORMULA: Final = re.compile(r"[=+\-@\t\r]")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


class Kind(enum.Enum):
    """What a column holds."""

    TEXT = enum.auto()
    COUNT = enum.auto()
    TIME = enum.auto()
    """Unix time in seconds; None or 0 if unknown."""
    SECONDS = enum.auto()
    NUMBER = enum.auto()
    """With a fraction."""


class Column(msgspec.Struct, frozen=True):
    """A column: its key in JSON and CSV, and what it holds. The heading is the key in words."""

    key: str
    kind: Kind = Kind.TEXT


class Table(msgspec.Struct, frozen=True):
    """Rows under columns. The rows are in the order in which they matter."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    note: str = ""
    """What the table does not say, as rows that were left out; empty if it is exact."""


def print_tables(tables: Iterable[Table], console: "Console", number: int, nothing: str) -> None:
    """Print the first rows of each table, and ``nothing`` for a table without one.

    A table that is wider than the console is printed as one block for each row.
    """
    # Imported here, since each process of a replay imports this file, and prints nothing.
    from rich.text import Text  # noqa: PLC0415

    for table in tables:
        console.print(Text(visible(table.title), "bold"))
        if not table.rows:
            console.print(Text(f"  {nothing}"))
        else:
            _print_rows(table, console, number)
            if len(table.rows) > number:
                console.print(Text(f"{len(table.rows) - number:,} more rows; --top NUMBER shows more"))
        if table.note:
            console.print(Text(visible(table.note), "yellow"))
        console.print()


def _print_rows(table: Table, console: "Console", number: int) -> None:
    from rich.table import Table as RichTable  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    headings = [column.key.replace("_", " ").capitalize() for column in table.columns]
    rows = [
        [_text(column.kind, cell) for column, cell in zip(table.columns, row, strict=True)]
        for row in table.rows[:number]
    ]
    made = RichTable()
    for heading, column in zip(headings, table.columns, strict=True):
        made.add_column(heading, justify="left" if column.kind in {Kind.TEXT, Kind.TIME} else "right", overflow="fold")
    for row in rows:
        made.add_row(*map(Text, row))
    needed = console.measure(made, options=console.options.update(max_width=_WIDEST)).maximum
    if needed <= console.width:
        console.print(made)
        return
    for place, row in enumerate(rows):
        block = RichTable.grid(padding=(0, 2))
        block.add_column(no_wrap=True)
        block.add_column(overflow="fold")
        for heading, text in zip(headings, row, strict=True):
            if text not in _NO_VALUES:
                block.add_row(Text(heading, "bold"), Text(text))
        if place:
            console.print()
        console.print(block)


def as_json(reports: Iterable[tuple[str, Sequence[Table]]], beside: Mapping[str, object]) -> bytes:
    """Return all rows of all tables, by report and table. Times are Unix times in seconds.

    Characters that do not print are escaped by their number, which means the same in JSON.

    Args:
        reports: the tables of each report.
        beside: what the object has beside ``reports``.
    """
    found: list[dict[str, Any]] = [
        {
            "report": name,
            "tables": {
                table.name: {
                    "rows": list(_rows(table)),
                    "note": table.note,
                }
                for table in tables
            },
        }
        for name, tables in reports
    ]
    text = msgspec.json.format(msgspec.json.encode({"reports": found, **beside})).decode()
    return f"{visible_json(text)}\n".encode()


def as_csv(reports: Sequence[tuple[str, Sequence[Table]]]) -> str:
    """Return all rows of all tables. With more than one table, a line ``# REPORT: TABLE`` is before each.

    A text that a spreadsheet could take for a formula has an apostrophe before it.
    """
    tables = [(name, table) for name, found in reports for table in found]
    text = io.StringIO()
    for place, (name, table) in enumerate(tables):
        if len(tables) > 1:
            text.write(f"{chr(10) if place else ''}# {visible(name)}: {table.name}\n")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(column.key for column in table.columns)
        writer.writerows(map(_csv_cell, row.values()) for row in _rows(table))
    return text.getvalue()


def _rows(table: Table) -> Iterator[dict[str, Cell]]:
    """Yield the cells of each row by key, without tokens in texts, and None for an unknown time."""
    keys = [column.key for column in table.columns]
    texts = [place for place, column in enumerate(table.columns) if column.kind is Kind.TEXT]
    times = [place for place, column in enumerate(table.columns) if column.kind is Kind.TIME]
    for row in table.rows:
        cells = list(row)
        for place in texts:
            if isinstance(text := cells[place], str):
                cells[place] = presentable(text)
        for place in times:
            cells[place] = cells[place] or None
        yield dict(zip(keys, cells, strict=True))


def _csv_cell(cell: Cell) -> Cell:
    if not isinstance(cell, str):
        return cell
    is_formula = _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)
    return f"'{visible(cell)}" if is_formula else visible(cell)


def _text(kind: Kind, cell: Cell) -> str:
    if cell is None or (kind is Kind.TIME and not cell):
        return "-"
    if isinstance(cell, str):
        return visible(presentable(cell))
    if kind is Kind.TIME:
        return utc(cell).strftime("%Y-%m-%d %H:%M:%S")
    if kind is Kind.SECONDS:
        return _duration(cell)
    return f"{cell:,}" if kind is Kind.COUNT else f"{cell:,.2f}"


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.1f} s"
