"""Is Vault all right, and if not, where? What fits on the first screen."""

from typing import Final

from dashboards import native, style
from dashboards.frame import ALERTS
from dashboards.layout import Section
from dashboards.panels import Column, Panel, stat, state_timeline, table
from dashboards.queries import PER_NODE, Query, by, by_node, quantile, rate, ratio, select
from dashboards.style import colored, link, step
from vault_exporter.metrics import catalogue as c

__all__ = ["REQUESTS", "STATE", "health", "members", "states"]

_DAY: Final = 86400

# Targets of the chosen jobs, whether they can be scraped or not. "All" is any job, so only jobs that are Vault's count:
# those that had a node's metrics within a day.
_IS_VAULT: Final = f"and on (job) last_over_time({select(c.UP, window='1d')})"
_NODES: Final = f"count({select(native.SCRAPE_UP)} {_IS_VAULT})"
_UP: Final = f"(sum({select(c.UP)}) or {_NODES} * 0)"

_ANSWERS: Final = f"{select(c.UP)} * (2 - {select(c.SEALED)} + {select(c.ACTIVE)})"
_UNSCRAPED: Final = f"({select(native.SCRAPE_UP)} == 0) {_IS_VAULT}"
STATE: Final = by_node(f"{_ANSWERS} or {_UNSCRAPED}", "max")
"""0 to 3: down, sealed, standby, active. A target that cannot be scraped is down."""

REQUESTS: Final = rate(c.AUDIT_ENTRIES, 'type="request"')
"""Requests in the audit logs, each series."""

_FIRING: Final = ALERTS.replace('alertname=~"Vault.+"', 'alertname=~"Vault.+",alertname!="VaultWatchdog"')


def health() -> Section:
    """Return the first screen."""
    now = [_nodes(), _seals(), _active(), _reasons(), _alerts(), _requests(), _error_ratio(), _latency()]
    provisions = [
        *(_tolerance(), _barrier_key(), _backup(), _certificate()),
        *(_token(), _audit_reader(), _collectors(), _canary()),
    ]
    return Section(
        "Health",
        [(4, now), (4, provisions), (8, [states(), members()]), (8, [_firing(), _failing()])],
    )


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
    return table(
        "Members",
        "Every node with its state, version, and what it says of its storage and seal. More than one version is fine "
        "during an upgrade, and only then.",
        {
            "cluster": Column("Cluster"),
            "instance": Column("Node", links=[link("This node", "vault-node", "${__value.text}")]),
            "Value #A": Column("State", states=style.STATES),
            "version": Column("Version"),
            "type": Column("Storage"),
            "Value #D": Column("Process age", unit="s"),
        },
        STATE,
        by("cluster, instance, version", select(c.INFO), "max"),
        by("cluster, instance, type", select(c.STORAGE_INFO), "max"),
        f"time() - {by_node(select(native.PROCESS_START_TIME), 'max')}",
    )


def _nodes() -> Panel:
    return stat(
        "Nodes",
        "Nodes whose API answers, and nodes that do not answer or cannot be scraped. Alert: VaultDown.",
        Query(_UP, "up"),
        Query(f"{_NODES} - {_UP}", "down"),
        overrides=[
            colored("up", step(style.DOWN), step(style.GOOD, 1)),
            colored("down", step(style.GOOD), step(style.DOWN, 1)),
        ],
        textMode="value_and_name",
    )


def _seals() -> Panel:
    return stat(
        "Seals",
        "Nodes that say that they are unsealed, and that they are sealed. A sealed node serves nothing. A node that is "
        "down is neither. Alert: VaultSealed.",
        Query(f"sum({select(c.UP)} * (1 - {select(c.SEALED)})) or {_NODES} * 0", "unsealed"),
        Query(f"sum({select(c.SEALED)}) or {_NODES} * 0", "sealed"),
        overrides=[
            colored("unsealed", step(style.DOWN), step(style.GOOD, 1)),
            colored("sealed", step(style.GOOD), step(style.SEALED, 1)),
        ],
        textMode="value_and_name",
    )


