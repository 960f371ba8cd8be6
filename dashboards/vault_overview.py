"""The dashboard ``vault-overview``: is Vault all right, and if not, where?"""

from typing import Final

from grafanalib import core

from dashboards import native
from dashboards import panels as p
from dashboards.panels import Query, Section, rate, select
from vault_exporter import catalogue as c

__all__ = ["MEMORY_LIMIT", "UID", "dashboard"]

UID: Final = "vault-overview"
MEMORY_LIMIT: Final = 1 << 30
"""Bytes; the threshold of the alert VaultHighMemoryUsage."""

_PER_NODE: Final = "{{instance}}"

# Targets of the chosen jobs, whether they can be scraped or not. "All" is any job, so only jobs that are Vault's count:
# those that had a node's metrics within a day.
_IS_VAULT: Final = f"and on (job) last_over_time({select(c.UP, window='1d')})"
_NODES: Final = f"count({select(native.SCRAPE_UP)} {_IS_VAULT})"


def dashboard() -> core.Dashboard:
    """Return the dashboard as grafanalib has it; :func:`dashboards.normalise.normalise` finishes it."""
    return core.Dashboard(
        title="Vault / Overview",
        uid=UID,
        description="Health, performance and audit log of HashiCorp Vault and OpenBao, from vault-exporter.",
        tags=["vault", "openbao"],
        editable=False,
        timezone="browser",
        time=core.Time("now-6h", "now"),
        refresh="1m",
        graphTooltip=core.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR,
        templating=p.variables(),
        panels=p.layout([_health(), _performance(), _audit()]),
    )


def _health() -> Section:
    up = f"(sum({select(c.UP)}) or {_NODES} * 0)"
    nodes = p.stat(
        "Nodes",
        "Nodes whose API answers, and nodes that do not answer or cannot be scraped. Alert: VaultDown.",
        Query(up, "up"),
        Query(f"{_NODES} - {up}", "down"),
        overrides=[
            p.colored("up", p.step(p.DOWN), p.step(p.GOOD, 1)),
            p.colored("down", p.step(p.GOOD), p.step(p.DOWN, 1)),
        ],
        textMode="value_and_name",
    )
    seals = p.stat(
        "Seals",
        "Nodes that say that they are unsealed, and that they are sealed. A sealed node serves nothing. A node that is "
        "down is neither. Alert: VaultSealed.",
        Query(f"sum({select(c.CORE_UNSEALED)}) or {_NODES} * 0", "unsealed"),
        Query(f"sum({select(c.SEALED)}) or {_NODES} * 0", "sealed"),
        overrides=[
            p.colored("unsealed", p.step(p.DOWN), p.step(p.GOOD, 1)),
            p.colored("sealed", p.step(p.GOOD), p.step(p.SEALED, 1)),
        ],
        textMode="value_and_name",
    )
    active = p.stat(
        "Active node",
        "The node that serves the cluster: one a cluster. None: no requests are served. More than one, for longer than "
        "a change of leadership takes: split brain.",
        Query(f"max by (cluster, instance) ({select(c.ACTIVE)}) == 1", _PER_NODE),
        thresholds=[p.step(p.BAD), p.step(p.ACTIVE, 1)],
        textMode="name",
        noValue="none",
    )
    reasons = p.stat(
        "Why down",
        "Why a node's API gives no usable answer. http_5xx: the node runs, and its storage is out of reach. Nodes that "
        "cannot be scraped are not here.",
        Query(
            f"max by (cluster, instance, reason) ({select(c.UP_FAILURE_REASON)}) == 1",
            f"{_PER_NODE}: {{{{reason}}}}",
        ),
        thresholds=[p.step(p.GOOD), p.step(p.DOWN, 1)],
        textMode="name",
        noValue="all answer",
    )
    unscraped = f"({select(native.SCRAPE_UP)} == 0) {_IS_VAULT}"
    state = f"{select(c.SEALED)} + 2 * {select(c.CORE_UNSEALED)} + {select(c.ACTIVE)}"
    states = p.state_timeline(
        "State of each node",
        "Active (serves), standby (healthy, waits), sealed (needs unsealing), or down (no answer, or no scrape).",
        [("Down", p.DOWN), ("Sealed", p.SEALED), ("Standby", p.STANDBY), ("Active", p.ACTIVE)],
        Query(f"max by (cluster, instance) ({select(c.UP)} * ({state}) or {unscraped})", _PER_NODE),
    )
    return Section("Health", [(5, [nodes, seals, active, reasons]), (7, [states])])


