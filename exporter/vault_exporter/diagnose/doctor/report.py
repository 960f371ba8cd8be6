"""Print the report, for people or for programs."""

from collections.abc import Iterator
from typing import Final

import msgspec
from rich.console import Console
from rich.text import Text

from vault_exporter.diagnose.doctor.finding import Finding, Level
from vault_exporter.diagnose.doctor.run import Report
from vault_exporter.util.printable import printable
from vault_exporter.util.terminal import visible_json

__all__ = ["as_json", "print_report"]

_COLOURS: Final = {Level.INFO: "cyan", Level.WARNING: "yellow", Level.CRITICAL: "red"}
_SHOWN: Final = 12
"""Subjects that are printed of a finding; ``--json`` has all."""


class _Finding(msgspec.Struct, frozen=True):
    level: str
    check: str
    problem: str
    remedy: str
    place: str
    subjects: tuple[str, ...]


class _Report(msgspec.Struct, frozen=True):
    findings: tuple[_Finding, ...]
    notes: tuple[str, ...]


def as_json(report: Report) -> str:
    """Return an object of findings, the worst first, and of notes."""
    findings = tuple(
        _Finding(one.level.name.lower(), one.check, one.problem, one.remedy, one.place, one.subjects)
        for one in report.findings
    )
    return visible_json(msgspec.json.format(msgspec.json.encode(_Report(findings, report.notes)), indent=2).decode())


def print_report(report: Report, console: Console) -> None:
    """Print the findings, then what was not checked, then the result."""
    for finding in report.findings:
        level = finding.level.name.lower()
        head = Text.assemble((level, _COLOURS[finding.level]), f" {finding.check}: {printable(finding.problem)}")
        console.print(head, soft_wrap=True)
        for line in _details(finding):
            console.print(f"    {printable(line)}", markup=False, highlight=False, soft_wrap=True)
    for note in report.notes:
        console.print(f"note: {printable(note)}", markup=False, highlight=False, soft_wrap=True)
    console.print(_result(report), markup=False, highlight=False, soft_wrap=True)


def _details(finding: Finding) -> Iterator[str]:
    yield f"do: {finding.remedy}"
    yield f"in: {finding.place}"
    if finding.subjects:
        more = len(finding.subjects) - _SHOWN
        yield f"of: {', '.join(finding.subjects[:_SHOWN])}{f' and {more} more' if more > 0 else ''}"


def _result(report: Report) -> str:
    numbers = {level: sum(one.level is level for one in report.findings) for level in sorted(Level, reverse=True)}
    words = [f"{number} {level.name.lower()}" for level, number in numbers.items() if number]
    return f"Result: {', '.join(words)}." if words else "Result: no finding."
