"""Show the exporter's metrics as a live table or as lines of text, and the summary at the end."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
from rich import box
from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from vault_exporter.demo.evidence import PrometheusView
from vault_exporter.demo.page import ALLOCATED, GOROUTINES, ScrapedPage
from vault_exporter.demo.traffic import Sent
from vault_exporter.demo.verdict import Check
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Family

__all__ = ["MountRow", "OperationRow", "View", "as_line", "as_table", "summary", "view"]

_MOUNT_ROWS: Final = 8
_MEBIBYTE: Final = 1 << 20


class OperationRow(NamedTuple):
    """Requests of one operation."""

    operation: str
    rate: float | None
    """Requests a second; None until there are two readings."""
    total: float


class MountRow(NamedTuple):
    """Requests and errors of one mount, from the audit log."""

    mount: str
    kind: str
    requests: float
    errors: float


class View(msgspec.Struct, frozen=True):
    """The values to show at one moment. None means that the exporter has no such sample."""

    seconds: float
    """Seconds since all parts run."""
    state: str
    version: str
    allocated: float | None
    goroutines: float | None
    telemetry: str
    rate: float | None
    """Audited requests a second."""
    entries: float
    errors: tuple[tuple[str, float], ...]
    operations: tuple[OperationRow, ...]
    mounts: tuple[MountRow, ...]
    sent: Sent
    prometheus: str


def view(
    seconds: float, readings: Sequence[tuple[float, ScrapedPage]], sent: Sent, prometheus: PrometheusView | None
) -> View:
    """Make the view from the latest readings of the exporter's page.

    Args:
        seconds: since everything runs.
        readings: time (seconds, of any clock) and page, oldest first; rates are from the oldest to the newest.
        sent: by the traffic.
        prometheus: None where there is none.
    """
    page = readings[-1][1]
    requests = _sums(page, c.AUDIT_ENTRIES, "operation", type="request")
    return View(
        seconds=seconds,
        state=_state(page),
        version=page.label(c.INFO, "version"),
        allocated=page.value(ALLOCATED),
        goroutines=page.value(GOROUTINES),
        telemetry=_telemetry(page),
        rate=_rate(readings),
        entries=page.sum(c.AUDIT_ENTRIES),
        errors=_largest(_sums(page, c.AUDIT_ERRORS, "class")),
        operations=tuple(
            OperationRow(operation or "(none)", _rate(readings, operation=operation), total)
            for operation, total in _largest(requests)
        ),
        mounts=_mounts(page),
        sent=sent,
        prometheus=_prometheus(prometheus),
    )


def as_line(shown: View) -> str:
    """Return one line, for output without a terminal."""
    operations = ", ".join(f"{row.operation} {_decimal(row.rate)}" for row in shown.operations)
    return "  ".join(
        [
            f"{shown.seconds:4.0f} s",
            f"{shown.state}, version {shown.version or '?'}",
            f"{_decimal(shown.rate)} requests/s ({operations or 'none yet'})",
            f"{_mebibytes(shown.allocated)} MiB, {_whole(shown.goroutines)} goroutines",
            f"{shown.entries:.0f} audit entries",
            f"errors: {_counts(shown.errors)}",
            f"Prometheus: {shown.prometheus}",
        ]
    )


def as_table(shown: View) -> RenderableType:
    """Return a table for a terminal of at least 80 columns."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column()
    facts.add_row("Node", Text.assemble((shown.state, _style(shown.state)), f", version {shown.version or '?'}"))
    facts.add_row("Memory", f"{_mebibytes(shown.allocated)} MiB allocated, {_whole(shown.goroutines)} goroutines")
    facts.add_row("Telemetry", Text(shown.telemetry))
    facts.add_row("Audit log", f"{shown.entries:.0f} entries, {_decimal(shown.rate)} requests a second")
    facts.add_row("Errors", Text(_counts(shown.errors)))
    facts.add_row("Traffic", _traffic(shown.sent))
    facts.add_row("Prometheus", Text(shown.prometheus))

    operations = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    operations.add_column("Operation", no_wrap=True, min_width=9)
    operations.add_column("per s", justify="right", min_width=5)
    operations.add_column("Requests", justify="right", min_width=8)
    for row in shown.operations:
        operations.add_row(Text(row.operation), _decimal(row.rate), _whole(row.total))

    mounts = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    mounts.add_column("Mount", no_wrap=True, min_width=14, max_width=20)
    mounts.add_column("Requests", justify="right", min_width=8)
    mounts.add_column("Errors", justify="right", min_width=6)
    for mount in shown.mounts[:_MOUNT_ROWS]:
        mounts.add_row(Text(mount.mount), _whole(mount.requests), _whole(mount.errors))

    side_by_side = Table.grid(padding=(0, 1))
    side_by_side.add_row(operations, mounts)
    minutes, seconds = divmod(int(shown.seconds), 60)
    return Group(
        Rule(f"What the exporter sees, {minutes}:{seconds:02d} (Ctrl-C ends)", style="dim"), facts, side_by_side
    )