def _performance() -> Section:
    requests, logins = native.CORE_HANDLE_REQUEST, native.CORE_HANDLE_LOGIN_REQUEST
    operations = (("get", native.BARRIER_GET), ("put", native.BARRIER_PUT))
    first = [
        p.time_series(
            "Requests",
            "Requests that the node handled, logins apart. Vault's telemetry; standbys that forward count nothing.",
            "reqps",
            Query(f"sum by (cluster, instance) ({rate(requests.count)})", _PER_NODE),
            Query(f"sum by (cluster, instance) ({rate(logins.count)})", f"{_PER_NODE} logins"),
        ),
        p.time_series(
            "Mean request latency",
            "How long the node took to handle a request, on average. Rises with slow storage, slow audit devices, and "
            "load; compare with storage latency.",
            "s",
            Query(p.mean_seconds(requests), _PER_NODE),
            Query(p.mean_seconds(logins), f"{_PER_NODE} logins"),
        ),
        p.time_series(
            "Memory",
            "Bytes allocated on the heap of the Vault process. Red: the limit of the alert VaultHighMemoryUsage.",
            "bytes",
            Query(f"max by (cluster, instance) ({select(native.RUNTIME_ALLOC_BYTES)})", _PER_NODE),
            limit=MEMORY_LIMIT,
        ),
    ]
    second = [
        p.time_series(
            "Storage operations",
            "Reads (get) and writes (put) that the barrier made to storage.",
            "ops",
            *(
                Query(f"sum by (cluster, instance) ({rate(operation.count)})", f"{_PER_NODE} {name}")
                for name, operation in operations
            ),
        ),
        p.time_series(
            "Mean storage latency",
            "How long a read or write of the barrier took, on average: encryption, and the storage behind it. Cached "
            "reads take microseconds, so reads look fast until they miss the cache.",
            "s",
            *(Query(p.mean_seconds(operation), f"{_PER_NODE} {name}") for name, operation in operations),
        ),
        p.time_series(
            "Goroutines",
            "Goroutines of the Vault process. Steady growth: requests or lease work that hang.",
            "short",
            Query(f"max by (cluster, instance) ({select(native.RUNTIME_NUM_GOROUTINES)})", _PER_NODE),
        ),
    ]
    return Section("Performance", [(8, first), (8, second)])


def _audit() -> Section:
    requests = rate(c.AUDIT_ENTRIES, 'type="request"')
    first = [
        p.time_series(
            "Audited requests by operation",
            "Requests in the audit log, by what they do.",
            "reqps",
            Query(f"sum by (operation) ({requests})", "{{operation}}"),
            stacked=True,
        ),
        p.time_series(
            "Audited requests by mount type",
            "Requests in the audit log, by the type of secrets engine or auth method that served them.",
            "reqps",
            Query(f"sum by (mount_type) ({requests})", "{{mount_type}}"),
            stacked=True,
        ),
    ]
    second = [
        p.time_series(
            "Errors by class",
            "Requests that ended in an error, by class. A burst of permission errors is a broken policy, an expired "
            "token, or somebody trying doors.",
            "reqps",
            Query(f"sum by (class) ({rate(c.AUDIT_ERRORS)})", "{{class}}"),
            stacked=True,
        ),
        p.time_series(
            "Audit reader lag",
            "Bytes of the audit log that the exporter has not read yet. Near zero is right; steady growth means that "
            "the figures on the left and above are late.",
            "bytes",
            Query(f"max by (cluster, instance, log) ({select(c.AUDIT_LAG)})", f"{_PER_NODE} {{{{log}}}}"),
        ),
    ]
    return Section("Audit log analysis", [(8, first), (8, second)])
