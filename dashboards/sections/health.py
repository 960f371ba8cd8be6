"""Is Vault all right, and if not, where? What fits on the first screen of the overview."""

from typing import Final

from dashboards import native, style
from dashboards.frame import ALERTS, ALERTS_SINCE, RUNBOOKS, WATCHDOG
from dashboards.layout import Section
from dashboards.panels import Column, Panel, stat, state_timeline, table
from dashboards.queries import NOW, PER_NODE, Query, by, by_node, quantile, rate, select
from dashboards.sections.slo import budget_left
from dashboards.style import colored, link, step
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.reasons import Reason

__all__ = ["FAILING", "REQUESTS", "STATE", "failing", "incident", "members", "states"]

# Targets of the chosen jobs, whether they can be scraped or not. "All" is any job, so only jobs that are Vault's count:
# those that had a node's metrics within a day.
_IS_VAULT: Final = f"and on (job) last_over_time({select(c.UP, window='1d')})"
_TARGETS: Final = f"({select(native.SCRAPE_UP)} {_IS_VAULT})"
_NODES: Final = f"count({_TARGETS})"
_UP: Final = f"(sum({select(c.UP)}) or {_NODES} * 0)"
_UNSCRAPED: Final = f"({select(native.SCRAPE_UP)} == 0) {_IS_VAULT}"

_ANSWERS: Final = f"{select(c.UP)} * (2 - {select(c.SEALED)} + {select(c.ACTIVE)})"
STATE: Final = by_node(f"{_ANSWERS} or {_UNSCRAPED}", "max")
"""0 to 3: down, sealed, standby, active. A target that cannot be scraped is down."""

REQUESTS: Final = rate(c.AUDIT_ENTRIES, 'type="request"')
"""Requests in the audit logs, each series."""

_NOT_SCRAPED: Final = "not_scraped"
_WHY: Final = {
    Reason.REFUSED: "refused: nothing listens",
    Reason.UNREACHABLE: "machine unreachable",
    Reason.DNS: "name not found (DNS)",
    Reason.TLS: "TLS: certificate refused",
    Reason.TIMEOUT: "no answer in time",
    Reason.RESET: "connection reset",
    Reason.HTTP_5XX: "storage out of reach",
    Reason.PROXY_ERROR: "proxy answers, not Vault",
    _NOT_SCRAPED: "exporter not scraped",
}
"""What a person should read for a reason."""

_REQUEST: Final = 'type="request"'
_CLIENTS: Final = 'mount_type!="system"'
"""Requests to sys/ are mostly the exporter's own."""
_COUNTS: Final = 'class!="read_only_standby"'
"""A standby logs a write that it forwards as an error, and the active node then serves it."""
_ASKED: Final = f"sum({rate(c.AUDIT_ENTRIES, _REQUEST, _CLIENTS, window=NOW)})"
_FAILED: Final = f"sum({rate(c.AUDIT_ERRORS, _COUNTS, _CLIENTS, window=NOW)})"
_NAN: Final = "or vector(NaN)"
"""Grafana shows the last sample of a sparkline, however old, so each step needs one."""


FAILING: Final = f"({select(c.COLLECTOR_FAILURE)} and on (cluster, instance) {select(c.UP)} == 1)"
"""Collectors that fail at nodes that answer."""


def incident() -> Section:
    """Return the first screen, in the order that an incident asks: what is wrong, where, and since when."""
    now = [_serving(), _nodes(), _firing(), _requests(), _failed(), _latency(), budget_left()]
    return Section("Now", [(5, now, (5, 4, 3, 3, 3, 3, 3)), (8, [_alerts(), members()], (11, 13)), (6, [states()])])


def states() -> Panel:
    """Return the timeline of every node's state."""
    return state_timeline(
        "State of each node",
        "Active (serves), standby (healthy, waits), sealed (needs unsealing), or down (no answer, or no scrape).",
        Query(STATE, PER_NODE),
        links=[link("This node", "vault-node", "${__field.labels.instance}")],
    )


