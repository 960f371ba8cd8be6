"""Vault's own telemetry as it stands, from ``sys/metrics``; :mod:`vault_exporter.scrape.telemetry` repairs it.

The endpoint needs a token with ``read`` on ``sys/metrics``, or ``unauthenticated_metrics_access`` in the listener.
https://openbao.org/api-docs/system/metrics/
"""

import enum
from typing import Final, NamedTuple

from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collectors.collector import Grant
from vault_exporter.vault.client import Answer, Client, VaultError
from vault_exporter.vault.errors import NoTokenError

__all__ = ["GRANT", "REMEDIES", "Fetched", "Status", "fetch"]

GRANT: Final = Grant("sys/metrics")

_OK = 200
_BAD_REQUEST = 400
_NONE_AT_ALL: Final = ("local-only", "secondary", "unavailable in namespaces")
"""Of a standby that is still starting or does not know the token, of a DR secondary, and to one of a namespace."""
_DISABLED = b"prometheus is not enabled"
_SHORT = 256
_NO_ANSWER = frozenset({Reason.REFUSED, Reason.UNREACHABLE, Reason.DNS, Reason.TLS, Reason.TIMEOUT, Reason.RESET})


class Status(enum.StrEnum):
    """What the telemetry of a scrape is; only ``failed`` is a failure."""

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
"""What to do about a status, for the log."""


class Fetched(NamedTuple):
    """The page, or why there is none."""

    status: Status
    page: bytes = b""


async def fetch(client: Client) -> Fetched:
    """Ask the node for its telemetry in Prometheus' text format.

    Raises:
        VaultError: the node did not answer, or with something other than telemetry or a reason for having none.
    """
    try:
        answer = await _get(client)
    except VaultError as error:
        if error.reason is Reason.REDIRECT:  # a standby that sends authenticated callers to the active node
            return Fetched(Status.UNAVAILABLE)
        raise
    if answer.status == _OK:
        return Fetched(Status.OK, answer.body)
    status = _refusal(answer)
    if status is None:
        raise answer.failure()
    return Fetched(status)


async def _get(client: Client) -> Answer:
    """Ask with the target's token; where Vault gave none, without, since the listener may not want one."""
    path, limit = "sys/metrics?format=prometheus", client.target.max_response_bytes
    try:
        return await client.get(path, token=True, max_bytes=limit)
    except NoTokenError as error:
        if error.reason in _NO_ANSWER:
            raise
        answer = await client.get_openly(path, max_bytes=limit)
        if answer.status != _OK:
            raise
        return answer


def _refusal(answer: Answer) -> Status | None:
    if answer.status in {401, 403} or (answer.status == _BAD_REQUEST and answer.says("missing client token")):
        return Status.PERMISSION_DENIED
    # This one is no JSON of errors, but the text alone.
    if answer.status == _BAD_REQUEST and _DISABLED in answer.body[:_SHORT]:
        return Status.DISABLED
    if answer.status == _BAD_REQUEST and any(map(answer.says, _NONE_AT_ALL)):
        return Status.UNAVAILABLE
    if answer.says("sealed") or answer.says("not initialized") or answer.says("not yet initialized"):
        return Status.UNAVAILABLE
    return None
