"""The state of targets as a table for people and as JSON for programs."""

import enum
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from vault_exporter.config.schema.model import NoAuth
from vault_exporter.diagnose.online import Seen
from vault_exporter.metrics import catalogue as c
from vault_exporter.web.page import state

__all__ = ["Severity", "as_json", "print_table", "printable", "worst"]

_SOON = 14 * 86_400
"""Seconds before its end from which a listener's certificate is a warning."""
_BAD_STATES = frozenset({"down", "sealed", "uninitialized"})
_COLUMNS = ("Target", "State", "Version", "Cluster", "Leader", "Certificate", "Token")
_DISPENSABLE = ("Leader", "Cluster", "Certificate", "Version")
"""What a narrow terminal does without, first to last; what is wrong of it is said below the table, too."""
_WIDEST = 1000
_COLOURS = {"ok": "green", "warning": "yellow", "critical": "red"}


class Severity(enum.IntEnum):
    """How bad it is: the exit status, as monitoring plugins have it."""

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
    """One target; times are Unix timestamps in seconds, null is what was not said."""

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
    """Return the worst of all."""
    return max((_severity(seen, now) for seen in targets), default=Severity.OK)


def as_json(targets: Iterable[Seen], now: float) -> str:
    """Return a JSON array of objects."""
    return msgspec.json.format(msgspec.json.encode([_status(seen, now) for seen in targets]), indent=2).decode()


def printable(text: str) -> str:
    """Return what a node said without what would steer the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def print_table(targets: Iterable[Seen], console: Console, now: float) -> None:
    """Print a table, and below it what is wrong."""
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
    leader = seen.value(c.LEADER_KNOWN)
    expires = seen.value(c.TOKEN_EXPIRY)
    known = state(seen.scrape) not in _BAD_STATES
    valid = seen.value(c.TOKEN_VALID) == 1 if known else None
    token = _Token(seen.label(c.AUTH_INFO, "method"), valid, expires if known else None)
    return _Status(
        target=seen.target.name,
        address=seen.target.address,
        cluster=seen.target.cluster or seen.label(c.INFO, "cluster_name") or None,
        state=state(seen.scrape),
        reason=next((s.labels[0] for s in seen.scrape.samples if s.family is c.UP_FAILURE_REASON and s.value), ""),
        version=seen.label(c.INFO, "version"),
        leader_known=None if leader is None else leader == 1,
        certificate_not_after=seen.value(c.LISTENER_NOT_AFTER),
        token=None if isinstance(seen.target.auth, NoAuth) else token,
        problems=tuple(_problems(seen, now)),
        severity=_severity(seen, now).name.lower(),
    )


def _problems(seen: Seen, now: float) -> Iterator[_Problem]:
    for finding in seen.findings:
        if finding.problem:
            yield _Problem(finding.name, finding.problem, finding.remedy)
    if seen.value(c.LEADER_KNOWN) == 0:
        yield _Problem("leader", "the node knows of no leader", "see the logs of the cluster's nodes")
    if _ends_soon(seen, now):
        end = _until(seen.value(c.LISTENER_NOT_AFTER), now)
        yield _Problem("certificate", f"the listener's certificate ends: {end}", "renew it")


def _severity(seen: Seen, now: float) -> Severity:
    if state(seen.scrape) in _BAD_STATES or seen.value(c.LEADER_KNOWN) == 0:
        return Severity.CRITICAL
    if _ends_soon(seen, now) or seen.value(c.TOKEN_VALID) == 0 or any(finding.problem for finding in seen.findings):
        return Severity.WARNING
    return Severity.OK


def _ends_soon(seen: Seen, now: float) -> bool:
    end = seen.value(c.LISTENER_NOT_AFTER)
    return end is not None and end - now < _SOON


def _token_text(token: _Token | None, now: float) -> str:
    if token is None:
        return ""
    if not token.valid:
        return f"{token.method}: {'unknown' if token.valid is None else 'not valid'}"
    return f"{token.method}, {_until(token.expires, now) or 'for ever'}"


def _until(moment: float | None, now: float) -> str:
    """Say how long until then, in the largest unit of which there are two."""
    if moment is None:
        return ""
    left = moment - now
    if left <= 0:
        return "expired"
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if left >= 2 * seconds:
            return f"{left // seconds:.0f} {unit}"
    return f"{left:.0f} s"
