"""What is asked of Vault, and how fast it answers."""

from dashboards import native
from dashboards.panels import Panel, time_series
from dashboards.queries import (
    PER_NODE,
    Query,
    by,
    by_node,
    count_of,
    mean_seconds,
    quantile,
    rate,
    ratio,
    select,
    sum_of,
)
from dashboards.sections.health import REQUESTS
from dashboards.style import STANDBY, painted
from vault_exporter.metrics import catalogue as c

__all__ = ["handled", "in_flight", "latency_mean", "operations", "quantiles"]


def operations() -> Panel:
    """Return what is asked."""
    return time_series(
        "Requests by operation",
        "Requests in the audit logs, by what they do.",
        "reqps",
        Query(by("operation", REQUESTS), "{{operation}}"),
        stacked=True,
    )


def handled() -> Panel:
    """Return the requests that each node counted itself."""
    requests, logins = native.CORE_HANDLE_REQUEST, native.CORE_HANDLE_LOGIN_REQUEST
    return time_series(
        "Requests",
        "Requests that the node handled, logins apart. Vault's telemetry; standbys that forward count nothing.",
        "reqps",
        Query(by_node(rate(requests.count)), PER_NODE),
        Query(by_node(rate(logins.count)), f"{PER_NODE} logins"),
    )


def in_flight() -> Panel:
    """Return the requests that each node is at."""
    return time_series(
        "Requests in flight",
        "Requests that the node is at in the moment of the scrape, the exporter's own among them. Growth without "
        "growing traffic: requests that hang, on storage or on an audit device.",
        "short",
        Query(by_node(select(native.CORE_IN_FLIGHT)), PER_NODE),
    )


def latency_mean() -> Panel:
    """Return how long each node took on average."""
    requests, logins = native.CORE_HANDLE_REQUEST, native.CORE_HANDLE_LOGIN_REQUEST
    return time_series(
        "Mean request latency",
        "How long the node took to handle a request, on average. Rises with slow storage, slow audit devices, and "
        "load; compare with storage latency.",
        "s",
        Query(mean_seconds(requests), PER_NODE),
        Query(mean_seconds(logins), f"{PER_NODE} logins"),
    )


def quantiles() -> Panel:
    """Return quantiles and the mean over all requests."""
    took, number = (f"sum({rate(part(c.AUDIT_DURATION))})" for part in (sum_of, count_of))
    return time_series(
        "Audited request latency",
        "From the entry of a request to that of its response in the audit log. True quantiles over all nodes: those of "
        "Vault's telemetry cover ten seconds and cannot be added up.",
        "s",
        *(Query(quantile(rank, c.AUDIT_DURATION), f"p{rank * 100:g}") for rank in (0.5, 0.95, 0.99)),
        Query(ratio(took, number), "mean"),
        overrides=[painted("^mean$", STANDBY)],
    )
