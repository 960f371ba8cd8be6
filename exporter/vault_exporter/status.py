"""The state of targets as a table for people and as JSON for programs."""

import enum
from collections.abc import Iterable, Iterator

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vault_exporter import catalogue as c
from vault_exporter.config.model import NoAuth
from vault_exporter.online import Seen
from vault_exporter.web.page import state

__all__ = ["Severity", "as_json", "print_table", "worst"]

_SOON = 14 * 86_400
"""Seconds before its end from which a listener's certificate is a warning."""
_BAD_STATES = frozenset({"down", "sealed", "uninitialized"})


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
    valid: bool
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


def print_table(targets: Iterable[Seen], console: Console, now: float) -> None:
    """Print a table, and below it what is wrong."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("Target", "State", "Version", "Cluster", "Leader", "Certificate", "Token"):
        table.add_column(name, overflow="fold")
    colours = {"ok": "green", "warning": "yellow", "critical": "red"}
    wrong = []
    for one in (_status(seen, now) for seen in targets):
        wrong += [(one.target, problem) for problem in one.problems]
        table.add_row(
            one.target,
            Text(f"{one.state} {one.reason}".strip(), style=colours[one.severity]),
            one.version,
            one.cluster or "",
            {None: "", True: "known", False: "unknown"}[one.leader_known],
            _until(one.certificate_not_after, now),
            _token_text(one.token, now),
        )
    console.print(table)
    for target, problem in wrong:
        remedy = f"; {problem.remedy}" if problem.remedy else ""
        console.print(f"{target}: {problem.name}: {problem.problem}{remedy}", markup=False, highlight=False)


def _status(seen: Seen, now: float) -> _Status:
    leader = seen.value(c.LEADER_KNOWN)
    expires = seen.value(c.TOKEN_EXPIRY)
    token = _Token(seen.label(c.AUTH_INFO, "method"), seen.value(c.TOKEN_VALID) == 1, expires)
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
        problems=tuple(_problems(seen)),
        severity=_severity(seen, now).name.lower(),
    )


def _problems(seen: Seen) -> Iterator[_Problem]:
    for finding in seen.findings:
        if finding.problem:
            yield _Problem(finding.name, finding.problem, finding.remedy)


def _severity(seen: Seen, now: float) -> Severity:
    if state(seen.scrape) in _BAD_STATES or seen.value(c.LEADER_KNOWN) == 0:
        return Severity.CRITICAL
    end = seen.value(c.LISTENER_NOT_AFTER)
    ends = end is not None and end - now < _SOON
    if ends or seen.value(c.TOKEN_VALID) == 0 or any(finding.problem for finding in seen.findings):
        return Severity.WARNING
    return Severity.OK


def _token_text(token: _Token | None, now: float) -> str:
    if token is None:
        return ""
    if not token.valid:
        return f"{token.method}: not valid"
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
