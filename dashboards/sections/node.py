"""One node, or several to compare."""

from dashboards import native, style
from dashboards.layout import Section
from dashboards.panels import stat, time_series
from dashboards.queries import PER_NODE, Query, by_node, rate, select
from dashboards.sections.health import STATE, members, states
from dashboards.sections.traffic import handled, latency_mean
from dashboards.style import step
from vault_exporter.metrics import catalogue as c

__all__ = ["requests", "state"]


def state() -> Section:
    """Return what the node says of itself."""
    now = [
        stat(
            "State",
            "What the node is: active, standby, sealed, or down.",
            Query(STATE, PER_NODE),
            mappings=[style.mapping(style.STATES)],
            textMode="value_and_name",
        ),
        stat(
            "Health status",
            "HTTP status of sys/health: 200 active, 429 standby, 472 and 473 secondary and performance standby, 501 "
            "not initialized, 503 sealed.",
            Query(by_node(select(c.HEALTH_STATUS_CODE), "max"), PER_NODE),
            thresholds=[step(style.GOOD, None), step(style.STANDBY, 429), step(style.SEALED, 500)],
            textMode="value_and_name",
        ),
        stat(
            "Active since",
            "When the node became the active one; standbys have none.",
            Query(f"{by_node(select(c.ACTIVE_SINCE), 'max')} * 1000", PER_NODE),
            unit="dateTimeFromNow",
            textMode="value_and_name",
            noValue="standby",
        ),
        stat(
            "Certificate of the node",
            "How long the certificate of the node's listener is still valid. Only of nodes that are asked over https.",
            Query(f"{by_node(select(c.LISTENER_NOT_AFTER), 'min')} - time()", PER_NODE),
            unit="s",
            thresholds=[step(style.BAD), step(style.WARN, 7 * 86400), step(style.GOOD, 21 * 86400)],
            noValue="no TLS",
            textMode="value_and_name",
        ),
        stat(
            "Oldest request",
            "How long the oldest request has been under way that the node is still at; 0 where it is at none.",
            Query(
                f"time() - {by_node(select(c.IN_FLIGHT_OLDEST), 'min')} or {by_node(select(c.UP))} * 0",
                PER_NODE,
            ),
            unit="s",
            thresholds=[step(style.GOOD), step(style.WARN, 10), step(style.BAD, 60)],
            textMode="value_and_name",
        ),
        stat(
            "Node's clock skew",
            "The node's clock less the exporter's, to within half a second.",
            Query(by_node(select(c.CLOCK_SKEW), "max"), PER_NODE),
            unit="s",
            thresholds=[step(style.WARN), step(style.GOOD, -1), step(style.WARN, 1)],
            textMode="value_and_name",
        ),
    ]
    return Section("Node", [(5, now), (8, [states(), members()])])


def requests() -> Section:
    """Return what the node is asked, and how fast it answers."""
    audited = time_series(
        "Entries written to audit devices",
        "Requests and responses that the node wrote to its audit devices, a second. Vault's telemetry.",
        "ops",
        Query(by_node(rate(native.AUDIT_LOG_REQUEST.count)), f"{PER_NODE} requests"),
        Query(by_node(rate(native.AUDIT_LOG_RESPONSE.count)), f"{PER_NODE} responses"),
    )
    return Section("Requests", [(8, [handled(), latency_mean(), audited])])
