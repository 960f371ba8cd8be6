"""High availability and what stands behind the barrier: storage, keys, seal."""

from typing import Final

from dashboards import native, style
from dashboards.layout import Section
from dashboards.panels import Column, Panel, stat, table, time_series
from dashboards.queries import PER_NODE, Query, by, by_node, if_active, mean_seconds, rate, ratio, select
from dashboards.style import step
from vault_exporter.metrics import catalogue as c

__all__ = ["availability", "barrier", "in_short", "keys", "postgresql", "raft", "replication"]

_BARRIER: Final = {
    "get": native.BARRIER_GET,
    "put": native.BARRIER_PUT,
    "delete": native.BARRIER_DELETE,
    "list": native.BARRIER_LIST,
}
_POSTGRES: Final = {
    "get": native.POSTGRES_GET,
    "put": native.POSTGRES_PUT,
    "delete": native.POSTGRES_DELETE,
    "list": native.POSTGRES_LIST,
}
_RAFT: Final = {"get": native.RAFT_STORAGE_GET, "put": native.RAFT_STORAGE_PUT}


def availability() -> Section:
    """Return leadership and heartbeats."""
    leadership = time_series(
        "Active for",
        "How long the active node has been it. A drop is a change of leadership; a saw of them is flapping.",
        "s",
        Query(f"time() - {by_node(select(c.ACTIVE_SINCE), 'max')}", PER_NODE),
    )
    heartbeat = time_series(
        "Last heartbeat of standbys",
        "How long ago the active node last heard each standby, as it says with a token. Standbys report every second "
        "or so.",
        "s",
        Query(
            f"time() - {by('cluster, hostname, api_address', if_active(c.HA_NODE_LAST_ECHO), 'max')}", "{{api_address}}"
        ),
    )
    echo = time_series(
        "Mean heartbeat latency",
        "How long a standby's heartbeat to the active node took, on average. Vault's telemetry of the standbys.",
        "s",
        Query(mean_seconds(native.HA_ECHO), PER_NODE),
    )
    skew = time_series(
        "Clock skew",
        "The node's clock less the exporter's, to within half a second. A cluster whose clocks differ expires tokens "
        "and leases at the wrong time.",
        "s",
        Query(by_node(select(c.CLOCK_SKEW), "max"), PER_NODE),
        signed=True,
    )
    return Section("High availability", [(9, [leadership, heartbeat]), (9, [echo, skew])])


def barrier() -> Section:
    """Return reads and writes of the barrier, whatever the storage."""
    return Section("Storage", [(8, in_short())])


def in_short() -> list[Panel]:
    """Return the panels of the barrier, which the overview has, too."""
    operations = time_series(
        "Storage operations",
        "Reads (get, list) and writes (put, delete) that the barrier made to storage.",
        "ops",
        *(Query(by_node(rate(one.count)), f"{PER_NODE} {name}") for name, one in _BARRIER.items()),
    )
    latency = time_series(
        "Mean storage latency",
        "How long a read or write of the barrier took, on average: encryption, and the storage behind it. Cached "
        "reads take microseconds, so reads look fast until they miss the cache.",
        "s",
        *(Query(mean_seconds(one), f"{PER_NODE} {name}") for name, one in _BARRIER.items() if name in {"get", "put"}),
    )
    hits, misses = (by_node(rate(one)) for one in (native.CACHE_HIT, native.CACHE_MISS))
    cache = time_series(
        "Cache hits",
        "Share of the reads that the cache answered. The rest goes to storage.",
        "percentunit",
        Query(ratio(hits, f"({hits} + {misses})"), PER_NODE),
    )
    return [operations, latency, cache]


def postgresql() -> Section:
    """Return what only a cluster on PostgreSQL has."""
    operations = time_series(
        "PostgreSQL operations",
        "Statements that the node sent to PostgreSQL, by kind.",
        "ops",
        *(Query(by_node(rate(one.count)), f"{PER_NODE} {name}") for name, one in _POSTGRES.items()),
        many=True,
    )
    latency = time_series(
        "Mean PostgreSQL latency",
        "How long PostgreSQL took for a statement, on average, the wait for a connection included. Rises with its "
        "load, with the network, and when max_parallel is reached.",
        "s",
        *(Query(mean_seconds(one), f"{PER_NODE} {name}") for name, one in _POSTGRES.items()),
        many=True,
    )
    return Section("PostgreSQL storage", [(9, [operations, latency])], collapsed=True)


