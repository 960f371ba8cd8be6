"""Print the state of targets as a table or as JSON."""

import enum
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from vault_exporter.config.schema.model import NoAuth
from vault_exporter.diagnose.online import Seen
from vault_exporter.scrape.node_state import Mode

__all__ = ["Severity", "as_json", "print_table", "printable", "worst"]

_SOON = 14 * 86_400
"""Remaining seconds below which a listener's certificate is a warning."""
_BAD = frozenset({Mode.DOWN, Mode.SEALED, Mode.UNINITIALIZED})
_COLUMNS = ("Target", "State", "Version", "Cluster", "Leader", "Certificate", "Token")
_DISPENSABLE = ("Leader", "Cluster", "Certificate", "Version")
"""Columns that a narrow terminal drops, in this order. Problems are also listed below the table."""
_WIDEST = 1000
_COLOURS = {"ok": "green", "warning": "yellow", "critical": "red"}


class Severity(enum.IntEnum):
    """Severity, and exit status in the convention of monitoring plugins."""

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


def worst(targets: Iterable[Seen], now: float) -> Severity:
    """Return the highest severity of all targets."""
    return max((_severity(seen, now) for seen in targets), default=Severity.OK)


def as_json(targets: Iterable[Seen], now: float) -> str:
    """Return a JSON array of objects."""
    return msgspec.json.format(msgspec.json.encode([_status(seen, now) for seen in targets]), indent=2).decode()


def printable(text: str) -> str:
    """Return a node's text without terminal control characters."""
    return "".join(character if character.isprintable() else "?" for character in text)


def print_table(targets: Iterable[Seen], console: Console, now: float) -> None:
    """Print a table, and the problems below it."""
    rows = [_status(seen, now) for seen in targets]
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
        "Certificate": Text(_until(row.certificate_not_after, now)),
        "Token": Text(_token_text(row.token, now)),
    }


def _status(seen: Seen, now: float) -> _Status:
    state = seen.scrape.state
    known = state.mode not in _BAD
    token = _Token(seen.token.method, seen.token.valid if known else None, seen.token.expires if known else None)
    return _Status(
        target=seen.target.name,
        address=seen.target.address,
        cluster=seen.target.cluster or state.cluster_name or None,
        state=state.mode,
        reason=state.failure or "",
        version=state.version,
        leader_known=state.leader_known,
        certificate_not_after=_end(seen),
        token=None if isinstance(seen.target.auth, NoAuth) else token,
        problems=tuple(_problems(seen, now)),
        severity=_severity(seen, now).name.lower(),
    )


def _problems(seen: Seen, now: float) -> Iterator[_Problem]:
    for finding in seen.findings:
        if finding.problem:
            yield _Problem(finding.name, finding.problem, finding.remedy)
    if seen.scrape.state.leader_known is False:
        yield _Problem("leader", "the node knows of no leader", "see the logs of the cluster's nodes")
    if _ends_soon(seen, now):
        end = _until(_end(seen), now)
        yield _Problem("certificate", f"the listener's certificate ends: {end}", "renew it")


def _severity(seen: Seen, now: float) -> Severity:
    if seen.scrape.state.mode in _BAD or seen.scrape.state.leader_known is False:
        return Severity.CRITICAL
    without_token = not isinstance(seen.target.auth, NoAuth) and seen.token.valid is False
    if _ends_soon(seen, now) or without_token or any(finding.problem for finding in seen.findings):
        return Severity.WARNING
    return Severity.OK


def _ends_soon(seen: Seen, now: float) -> bool:
    end = _end(seen)
    return end is not None and end - now < _SOON


def _end(seen: Seen) -> float | None:
    certificate = seen.scrape.state.certificate
    return certificate.not_after if certificate is not None else None


def _token_text(token: _Token | None, now: float) -> str:
    if token is None:
        return ""
    if not token.valid:
        return f"{token.method}: {'unknown' if token.valid is None else 'not valid'}"
    return f"{token.method}, {_until(token.expires, now) or 'for ever'}"


def _until(moment: float | None, now: float) -> str:
    """Format the remaining time in the largest unit that gives at least two."""
    if moment is None:
        return ""
    left = moment - now
    if left <= 0:
        return "expired"
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if left >= 2 * seconds:
            return f"{left // seconds:.0f} {unit}"
    return f"{left:.0f} s"
