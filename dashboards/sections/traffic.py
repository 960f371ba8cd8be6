"""What is asked of Vault, and how fast it answers."""

from dashboards import native
from dashboards.layout import Section
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

__all__ = ["handled", "in_flight", "latency", "latency_mean", "quantiles", "traffic"]


def traffic() -> Section:
    """Return what is asked, by node and by kind."""
    operations = time_series(
        "Audited requests by operation",
        "Requests in the audit logs, by what they do.",
        "reqps",
        Query(by("operation", REQUESTS), "{{operation}}"),
        stacked=True,
    )
    mounts = time_series(
        "Audited requests by mount type",
        "Requests in the audit logs, by the type of secrets engine or auth method that served them.",
        "reqps",
        Query(by("mount_type", REQUESTS), "{{mount_type}}"),
        stacked=True,
    )
    return Section("Traffic", [(8, [handled(), operations, mounts])])


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


def latency() -> Section:
    """Return how long requests take: means of the telemetry, quantiles of the audit log."""
    by_type = time_series(
        "Latency p99 by mount type",
        "99 of 100 audited requests were answered within this time, by the type of secrets engine or auth method. "
        "Password logins are slow on purpose.",
        "s",
        Query(quantile(0.99, c.AUDIT_DURATION, "mount_type"), "{{mount_type}}"),
    )
    return Section("Latency", [(8, [latency_mean(), quantiles(), by_type])])


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