def raft() -> Section:
    """Return what only a cluster on raft has."""
    servers = table(
        "Raft servers",
        "The servers of raft as the active node's autopilot sees them.",
        {
            "cluster": Column("Cluster"),
            "node_id": Column("Server"),
            "status": Column("Status"),
            "version": Column("Version"),
            "Value #B": Column("Healthy", states=[("no", style.BAD), ("yes", style.GOOD)]),
            "Value #C": Column("Last contact", unit="s"),
        },
        by("cluster, node_id, status, version", if_active(c.AUTOPILOT_SERVER_INFO), "max"),
        by("cluster, node_id", if_active(c.AUTOPILOT_SERVER_HEALTHY), "min"),
        by("cluster, node_id", if_active(c.AUTOPILOT_SERVER_LAST_CONTACT), "max"),
        empty="no raft",
    )
    voters = stat(
        "Raft quorum",
        "Servers that vote, and how many of them may fail before there is no quorum.",
        Query(by("cluster", if_active(c.RAFT_VOTERS), "max"), "{{cluster}} voters"),
        Query(by("cluster", if_active(c.AUTOPILOT_FAILURE_TOLERANCE), "min"), "{{cluster}} may fail"),
        textMode="value_and_name",
        nothing="no raft",
    )
    behind = by("cluster, node_id", if_active(c.AUTOPILOT_SERVER_LAST_INDEX), "max")
    first = by("cluster", if_active(c.AUTOPILOT_SERVER_LAST_INDEX), "max")
    lag = time_series(
        "Raft entries behind",
        "How many entries of the raft log a server lacks that another one has. Steady growth: a server that cannot "
        "follow.",
        "short",
        Query(f"{first} - on (cluster) group_right () {behind}", "{{node_id}}"),
    )
    contact = time_series(
        "Raft last contact",
        "How long ago the leader last heard each server. Beyond half a second elections come near.",
        "s",
        Query(by("cluster, node_id", if_active(c.AUTOPILOT_SERVER_LAST_CONTACT), "max"), "{{node_id}}"),
    )
    unapplied = time_series(
        "Raft entries not applied",
        "Entries that the node committed and has not applied yet.",
        "short",
        Query(by_node(f"{select(c.LEADER_RAFT_COMMITTED_INDEX)} - {select(c.LEADER_RAFT_APPLIED_INDEX)}"), PER_NODE),
    )
    commit = time_series(
        "Mean raft commit latency",
        "How long the leader took to commit an entry, on average: its disk and the network to the others.",
        "s",
        Query(mean_seconds(native.RAFT_COMMIT_TIME), PER_NODE),
    )
    operations = time_series(
        "Raft storage operations",
        "Reads and writes of the raft storage, and entries applied to it.",
        "ops",
        *(Query(by_node(rate(one.count)), f"{PER_NODE} {name}") for name, one in _RAFT.items()),
        Query(by_node(rate(native.RAFT_APPLY)), f"{PER_NODE} apply"),
    )
    latency = time_series(
        "Mean raft storage latency",
        "How long a read or a write of the raft storage took, on average.",
        "s",
        *(Query(mean_seconds(one), f"{PER_NODE} {name}") for name, one in _RAFT.items()),
    )
    return Section(
        "Raft storage",
        [(7, [servers, voters]), (9, [lag, contact, unapplied]), (9, [commit, operations, latency])],
        collapsed=True,
    )