def members() -> Panel:
    """Return the table of nodes."""
    reasons = by("cluster, instance, reason", f"{select(c.UP_FAILURE_REASON)} == 1", "max")
    dark = by_node(_UNSCRAPED, "max")
    unscraped = f'label_replace({dark}, "reason", "{_NOT_SCRAPED}", "", "") + 1'
    sealed = f"and on (cluster, instance) {select(c.SEALED)} == 1"
    return table(
        "Members",
        "Every node with its state, the worst first; one node of each cluster is active and serves. Why: what the "
        "exporter met at a node that is down. Shares of how many: key shares given so far, and needed to unseal the "
        "node. More than one version is fine during an upgrade, and only then.",
        {
            "instance": Column("Node", links=[link("This node", "vault-node", "${__value.text}")]),
            "Value #A": Column("State", states=style.STATES, width=80),
            "reason": Column("Why down", words=_WHY, width=175),
            "Value #C": Column("Shares", width=65),
            "Value #D": Column("of", width=50),
            "version": Column("Version", width=90),
            "cluster": Column("Cluster", width=75),
        },
        STATE,
        by("cluster, instance, version", select(c.INFO), "max"),
        by_node(f"{select(c.SEAL_PROGRESS)} {sealed}", "max"),
        by_node(f"{select(c.SEAL_THRESHOLD)} {sealed}", "max"),
        f"{reasons} or {unscraped}",
        empty="no targets: Prometheus scrapes no Vault of this choice",
        sort="State",
    )


def failing() -> Panel:
    """Return the table of collectors that fail."""
    return table(
        "Failing collectors",
        "What the exporter cannot get from nodes that answer, and why; nodes that are down are not here. "
        "permission_denied: the policy of the exporter's token lacks a path, `vault-exporter check --online` says "
        "which.",
        {
            "cluster": Column("Cluster", width=90),
            "instance": Column("Node", links=[link("This node", "vault-node", "${__value.text}")]),
            "collector": Column("Collector"),
            "reason": Column("Reason"),
        },
        by("cluster, instance, collector, reason", FAILING, "max"),
        empty="none",
        sort="Node",
    )


def _serving() -> Panel:
    active = f"({select(c.ACTIVE)} * {select(c.UP)})"
    return stat(
        "Serving",
        "Whether a node of the cluster is active, so that requests are served. Alerts: VaultNoActiveNode, "
        "VaultClusterUnavailable.",
        Query(by("cluster", f"{active} or {_TARGETS} * 0", "max"), "{{cluster}}"),
        mappings=[style.mapping([("no active node", style.BAD), ("serves", style.GOOD)])],
        colorMode="background",
        nothing="no targets",
        nothing_color=style.BAD,
        textMode="value_and_name",
        links=[link("Storage and HA", "vault-storage")],
    )


def _nodes() -> Panel:
    unsealed = f"sum({select(c.UP)} * (1 - {select(c.SEALED)}))"
    return stat(
        "Nodes",
        "Nodes that are unsealed; that are sealed, so that they serve nothing; and that are down: they do not answer, "
        "or cannot be scraped. Alerts: VaultSealed, VaultDown.",
        Query(f"{unsealed} or {_NODES} * 0", "unsealed"),
        Query(f"sum({select(c.UP)} * {select(c.SEALED)}) or {_NODES} * 0", "sealed"),
        Query(f"{_NODES} - {_UP}", "down"),
        overrides=[
            colored("unsealed", step(style.DOWN), step(style.GOOD, 1)),
            colored("sealed", step(style.GOOD), step(style.SEALED, 1)),
            colored("down", step(style.GOOD), step(style.DOWN, 1)),
        ],
        nothing="no targets",
        nothing_color=style.BAD,
        textMode="value_and_name",
        links=[link("Nodes", "vault-node")],
    )