def _active() -> Panel:
    return stat(
        "Active node",
        "The node that serves the cluster: one a cluster. None: no requests are served. More than one, for longer than "
        "a change of leadership takes: split brain.",
        Query(f"{by_node(select(c.ACTIVE), 'max')} == 1", PER_NODE),
        thresholds=[step(style.BAD), step(style.ACTIVE, 1)],
        textMode="name",
        noValue="none",
    )


def _reasons() -> Panel:
    reasons = by("cluster, instance, reason", select(c.UP_FAILURE_REASON), "max")
    return stat(
        "Why down",
        "Why a node's API gives no usable answer. http_5xx: the node runs, and its storage is out of reach. "
        "proxy_error: a proxy answers in its place. Nodes that cannot be scraped are not here.",
        Query(f"{reasons} == 1", f"{PER_NODE}: {{{{reason}}}}"),
        thresholds=[step(style.GOOD), step(style.DOWN, 1)],
        textMode="name",
        noValue="all answer",
    )


def _alerts() -> Panel:
    def firing(severity: str) -> str:
        return f'count({_FIRING[:-1]},severity="{severity}"}}) or vector(0)'

    return stat(
        "Firing alerts",
        "Alerts of this project's rules that fire, by severity; the always firing VaultWatchdog is not among them.",
        Query(firing("critical"), "critical"),
        Query(firing("warning"), "warning"),
        overrides=[
            colored("critical", step(style.GOOD), step(style.BAD, 1)),
            colored("warning", step(style.GOOD), step(style.WARN, 1)),
        ],
        textMode="value_and_name",
    )


def _requests() -> Panel:
    return stat(
        "Request rate",
        "Requests a second in the audit logs of all nodes chosen. An audit log that nobody reads has none.",
        Query(f"sum({REQUESTS})", "requests"),
        unit="reqps",
    )


def _error_ratio() -> Panel:
    return stat(
        "Failed requests",
        "Share of the audited requests that ended in an error of any class, denials and wrong input of clients "
        "included. The audit section tells which.",
        Query(ratio(f"sum({rate(c.AUDIT_ERRORS)})", f"sum({REQUESTS})"), "failed"),
        unit="percentunit",
        thresholds=[step(style.GOOD), step(style.WARN, 0.1), step(style.BAD, 0.5)],
    )


def _latency() -> Panel:
    return stat(
        "Latency p99",
        "99 of 100 audited requests were answered within this time, from the entry of the request to that of its "
        "response.",
        Query(quantile(0.99, c.AUDIT_DURATION), "p99"),
        unit="s",
        thresholds=[step(style.GOOD), step(style.WARN, 0.5), step(style.BAD, 2)],
        noValue="no requests",
    )


def _tolerance() -> Panel:
    autopilot = by("cluster", select(c.AUTOPILOT_FAILURE_TOLERANCE), "min")
    standbys = by("cluster", f"{select(c.STANDBY)} * (1 - {select(c.SEALED)})")
    return stat(
        "Nodes that may fail",
        "Nodes that the cluster can lose and still serve: with raft what autopilot says of the quorum, with other "
        "storages the healthy standbys. A single node has none to lose.",
        Query(f"{autopilot} or {standbys}", "{{cluster}}"),
        thresholds=[step(style.BAD), step(style.GOOD, 1)],
    )


def _barrier_key() -> Panel:
    return stat(
        "Barrier key age",
        "How long the key that encrypts the storage has been in use. Rotate it every 90 days or sooner; Vault by "
        "itself only counts encryptions. From the active node, with a token.",
        Query(f"time() - {by('cluster', select(c.BARRIER_KEY_INSTALLED), 'max')}", "{{cluster}}"),
        unit="s",
        thresholds=[step(style.GOOD), step(style.WARN, 75 * _DAY), step(style.BAD, 90 * _DAY)],
        noValue="no token",
    )


