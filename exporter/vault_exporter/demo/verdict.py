"""Check the exporter's metrics in a run of the demo; a pure function of the evidence."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from vault_exporter.audit.parse.errors import ErrorClass
from vault_exporter.demo.evidence import Evidence, PrometheusView
from vault_exporter.demo.page import ALLOCATED, GOROUTINES, ScrapedPage, parse
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.exposition import Format
from vault_exporter.scrape.collectors import COLLECTORS

__all__ = ["NATIVE_NAMES", "Check", "judge"]

NATIVE_NAMES: Final = (
    c.CORE_UNSEALED.name,
    ALLOCATED,
    GOROUTINES,
    "vault_barrier_put_sum",
    "vault_barrier_put_count",
    "vault_barrier_get_sum",
    "vault_barrier_get_count",
)
"""Well-known names of Vault's own metrics, which the page of a healthy node has."""

_COLLECTORS: Final = frozenset({*(one.name for one in COLLECTORS if not one.needs_token), "telemetry"})

_OF_THE_SETUP: Final = frozenset({"VaultRootTokenUsed", "VaultPolicyChanged", "VaultAuthMethodChanged"})
"""Alerts about the demo's own use of its root token before the traffic, since the log is read from its start."""


class Check(NamedTuple):
    """One check."""

    name: str
    ok: bool
    figure: str
    """The values that it compared."""


def judge(evidence: Evidence) -> tuple[Check, ...]:
    """Run all checks; the exporter's metrics are right if all are ok."""
    page, text = _parse("text format 0.0.4", evidence.text, Format.TEXT)
    _, openmetrics = _parse("OpenMetrics 1.0", evidence.openmetrics, Format.OPENMETRICS)
    return (
        text,
        openmetrics,
        *_state(page),
        *_telemetry(page),
        *_audit(page, evidence),
        Check(
            "the traffic ended as it should",
            evidence.sent.requests > 0 and evidence.sent.unexpected == 0,
            evidence.sent.problem or f"{evidence.sent.requests} requests",
        ),
        *(_prometheus(evidence.prometheus, evidence.rules) if evidence.prometheus is not None else ()),
    )


def _parse(name: str, body: bytes, fmt: Format) -> tuple[ScrapedPage, Check]:
    try:
        page = parse(body, fmt)
    except ValueError as error:
        return ScrapedPage(), Check(f"page parses as {name}", ok=False, figure=str(error))
    return page, Check(f"page parses as {name}", len(page) > 0, f"{len(page)} samples")


def _state(page: ScrapedPage) -> Iterator[Check]:
    for family, right in ((c.UP, 1.0), (c.CORE_UNSEALED, 1.0), (c.ACTIVE, 1.0), (c.SEALED, 0.0)):
        values = page.values(family)
        yield Check(f"{family.name} is {right:g}, in one series", values == (right,), _figures(values))
    success = {one.labels["collector"]: one.value for one in page.series(c.COLLECTOR_SUCCESS)}
    failed = sorted(name for name in _COLLECTORS | success.keys() if success.get(name) != 1)
    yield Check("every collector succeeded", not failed, f"failed: {', '.join(failed)}" if failed else _list(success))


def _telemetry(page: ScrapedPage) -> Iterator[Check]:
    statuses = [one.labels["status"] for one in page.series(c.TELEMETRY_STATUS) if one.value]
    samples = page.sum(c.TELEMETRY_SAMPLES)
    yield Check(
        "Vault's own telemetry is passed on",
        statuses == ["ok"] and samples > 0,
        f"{_list(statuses)}, {samples:.0f} samples",
    )
    missing = [name for name in NATIVE_NAMES if name not in page]
    yield Check(
        "the names that users know are there",
        not missing,
        f"missing: {', '.join(missing)}" if missing else f"{len(NATIVE_NAMES)} of {len(NATIVE_NAMES)}",
    )


def _audit(page: ScrapedPage, evidence: Evidence) -> Iterator[Check]:
    sent, logged = evidence.sent, evidence.logged
    readable, read = page.value(c.AUDIT_READABLE), page.sum(c.AUDIT_READ_BYTES)
    yield Check(
        "the audit log is read to its end",
        readable == 1 and read >= evidence.log_bytes > 0,
        f"{read:.0f} bytes read, {evidence.log_bytes} were there",
    )
    counted = page.sum(c.AUDIT_ENTRIES)
    yield Check(
        "audit entries counted are the lines of the log",
        counted == logged.lines > 0,
        f"{counted:.0f} counted, {logged.lines} lines",
    )
    series = {
        (s.labels["type"], s.labels["operation"], s.labels["mount_type"], s.labels["mount_point"]): s.value
        for s in page.series(c.AUDIT_ENTRIES)
    }
    wrong = [
        labels for labels in series.keys() | logged.entries.keys() if series.get(labels) != logged.entries.get(labels)
    ]
    yield Check(
        "... also by operation and mount",
        bool(series) and not wrong,
        f"{len(wrong)} of {len(series)} series differ" if wrong else f"{len(series)} series",
    )
    for kind in ("request", "response"):
        number = page.sum(c.AUDIT_ENTRIES, type=kind)
        yield _at_least(f"a {kind} is counted for each one sent", number, sent.requests)
    yield _at_least("denied reads are counted as such", _errors(page, ErrorClass.PERMISSION_DENIED), sent.denied)
    yield _at_least("refused logins are counted as such", _errors(page, ErrorClass.INVALID_REQUEST), sent.failed_logins)
    rejected = page.sum(c.AUDIT_REJECTED)
    yield Check("no line of the audit log is rejected", rejected == 0, f"{rejected:.0f} rejected")


def _prometheus(view: PrometheusView, expected: tuple[str, ...]) -> Iterator[Check]:
    yield _is_one("Prometheus: up is 1", view.up)
    yield _is_one("Prometheus: vault_up is 1", view.vault_up)
    entries = view.new_entries
    yield Check(
        "Prometheus: audit entries increase",
        entries is not None and entries > 0,
        "no value" if entries is None else f"{entries:.0f} in the last minute",
    )
    names = [rule.name for rule in view.rules]
    missing = sorted(set(expected) - set(names))
    ill = sorted(rule.name for rule in view.rules if rule.health != "ok")
    yield Check(
        "Prometheus: every alert rule is loaded and healthy",
        bool(expected) and not missing and not ill,
        "; ".join(
            [*(f"{name} is missing" for name in missing), *(f"{name} is not healthy" for name in ill)]
            or [f"{len(names)} rules"]
        ),
    )
    on = [f"{rule.name} is {rule.state}" for rule in view.rules if rule.tells and rule.name not in _OF_THE_SETUP]
    yield Check("Prometheus: no alert fires, or is about to", not on, _list(on) if on else "none")


def _errors(page: ScrapedPage, kind: ErrorClass) -> float:
    return page.sum(c.AUDIT_ERRORS, **{"class": kind.value})


def _at_least(name: str, seen: float, sent: int) -> Check:
    return Check(name, seen >= sent > 0, f"{seen:.0f} in the audit metrics, at least {sent} expected")


def _is_one(name: str, value: float | None) -> Check:
    return Check(name, value == 1, "no value" if value is None else f"{value:g}")


def _figures(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values) or "no series"


def _list(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"
