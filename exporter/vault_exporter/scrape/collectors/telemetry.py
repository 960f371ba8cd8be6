"""Vault's own telemetry, from ``sys/metrics``; :mod:`vault_exporter.scrape.telemetry` repairs it.

The endpoint needs a token with ``read`` on ``sys/metrics``, or ``unauthenticated_metrics_access`` in the listener.
https://openbao.org/api-docs/system/metrics/
"""

import enum
import functools
from collections.abc import Iterator
from typing import Final, NamedTuple

from vault_exporter.config.schema import model
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import NO_ANSWER, Reason
from vault_exporter.scrape.collectors.collector import Collector, Grant, Note, Reading, Scope
from vault_exporter.scrape.telemetry import TelemetryPage, TelemetryRepair, Worker
from vault_exporter.vault.client import Answer, Client, VaultError
from vault_exporter.vault.errors import NoTokenError

__all__ = ["GRANT", "NAME", "REMEDIES", "Fetched", "Status", "collector", "fetch", "statuses"]

NAME: Final = "telemetry"
GRANT: Final = Grant("sys/metrics")

_OK = 200
_BAD_REQUEST = 400
_NONE_AT_ALL: Final = ("local-only", "secondary", "unavailable in namespaces")
"""Errors of a standby that is starting or does not know the token, of a DR secondary, and for namespace tokens."""
_DISABLED = b"prometheus is not enabled"
_SHORT = 256
_WANTING: Final = frozenset({"permission_denied", "disabled", "unknown_prefix"})
"""Statuses that need an operator's action, to get telemetry or its usual metric names."""


class Status(enum.StrEnum):
    """Status of the telemetry in a scrape. Only ``failed`` is a failure."""

    OK = "ok"
    UNKNOWN_PREFIX = "unknown_prefix"
    PERMISSION_DENIED = "permission_denied"
    DISABLED = "disabled"
    OFF = "off"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"


REMEDIES = {
    Status.UNKNOWN_PREFIX: (
        "none of the families that every Vault has is on the page, so it is passed on as it is, and the rules and "
        "dashboards do not find their metrics; remove metrics_prefix from the telemetry block of the Vault server and "
        "set disable_hostname = true there, and let its prefix_filter and filter_default leave at least the families "
        "vault.runtime and vault.core in"
    ),
    Status.PERMISSION_DENIED: (
        'give the target a token with the policy \'path "sys/metrics" { capabilities = ["read"] }\', or set '
        "'telemetry { unauthenticated_metrics_access = true }' in the listener of the Vault server, or switch it off "
        "here with telemetry.enabled: false"
    ),
    Status.DISABLED: (
        "set 'telemetry { prometheus_retention_time = \"24h\" }' in the configuration of the Vault server, or switch "
        "it off here with telemetry.enabled: false"
    ),
    Status.UNAVAILABLE: (
        "the node gives no telemetry in its present state, or none to this token: one of a namespace, or one that a "
        "standby does not know, since it is revoked or the standby lags far behind; with "
        "'telemetry { unauthenticated_metrics_access = true }' in its listener it does so sealed and on standby too"
    ),
}
"""Remedy for each status, for the log."""


def collector(settings: model.Telemetry) -> Collector:
    """Build the collector for one target, with its state between scrapes."""
    worker = Worker(TelemetryRepair(settings, c.NAMES))

    async def collect(client: Client) -> Reading:
        status, text = await fetch(client)
        page = await worker.repair(text) if status is Status.OK else None
        if page is not None and page.is_empty:
            raise VaultError(
                Reason.BAD_REPLY, "sys/metrics: HTTP 200 with something other than Prometheus' text format"
            )
        if page is not None and not page.named:
            status = Status.UNKNOWN_PREFIX
        note = None if status is Status.OK else Note(status, REMEDIES.get(status, ""), wanting=status in _WANTING)
        return Reading((*statuses(status), *_counts(page)), page=page, note=note)

    return Collector(
        NAME,
        "Vault's own telemetry, repaired",
        collect,
        lambda _: statuses(Status.FAILED),
        scope=Scope.EVERY,
        grants=(GRANT,),
    )


@functools.cache
def statuses(current: Status) -> tuple[Sample, ...]:
    """Return a sample for every status, 1 for the current one."""
    return tuple(c.TELEMETRY_STATUS(status is current, status) for status in Status)


def _counts(page: TelemetryPage | None) -> Iterator[Sample]:
    if page is not None:
        yield c.TELEMETRY_SAMPLES(page.samples)
        yield c.TELEMETRY_TRACKED(page.tracked)
        for cause, lines in page.dropped.items():
            yield c.TELEMETRY_DROPPED(lines, cause)
        for cause, lines in page.repaired.items():
            yield c.TELEMETRY_REPAIRED(lines, cause)


class Fetched(NamedTuple):
    """The page, or the status if there is none."""

    status: Status
    page: bytes = b""


async def fetch(client: Client) -> Fetched:
    """Fetch the telemetry in Prometheus' text format.

    Raises:
        VaultError: the node did not answer, or returned neither telemetry nor a known error.
    """
    try:
        answer = await _get(client)
    except VaultError as error:
        if error.reason is Reason.REDIRECT:  # a standby that redirects authenticated callers to the active node
            return Fetched(Status.UNAVAILABLE)
        raise
    if answer.status == _OK:
        return Fetched(Status.OK, answer.body)
    status = _refusal(answer)
    if status is None:
        raise answer.failure()
    return Fetched(status)


async def _get(client: Client) -> Answer:
    """Fetch with the target's token. Without a token, fetch anonymously, because the listener may allow it."""
    path, limit = "sys/metrics?format=prometheus", client.target.max_response_bytes
    try:
        return await client.get(path, token=True, max_bytes=limit)
    except NoTokenError as error:
        if error.reason in NO_ANSWER:
            raise
        answer = await client.get_openly(path, max_bytes=limit)
        if answer.status != _OK:
            raise
        return answer


def _refusal(answer: Answer) -> Status | None:
    if answer.status in {401, 403} or (answer.status == _BAD_REQUEST and answer.says("missing client token")):
        return Status.PERMISSION_DENIED
    # This error is plain text, not JSON.
    if answer.status == _BAD_REQUEST and _DISABLED in answer.body[:_SHORT]:
        return Status.DISABLED
    if answer.status == _BAD_REQUEST and any(map(answer.says, _NONE_AT_ALL)):
        return Status.UNAVAILABLE
    if answer.says("sealed") or answer.says("not initialized") or answer.says("not yet initialized"):
        return Status.UNAVAILABLE
    return None
