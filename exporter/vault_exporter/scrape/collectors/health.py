"""The node's health, from ``sys/health``: no token, answered by the node itself, also when sealed.

https://openbao.org/api-docs/system/health/, https://developer.hashicorp.com/vault/api-docs/system/health
"""

import contextlib
from collections.abc import Iterator
from typing import Final

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.collector import Collector, Reading, Scope
from vault_exporter.scrape.node_state import Health, HealthReport, License
from vault_exporter.vault.client import Answer, Client, VaultError
from vault_exporter.vault.go import moment

__all__ = ["HEALTH", "collect", "parse", "samples"]


async def collect(client: Client) -> Reading:
    """Read the health. Any status is valid if its body has ``initialized``."""
    answer = await client.get("sys/health")
    health = parse(answer)
    return Reading(tuple(samples(health, answer)), said=HealthReport(answer.status, health))


def parse(answer: Answer) -> Health:
    """Decode the response.

    Raises:
        VaultError: with the reason of the status, if the body is not a health report.
    """
    try:
        return answer.report(Health)
    except VaultError as error:
        raise answer.failure() from error


def samples(health: Health, answer: Answer) -> Iterator[Sample]:
    """Turn the report into samples. Samples of the node's state come from :class:`.NodeState`."""
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
        # The node truncates its clock to whole seconds, so add half a second. It reads its clock about half way
        # between request and response.
        yield c.CLOCK_SKEW(health.server_time_utc + 0.5 - (answer.sent + answer.seconds / 2))
    if health.clock_skew_ms is not None:
        yield c.HA_CLOCK_SKEW(health.clock_skew_ms / 1000)
    if health.echo_duration_ms is not None:
        yield c.HA_ECHO_DURATION(health.echo_duration_ms / 1000)
    if health.license is not None:
        yield from _license(health.license)


def _license(found: License) -> Iterator[Sample]:
    with contextlib.suppress(VaultError):  # an invalid time does not affect the node's health
        if (expiry := moment(found.expiry_time)) is not None:
            yield c.LICENSE_EXPIRY(expiry)


HEALTH: Final = Collector("health", "state of the node, its version and replication", collect, scope=Scope.EVERY)
"""Runs first: its result decides which other collectors run on the node."""