def _backup() -> Panel:
    return stat(
        "Backup age",
        "How old the newest file of each backup is that the exporter was told to look at. No file is worse than an old "
        "one, and shows in the section on backups.",
        Query(f"time() - {by('name', select(c.BACKUP_LAST), 'max')}", "{{name}}"),
        unit="s",
        thresholds=[step(style.GOOD), step(style.WARN, _DAY), step(style.BAD, 2 * _DAY)],
        noValue="none",
    )


def _canary() -> Panel:
    return stat(
        "Canary",
        "Whether the exporter could last write, read and delete a secret of its own, where it was told to try.",
        Query(by("cluster", select(c.CANARY_SUCCESS), "min"), "{{cluster}}"),
        mappings=[style.mapping([("fails", style.BAD), ("works", style.GOOD)])],
        noValue="none set",
    )


def _certificate() -> Panel:
    return stat(
        "Certificate expires in",
        "How long the certificate of the listener that expires first is still valid. Only of nodes that are asked over "
        "https.",
        Query(f"min({select(c.LISTENER_NOT_AFTER)}) - time()", "first"),
        unit="s",
        thresholds=[step(style.BAD), step(style.WARN, 7 * _DAY), step(style.GOOD, 21 * _DAY)],
        noValue="no TLS",
    )


def _token() -> Panel:
    return stat(
        "Exporter's token",
        "Targets where the exporter has a token that Vault accepts, and where it has none that is good. Without one, "
        "what needs a token is missing here.",
        Query(f"sum({select(c.TOKEN_VALID)})", "good"),
        Query(f"count({select(c.TOKEN_VALID)} == 0) or vector(0)", "bad"),
        overrides=[
            colored("good", step(style.GOOD)),
            colored("bad", step(style.GOOD), step(style.BAD, 1)),
        ],
        textMode="value_and_name",
        noValue="no login",
    )


def _audit_reader() -> Panel:
    unread = select(c.AUDIT_READABLE)
    return stat(
        "Audit logs",
        "Audit logs that the exporter reads, and that it cannot read. Bytes that it has not read yet are in the audit "
        "section.",
        Query(f"sum({unread})", "read"),
        Query(f"count({unread} == 0) or vector(0)", "unreadable"),
        overrides=[
            colored("read", step(style.BAD), step(style.GOOD, 1)),
            colored("unreadable", step(style.GOOD), step(style.BAD, 1)),
        ],
        textMode="value_and_name",
        noValue="none set",
    )


def _collectors() -> Panel:
    success = select(c.COLLECTOR_SUCCESS)
    return stat(
        "Collectors",
        "What the exporter asks of nodes, and how much of it fails. A failing collector leaves panels without data.",
        Query(f"sum({success})", "work"),
        Query(f"count({success} == 0) or vector(0)", "fail"),
        overrides=[
            colored("work", step(style.GOOD)),
            colored("fail", step(style.GOOD), step(style.WARN, 1)),
        ],
        textMode="value_and_name",
    )


def _firing() -> Panel:
    return table(
        "Alerts that fire",
        "Alerts of this project's rules that fire now, with the cluster and the node. Prometheus and Alertmanager "
        "have their descriptions and runbooks.",
        {
            "alertname": Column("Alert"),
            "severity": Column("Severity"),
            "cluster": Column("Cluster"),
            "instance": Column("Node"),
        },
        by("alertname, severity, cluster, instance", _FIRING, "max"),
        empty="none",
    )


def _failing() -> Panel:
    return table(
        "Questions that fail",
        "What the exporter cannot get from a node, and why. permission_denied: the policy of its token lacks a path, "
        "see the log of the exporter.",
        {
            "instance": Column("Node"),
            "collector": Column("Collector"),
            "reason": Column("Reason"),
        },
        by("cluster, instance, collector, reason", select(c.COLLECTOR_FAILURE), "max"),
        empty="none",
    )