def keys() -> Section:
    """Return the keys: encryptions of the barrier's, operations with shares, the seal."""
    encryptions = time_series(
        "Encryptions with the barrier key",
        "Encryptions with the present key, as the active node estimates them; starts anew at a rotation.",
        "short",
        Query(by("cluster", if_active(c.BARRIER_KEY_ENCRYPTIONS), "max"), "{{cluster}}"),
    )
    operations = stat(
        "Key operations in progress",
        "Rekeying and generation of a root token that wait for key shares. Nobody should be surprised to see one.",
        Query(by("operation", if_active(c.OPERATION_IN_PROGRESS), "max"), "{{operation}}"),
        thresholds=[step(style.GOOD), step(style.WARN, 1)],
        textMode="value_and_name",
        nothing="unknown",
    )
    seal = table(
        "Seal and storage of the nodes",
        "Type of the seal, key shares needed, how many were given to the unseal under way, and the storage.",
        {
            "cluster": Column("Cluster", width=75),
            "instance": Column("Node", width=115),
            "type": Column("Seal", width=80),
            "Value #B": Column("Needed", width=75),
            "Value #C": Column("Shares", width=75),
            "Value #D": Column("Given", width=75),
            "storage": Column("Storage", width=95),
        },
        by("cluster, instance, type", select(c.SEAL_INFO), "max"),
        by_node(select(c.SEAL_THRESHOLD), "max"),
        by_node(select(c.SEAL_SHARES), "max"),
        by_node(select(c.SEAL_PROGRESS), "max"),
        f"max by (cluster, instance, storage) ({_storage()})",
    )
    return Section("Keys and seal", [(9, [seal, operations, encryptions], (12, 6, 6))])


def _storage() -> str:
    # Both seal and storage have a label `type`.
    return f'label_replace({select(c.STORAGE_INFO)}, "storage", "$1", "type", "(.*)")'


def replication() -> Section:
    """Return what only Vault Enterprise has."""
    return Section(
        "Vault Enterprise: license and replication",
        [(7, [_license(), _clients(), _primary()]), (9, [_wal(), _secondaries()])],
        collapsed=True,
    )


def _license() -> Panel:
    return stat(
        "License expires in",
        "How long the license is still valid, and when a node no longer starts with it.",
        Query(f"min({select(c.LICENSE_EXPIRY)}) - time()", "expires"),
        Query(f"min({select(c.LICENSE_TERMINATION)}) - time()", "terminates"),
        unit="s",
        thresholds=[step(style.BAD), step(style.WARN, 14 * 86400), step(style.GOOD, 45 * 86400)],
        textMode="value_and_name",
        nothing="no license",
    )


def _clients() -> Panel:
    return stat(
        "Clients this month",
        "Clients counted in this month so far, by type: what the license is paid by.",
        Query(by("type", if_active(c.CLIENTS_CURRENT_MONTH), "max"), "{{type}}"),
        textMode="value_and_name",
        nothing="not counted",
    )


def _primary() -> Panel:
    return stat(
        "Connection to the primary",
        "Of secondaries: whether the connection to their primary works, by kind of replication.",
        Query(
            by("cluster, replication", select(c.REPLICATION_PRIMARY_CONNECTED), "min"), "{{cluster}} {{replication}}"
        ),
        thresholds=[step(style.BAD), step(style.GOOD, 1)],
        textMode="value_and_name",
        nothing="no secondary",
    )


def _wal() -> Panel:
    return time_series(
        "Replication log",
        "Index of the last write-ahead log entry of each cluster, and of the last one that a secondary has from its "
        "primary.",
        "short",
        Query(by("cluster, replication", select(c.REPLICATION_LAST_WAL), "max"), "{{cluster}} {{replication}}"),
        Query(
            by("cluster, replication", select(c.REPLICATION_LAST_REMOTE_WAL), "max"),
            "{{cluster}} {{replication}} from the primary",
        ),
    )


def _secondaries() -> Panel:
    return time_series(
        "Secondaries",
        "Secondaries that each primary knows, and those that are connected.",
        "short",
        Query(
            by("cluster, replication", select(c.REPLICATION_KNOWN_SECONDARIES), "max"), "{{cluster}} {{replication}}"
        ),
        Query(
            by("cluster, replication", select(c.REPLICATION_CONNECTED_SECONDARIES), "max"),
            "{{cluster}} {{replication}} connected",
        ),
    )
