"""Print the state of targets as a table or as JSON."""

import enum
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import msgspec
from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from vault_exporter.config.schema.model import NoAuth
from vault_exporter.diagnose.online import TargetDiagnosis
from vault_exporter.scrape.node_state import Mode
from vault_exporter.util.printable import printable
from vault_exporter.util.terminal import visible_json

__all__ = ["Severity", "as_json", "print_table", "worst"]

_BAD = frozenset({Mode.DOWN, Mode.SEALED, Mode.UNINITIALIZED})
_COLUMNS = ("Target", "State", "Leader", "Version", "Cluster", "Certificate", "Token TTL")
_DISPENSABLE = ("Cluster", "Certificate", "Version", "Leader")
"""Columns that a narrow terminal drops, in this order. Problems are also listed below the table."""
_WIDEST = 1000
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))
_COLOURS = {"ok": "green", "warning": "yellow", "critical": "red"}


class Severity(enum.IntEnum):
    """Severity, and exit status in the convention of monitoring plugins, whose 3 is wrong usage."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


class _Problem(msgspec.Struct, frozen=True):
    name: str
    problem: str
    remedy: str


class _Token(msgspec.Struct, frozen=True):
    method: str
    valid: bool | None
    expires: float | None


class _Status(msgspec.Struct, frozen=True):
    """One target. Times are Unix timestamps in seconds; unknown values are null."""

    target: str
    address: str
    cluster: str | None
    state: str
    reason: str
    version: str
    leader_known: bool | None
    certificate_not_after: float | None
    token: _Token | None
    problems: tuple[_Problem, ...]
    severity: str


def worst(targets: Iterable[TargetDiagnosis], now: float) -> Severity:
    """Return the highest severity of all targets."""
    return max((_severity(target, now) for target in targets), default=Severity.OK)


def as_json(targets: Iterable[TargetDiagnosis], now: float) -> str:
    """Return a JSON array of objects."""
    made = msgspec.json.encode([_status(target, now) for target in targets])
    return visible_json(msgspec.json.format(made, indent=2).decode())


def print_table(targets: Iterable[TargetDiagnosis], console: Console, now: float) -> None:
    """Print a table, and the problems below it."""
    rows = [_status(target, now) for target in targets]
    if not rows:
        console.print("There is no target.")
        return
    cells = [_cells(row, now) for row in rows]
    columns = [name for name in _COLUMNS if any(cell[name] for cell in cells) or name not in _DISPENSABLE]
    wide = console.options.update(width=_WIDEST)
    left_out = []
    for name in _DISPENSABLE:
        if _table(cells, columns).__rich_measure__(console, wide).maximum <= console.width:
            break
        if name in columns:
            columns.remove(name)
            left_out.append(name)
    console.print(_table(cells, columns))
    for row in rows:
        for problem in row.problems:
            remedy = f"; {problem.remedy}" if problem.remedy else ""
            text = printable(f"{row.target}: {problem.name}: {problem.problem}{remedy}")
            console.print(text, markup=False, highlight=False, soft_wrap=True)
    if left_out:
        console.print(f"Left out: {', '.join(left_out)}; a wider terminal and --json have them.", highlight=False)


def _table(cells: Iterable[Mapping[str, Text]], columns: Iterable[str]) -> Table:
    table = Table(*(Column(name, overflow="fold") for name in columns), box=box.SIMPLE_HEAD)
    for row in cells:
        table.add_row(*(row[name] for name in columns))
    return table


def _cells(row: _Status, now: float) -> dict[str, Text]:
    return {
        "Target": Text(row.target),
        "State": Text(f"{row.state} {row.reason}".strip(), style=_COLOURS[row.severity]),
        "Version": Text(printable(row.version)),
        "Cluster": Text(printable(row.cluster or "")),
        "Leader": Text({None: "", True: "known", False: "unknown"}[row.leader_known]),
        "Certificate": Text(_left(row.certificate_not_after, now)),
        "Token TTL": Text(_token_text(row.token, now)),
    }


def _status(target: TargetDiagnosis, now: float) -> _Status:
    state = target.scrape.state
    known = state.mode not in _BAD
    token = _Token(target.token.method, target.token.valid if known else None, target.token.expires if known else None)
    return _Status(
        target=target.settings.name,
        address=target.settings.address,
        cluster=target.settings.cluster or state.cluster_name or None,
        state=state.mode,
        reason=state.failure or "",
        version=state.version,
        leader_known=state.leader_known,
        certificate_not_after=_end(target),
        token=None if isinstance(target.settings.auth, NoAuth) else token,
        problems=tuple(_problems(target, now)),
        severity=_severity(target, now).name.lower(),
    )


def _problems(target: TargetDiagnosis, now: float) -> Iterator[_Problem]:
    for finding in target.findings:
        if finding.problem:
            yield _Problem(finding.name, finding.problem, finding.remedy)
    if target.scrape.state.leader_known is False:
        yield _Problem("leader", "the node knows of no leader", "see the logs of the cluster's nodes")
    if _ends_soon(target, now):
        end = _until(_end(target), now)
        yield _Problem("certificate", f"the listener's certificate ends: {end}", "renew it")


def _severity(target: TargetDiagnosis, now: float) -> Severity:
    if target.scrape.state.mode in _BAD or target.scrape.state.leader_known is False:
        return Severity.CRITICAL
    without_token = not isinstance(target.settings.auth, NoAuth) and target.token.valid is False
    if _ends_soon(target, now) or without_token or any(finding.problem for finding in target.findings):
        return Severity.WARNING
    return Severity.OK


def _ends_soon(target: TargetDiagnosis, now: float) -> bool:
    certificate = target.scrape.state.certificate
    return certificate is not None and certificate.ends_soon(now)


def _end(target: TargetDiagnosis) -> float | None:
    certificate = target.scrape.state.certificate
    return certificate.not_after if certificate is not None else None


def _token_text(token: _Token | None, now: float) -> str:
    if token is None:
        return ""
    if not token.valid:
        return "unknown" if token.valid is None else "not valid"
    return _until(token.expires, now) or "no expiry"


def _left(moment: float | None, now: float) -> str:
    left = _until(moment, now)
    return f"{left} left" if left not in {"", "expired"} else left


def _until(moment: float | None, now: float) -> str:
    """Format the remaining time in the largest unit that gives at least two, with the rest in the next smaller one."""
    if moment is None:
        return ""
    left = moment - now
    if left <= 0:
        return "expired"
    for (unit, seconds), (smaller, part) in pairwise(_UNITS):
        if left >= 2 * seconds:
            rest = left % seconds // part
            return f"{left // seconds:.0f} {unit}" + (f" {rest:.0f} {smaller}" if rest else "")
    return f"{left // 60:.0f} min" if left >= 2 * 60 else f"{left:.0f} s"