def _firing() -> Panel:
    def firing(severity: str) -> str:
        return f'count({ALERTS[:-1]},severity="{severity}"}}) or max({WATCHDOG}) * 0'

    return stat(
        "Firing alerts",
        "Alerts of this project's rules that fire, by severity. No rules: VaultWatchdog, which always fires, does not, "
        "so Prometheus has not loaded the rules.",
        Query(firing("critical"), "critical"),
        Query(firing("warning"), "warning"),
        overrides=[
            colored("critical", step(style.GOOD), step(style.BAD, 1)),
            colored("warning", step(style.GOOD), step(style.WARN, 1)),
        ],
        nothing="no rules",
        nothing_color=style.WARN,
        textMode="value_and_name",
    )


def _requests() -> Panel:
    return stat(
        "Requests",
        "Requests a second in the audit logs of all nodes chosen, over the last five minutes. An audit log that nobody "
        "reads has none.",
        Query(f"sum({rate(c.AUDIT_ENTRIES, _REQUEST, window=NOW)}) {_NAN}", "a second"),
        unit="short",
        nothing="no audit log",
        sparkline=True,
        links=[link("Audit and security", "vault-audit")],
    )


def _failed() -> Panel:
    return stat(
        "Error rate",
        "Share of the requests of the last five minutes that ended in an error, denials and wrong input of clients "
        "included. Not among them: requests to sys/, which are mostly the exporter's own, and writes that a standby "
        "forwards (read_only_standby).",
        Query(f"({_FAILED} or {_ASKED} * 0) / ({_ASKED} > 0) {_NAN}", "failed"),
        unit="percentunit",
        decimals=1,
        thresholds=[step(style.GOOD), step(style.WARN, 0.1), step(style.BAD, 0.5)],
        nothing="no requests",
        sparkline=True,
        highest=0.5,
        links=[link("Audit and security", "vault-audit")],
    )


def _latency() -> Panel:
    return stat(
        "Latency p99",
        "99 of 100 audited requests of the last five minutes were answered within this time, from the entry of the "
        "request to that of its response.",
        Query(f"{quantile(0.99, c.AUDIT_DURATION, window=NOW)} {_NAN}", "p99"),
        unit="s",
        thresholds=[step(style.GOOD), step(style.WARN, 0.5), step(style.BAD, 2)],
        nothing="no requests",
        sparkline=True,
        highest=2,
        links=[link("Audit and security", "vault-audit")],
    )


def _alerts() -> Panel:
    labels = "alertname, severity, cluster, instance"
    rank = " or ".join(
        f'{ALERTS[:-1]},severity="{severity}"}} * {value}' for value, (severity, _) in enumerate(style.SEVERITIES)
    )
    fires = f"and on ({labels}) {ALERTS}"
    return table(
        "Alerts",
        "Alerts of this project's rules that fire now, the gravest first, and how long they have been true. The name "
        "leads to the runbook, at the address above. An alert without a node is about the cluster.",
        {
            "Value #A": Column("Severity", states=style.SEVERITIES, width=80),
            "alertname": Column("Alert", links=[RUNBOOKS]),
            "Value #B": Column("For", unit="s", width=85),
            "instance": Column("Node", links=[link("This node", "vault-node", "${__value.text}")], width=75),
            "cluster": Column("Cluster", width=65),
        },
        _node_or_cluster(by(labels, f"{rank}", "max")),
        f"time() - {_node_or_cluster(by(labels, f'{ALERTS_SINCE} {fires}', 'max'))}",
        empty="none",
        sort="Severity",
        descending=True,
    )


def _node_or_cluster(alerts: str) -> str:
    """Take the instance away from alerts about a cluster: their rules put the cluster's name there."""
    about_cluster = f'on (cluster, instance) label_replace({alerts}, "instance", "$1", "cluster", "(.*)")'
    cleared = f'label_replace({alerts} and {about_cluster}, "instance", "", "", "")'
    return f"(({alerts} unless {about_cluster}) or {cleared})"
