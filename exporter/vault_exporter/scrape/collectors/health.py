"""The node's health, from ``sys/health``: no token, answered by the node itself, also when sealed.

https://openbao.org/api-docs/system/health/, https://developer.hashicorp.com/vault/api-docs/system/health
"""

import contextlib
from collections.abc import Iterable, Iterator

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collectors.go import moment
from vault_exporter.vault.client import Answer, Client, VaultError

__all__ = ["Health", "collect", "failure_reasons", "floor", "parse", "samples"]

_ACTIVE_STATUS = 200


class License(msgspec.Struct, frozen=True):
    """What a node of Vault Enterprise says of its license."""

    expiry_time: str = ""


class Health(msgspec.Struct, frozen=True):
    """What ``sys/health`` says; only ``initialized`` is in every answer."""

    initialized: bool
    sealed: bool | None = None
    standby: bool | None = None
    performance_standby: bool | None = None
    replication_performance_mode: str | None = None
    replication_dr_mode: str | None = None
    server_time_utc: float | None = None
    version: str | None = None
    cluster_name: str | None = None
    cluster_id: str | None = None
    echo_duration_ms: float | None = None
    clock_skew_ms: float | None = None
    removed_from_cluster: bool | None = None
    ha_connection_healthy: bool | None = None
    license: License | None = None


async def collect(client: Client) -> Iterable[Sample]:
    """Ask the node; any status is good whose body says whether the node is initialized."""
    answer = await client.get("sys/health")
    return tuple(samples(parse(answer), answer))


def floor(reason: Reason) -> Iterator[Sample]:
    """Say that the node is not up, and why."""
    yield c.UP(0)
    yield from failure_reasons(reason)
    yield c.ACTIVE(0)
    yield c.SEALED(0)
    yield c.CORE_UNSEALED(0)


def parse(answer: Answer) -> Health:
    """Read the answer.

    Raises:
        VaultError: with the reason of the status, if the body is not a health report.
    """
    try:
        return answer.report(Health)
    except VaultError as error:
        raise answer.failure() from error


def samples(health: Health, answer: Answer) -> Iterator[Sample]:
    """Turn the report into samples."""
    yield c.UP(1)
    yield from failure_reasons(None)
    yield c.HEALTH_STATUS_CODE(answer.status)
    yield c.INITIALIZED(health.initialized)
    yield c.SEALED(health.sealed is True)
    yield c.CORE_UNSEALED(health.sealed is False)
    yield c.ACTIVE(_is_active(health, answer.status))
    yield c.INFO(1, health.version or "", health.cluster_name or "", health.cluster_id or "")
    for family, value in (
        (c.STANDBY, health.standby),
        (c.PERFORMANCE_STANDBY, health.performance_standby),
        (c.HA_CONNECTION_HEALTHY, health.ha_connection_healthy),
        (c.REMOVED_FROM_CLUSTER, health.removed_from_cluster),
    ):
        if value is not None:
            yield family(value)
    if health.replication_dr_mode is not None:
        yield c.REPLICATION_DR_PRIMARY(health.replication_dr_mode == "primary")
        yield c.REPLICATION_DR_SECONDARY(health.replication_dr_mode == "secondary")
    if health.replication_performance_mode is not None:
        yield c.REPLICATION_PERFORMANCE_PRIMARY(health.replication_performance_mode == "primary")
        yield c.REPLICATION_PERFORMANCE_SECONDARY(health.replication_performance_mode == "secondary")
    if health.server_time_utc is not None:
        # The node cuts its clock to whole seconds: half a second makes the error even, and the node read it about
        # half way between request and answer.
        yield c.CLOCK_SKEW(health.server_time_utc + 0.5 - (answer.sent + answer.seconds / 2))
    if health.clock_skew_ms is not None:
        yield c.HA_CLOCK_SKEW(health.clock_skew_ms / 1000)
    if health.echo_duration_ms is not None:
        yield c.HA_ECHO_DURATION(health.echo_duration_ms / 1000)
    if health.license is not None:
        yield from _license(health.license)


def _license(found: License) -> Iterator[Sample]:
    with contextlib.suppress(VaultError):  # a time that cannot be read says nothing of the node's health
        if (expiry := moment(found.expiry_time)) is not None:
            yield c.LICENSE_EXPIRY(expiry)


def failure_reasons(current: Reason | None) -> Iterator[Sample]:
    """Say of every reason whether it is the present one."""
    for reason in Reason:
        yield c.UP_FAILURE_REASON(reason is current, reason)


def _is_active(health: Health, status: int) -> bool:
    if not health.initialized or health.sealed is not False:
        return False
    if health.standby is None:
        return status == _ACTIVE_STATUS
    return not health.standby and not health.performance_standby
