"""Read the pages and states of the running parts, and gather the evidence at the end."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vault_exporter.demo.evidence import Evidence, PrometheusView, RuleView, recount
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.interrupt import Interrupt
from vault_exporter.demo.page import ScrapedPage, parse
from vault_exporter.demo.process import ServiceError
from vault_exporter.demo.prometheus import Prometheus
from vault_exporter.demo.traffic import Sent
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.exposition import Format

__all__ = ["JOB", "gather", "prometheus_view", "read_page"]

JOB: Final = "vault"
"""The job under which Prometheus scrapes the exporter."""

_PAUSE: Final = 0.25


def read_page(exporter: ExporterProcess) -> ScrapedPage:
    """Scrape the exporter.

    Raises:
        ServiceError: it does not answer, or not with a page of metrics.
    """
    try:
        return parse(exporter.get(), Format.TEXT)
    except ValueError as error:
        raise ServiceError(f"vault-exporter: its page is not valid: {error}") from error


def prometheus_view(prometheus: Prometheus) -> PrometheusView:
    """Ask Prometheus for its view of the exporter.

    Raises:
        ServiceError: it does not answer.
    """
    selector = f'{{job="{JOB}"}}'
    return PrometheusView(
        up=prometheus.value(f"up{selector}"),
        vault_up=prometheus.value(f"{c.UP.name}{selector}"),
        new_entries=prometheus.value(f"sum(increase({c.AUDIT_ENTRIES.name}{selector}[1m]))"),
        rules=tuple(RuleView(*rule) for rule in prometheus.rules()),
    )


def gather(
    exporter: ExporterProcess,
    prometheus: Prometheus | None,
    audit_log: Path,
    rules: tuple[str, ...],
    sent: Sent,
    interrupt: Interrupt,
    *,
    seconds: float,
) -> Evidence:
    """Gather the evidence after the traffic ended.

    Args:
        exporter: to judge.
        prometheus: which scrapes it, if there is one.
        audit_log: which the exporter follows.
        rules: names of the alerts that Prometheus should know.
        sent: by the traffic.
        interrupt: ends the waiting.
        seconds: how long to wait for the exporter to have read the log, and for Prometheus to have seen it; what it
            sees then is the evidence.

    Raises:
        ServiceError: a part does not answer.
    """
    for _ in _tries(interrupt, seconds):
        # The scrape itself makes Vault write to the log, so the log is always a little ahead.
        size = audit_log.stat().st_size
        text = exporter.get()
        read = _read_bytes(text)
        if read >= size:
            break
    view = None
    if prometheus is not None:
        for _ in _tries(interrupt, seconds):
            view = prometheus_view(prometheus)
            if view.up and view.vault_up and view.new_entries and all(rule.health == "ok" for rule in view.rules):
                break
    try:
        logged = recount(audit_log, read)
    except (OSError, ValueError) as error:
        raise ServiceError(f"the audit log cannot be counted: {error}") from error
    return Evidence(
        text=text,
        openmetrics=exporter.get(fmt=Format.OPENMETRICS),
        log_bytes=size,
        logged=logged,
        sent=sent,
        rules=rules,
        prometheus=view,
    )


def _tries(interrupt: Interrupt, seconds: float) -> Iterator[None]:
    """Yield at least once, then again after each pause until the time is over."""
    end = time.monotonic() + seconds
    yield
    while time.monotonic() < end and not interrupt.wait(_PAUSE):
        yield


def _read_bytes(text: bytes) -> int:
    try:
        return int(parse(text, Format.TEXT).sum(c.AUDIT_READ_BYTES))
    except ValueError:
        return 0