def summary(checks: Iterable[Check]) -> Text:
    """List the checks, each with its figure."""
    rows = tuple(checks)
    width = max((len(check.name) for check in rows), default=0)
    text = Text()
    for check in rows:
        word, style = ("ok    ", "green") if check.ok else ("FAILED", "bold red")
        text.append("  ").append(word, style).append(f"  {check.name:<{width}}  {check.figure}\n")
    return text


def _state(page: ScrapedPage) -> str:
    if page.value(c.UP) is None:
        return "unknown"
    if not page.value(c.UP):
        reasons = [one.labels["reason"] for one in page.series(c.UP_FAILURE_REASON) if one.value]
        return f"down: {', '.join(reasons) or 'unknown'}"
    if page.value(c.INITIALIZED) == 0:
        return "not initialized"
    if page.value(c.SEALED):
        return "sealed"
    return "active, unsealed" if page.value(c.ACTIVE) else "standby, unsealed"


def _style(state: str) -> str:
    return "green" if state == "active, unsealed" else "bold red"


def _telemetry(page: ScrapedPage) -> str:
    status = ", ".join(one.labels["status"] for one in page.series(c.TELEMETRY_STATUS) if one.value) or "unknown"
    if not page.values(c.TELEMETRY_SAMPLES):
        return status
    return (
        f"{status}: {page.sum(c.TELEMETRY_SAMPLES):.0f} samples, {page.sum(c.TELEMETRY_DROPPED):.0f} lines left out, "
        f"{page.sum(c.TELEMETRY_REPAIRED):.0f} repaired"
    )


def _traffic(sent: Sent) -> str:
    text = f"{sent.requests} requests sent; on purpose {sent.denied} denied, {sent.failed_logins} logins refused"
    return f"{text}; {sent.unexpected} failed" if sent.unexpected else text


def _prometheus(seen: PrometheusView | None) -> str:
    if seen is None:
        return "not installed"
    if seen.up is None:
        return "no scrape yet"
    on = ", ".join(f"{rule.name} {rule.state}" for rule in seen.rules if rule.tells)
    return f"up {seen.up:g}, vault_up {_whole(seen.vault_up)}, {len(seen.rules)} alerts: {on or 'none fires'}"


def _mounts(page: ScrapedPage) -> tuple[MountRow, ...]:
    requests: dict[tuple[str, str], float] = {}
    errors: dict[tuple[str, str], float] = {}
    for family, counts, labels in ((c.AUDIT_ENTRIES, requests, {"type": "request"}), (c.AUDIT_ERRORS, errors, {})):
        for one in page.series(family, **labels):
            mount = (one.labels["mount_point"], one.labels["mount_type"])
            counts[mount] = counts.get(mount, 0) + one.value
    rows = [
        MountRow(mount[0] or "(none)", mount[1], requests.get(mount, 0), errors.get(mount, 0))
        for mount in {**requests, **errors}
        if requests.get(mount, 0) or errors.get(mount, 0)
    ]
    return tuple(sorted(rows, key=lambda row: (-row.requests, row.mount)))


def _sums(page: ScrapedPage, family: Family, by: str, **labels: str) -> dict[str, float]:
    sums: dict[str, float] = {}
    for one in page.series(family, **labels):
        sums[one.labels[by]] = sums.get(one.labels[by], 0) + one.value
    return sums


def _largest(counts: dict[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((item for item in counts.items() if item[1]), key=lambda item: (-item[1], item[0])))


def _rate(readings: Sequence[tuple[float, ScrapedPage]], **labels: str) -> float | None:
    (since, first), (until, last) = readings[0], readings[-1]
    if until <= since:
        return None
    more = last.sum(c.AUDIT_ENTRIES, type="request", **labels) - first.sum(c.AUDIT_ENTRIES, type="request", **labels)
    return max(more, 0) / (until - since)


def _counts(counts: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {count:.0f}" for name, count in counts) or "none"


def _decimal(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _mebibytes(value: float | None) -> str:
    return "-" if value is None else f"{value / _MEBIBYTE:.1f}"
