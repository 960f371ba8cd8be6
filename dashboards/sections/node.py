"""One node, or several to compare."""

from typing import Final

from dashboards import native, style
from dashboards.layout import Section
from dashboards.panels import Column, Panel, table, time_series
from dashboards.queries import PER_NODE, Query, by_node, if_active, rate, select
from dashboards.sections import certificate
from dashboards.sections.health import members, states
from dashboards.sections.traffic import handled, latency_mean
from dashboards.style import step
from vault_exporter.metrics import catalogue as c

__all__ = ["requests", "state"]

_OLDEST: Final = (step(style.GOOD), step(style.WARN, 10), step(style.BAD, 60))
# Grafana compares with a missing start as with 0, so a negative value would not get past such a first step.
_SKEW: Final = (step(style.WARN, -1e9), step(style.GOOD, -1), step(style.WARN, 1))


def state() -> Section:
    """Return what the node says of itself."""
    return Section("Node", [(8, [states(), members()], (11, 13)), (7, [_details()])])


def _details() -> Panel:
    status = [step(style.GOOD), step(style.STANDBY, 429), step(style.SEALED, 500)]
    oldest = f"time() - {by_node(select(c.IN_FLIGHT_OLDEST), 'min')}"
    return table(
        "Details",
        "Health status: HTTP status of sys/health; 200 active, 429 standby, 472 and 473 secondary and performance "
        "standby, 501 not initialized, 503 sealed. Certificate: the listener's, in the colour of its alert. Valid for: "
        "the time it has left. Both only of nodes asked over https. Oldest request: how long it has been under way. "
        "Clock skew: the node's clock less the exporter's, to within half a second. Runs for: time since the process "
        "started.",
        {
            "instance": Column("Node", width=140),
            "Value #A": Column("Health status", steps=status),
            "Value #B": Column("Active since", unit="dateTimeFromNow"),
            "Value #C": Column("Certificate", states=certificate.STATES, filled=False),
            "Value #D": Column("Valid for", unit="s"),
            "Value #E": Column("Oldest request", unit="s", steps=_OLDEST),
            "Value #F": Column("Clock skew", unit="s", steps=_SKEW),
            "Value #G": Column("Runs for", unit="s"),
            "cluster": Column("Cluster", width=120),
        },
        by_node(select(c.HEALTH_STATUS_CODE), "max"),
        f"{by_node(if_active(c.ACTIVE_SINCE), 'max')} * 1000",
        certificate.state(),
        certificate.seconds_left(),
        f"{oldest} or ({by_node(select(c.UP))} == 1) * 0",
        by_node(select(c.CLOCK_SKEW), "max"),
        f"time() - {by_node(select(native.PROCESS_START_TIME), 'max')}",
        empty="no node answers",
        sort="Node",
    )


def requests() -> Section:
    """Return what the node is asked, and how fast it answers."""
    audited = time_series(
        "Entries written to audit devices",
        "Requests and responses that the node wrote to its audit devices, a second. Vault's telemetry.",
        "ops",
        Query(by_node(rate(native.AUDIT_LOG_REQUEST.count)), f"{PER_NODE} requests"),
        Query(by_node(rate(native.AUDIT_LOG_RESPONSE.count)), f"{PER_NODE} responses"),
    )
    return Section("Requests", [(9, [handled(), latency_mean(), audited])])
