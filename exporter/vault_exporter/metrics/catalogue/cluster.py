"""What the active node says of its cluster: keys, servers, replication, ceremonies, versions; asked with a token."""

from typing import Final

from vault_exporter.metrics.catalogue.declare import Source
from vault_exporter.metrics.catalogue.declare import gauge as _gauge

KEY_STATUS: Final = Source("GET /v1/sys/key-status", "barrier_key")
ROTATE_CONFIG: Final = Source("GET /v1/sys/rotate/config", "barrier_key")
RAFT: Final = Source("GET /v1/sys/storage/raft/configuration", "raft")
AUTOPILOT: Final = Source("GET /v1/sys/storage/raft/autopilot/state", "autopilot")
HA_STATUS: Final = Source("GET /v1/sys/ha-status", "ha_nodes")
REPLICATION: Final = Source("GET /v1/sys/replication/status", "replication")
LICENSE: Final = Source("GET /v1/sys/license/status", "license")
OPERATIONS: Final = Source(
    "GET /v1/sys/rotate/{root,recovery}/init, sys/generate-root-token/attempt, or sys/rekey and its like", "operations"
)
VERSIONS: Final = Source("LIST /v1/sys/version-history", "versions")

# The key that encrypts the storage.

BARRIER_KEY_TERM = _gauge("vault_barrier_key_term", KEY_STATUS, "Term of the barrier key; each rotation adds 1.")
BARRIER_KEY_INSTALLED = _gauge(
    "vault_barrier_key_install_timestamp_seconds", KEY_STATUS, "Time when the barrier key was installed."
)
BARRIER_KEY_ENCRYPTIONS = _gauge(
    "vault_barrier_key_encryptions",
    KEY_STATUS,
    "Estimated number of encryptions with the barrier key; starts again at a rotation.",
)
BARRIER_KEY_ROTATION_ENABLED = _gauge(
    "vault_barrier_key_rotation_enabled",
    ROTATE_CONFIG,
    "1 if the barrier key is rotated automatically.",
)
BARRIER_KEY_ROTATION_INTERVAL = _gauge(
    "vault_barrier_key_rotation_interval_seconds",
    ROTATE_CONFIG,
    "Time between two automatic rotations of the barrier key; 0 if only the number of encryptions counts.",
)
BARRIER_KEY_ROTATION_MAX_OPERATIONS = _gauge(
    "vault_barrier_key_rotation_max_operations",
    ROTATE_CONFIG,
    "Number of encryptions after which the barrier key is rotated.",
)

# Raft.

RAFT_SERVERS = _gauge("vault_raft_servers", RAFT, "Number of servers in the raft configuration.")
RAFT_VOTERS = _gauge("vault_raft_voters", RAFT, "Number of voters in the raft configuration.")
RAFT_SERVER_VOTER = _gauge("vault_raft_server_voter", RAFT, "1 if the server is a voter.", "node_id")
RAFT_SERVER_LEADER = _gauge("vault_raft_server_leader", RAFT, "1 if the server is the raft leader.", "node_id")

AUTOPILOT_HEALTHY = _gauge("vault_raft_autopilot_healthy", AUTOPILOT, "1 if autopilot finds every server healthy.")
AUTOPILOT_FAILURE_TOLERANCE = _gauge(
    "vault_raft_autopilot_failure_tolerance",
    AUTOPILOT,
    "Number of healthy servers that may fail before the cluster loses quorum.",
)
AUTOPILOT_OPTIMISTIC_FAILURE_TOLERANCE = _gauge(
    "vault_raft_autopilot_optimistic_failure_tolerance",
    AUTOPILOT,
    "Number of healthy servers that may fail one after the other with redundancy zones (Vault Enterprise).",
)
AUTOPILOT_SERVER_HEALTHY = _gauge(
    "vault_raft_autopilot_server_healthy", AUTOPILOT, "1 if autopilot finds the server healthy.", "node_id"
)
AUTOPILOT_SERVER_INFO = _gauge(
    "vault_raft_autopilot_server_info",
    AUTOPILOT,
    "Always 1; status (leader, voter, non-voter) and version of the server.",
    "node_id",
    "status",
    "version",
)
AUTOPILOT_SERVER_LAST_CONTACT = _gauge(
    "vault_raft_autopilot_server_last_contact_seconds",
    AUTOPILOT,
    "Time since the leader's last contact with the server.",
    "node_id",
)
AUTOPILOT_SERVER_LAST_INDEX = _gauge(
    "vault_raft_autopilot_server_last_index", AUTOPILOT, "The server's last raft index.", "node_id"
)
AUTOPILOT_SERVER_STABLE_SINCE = _gauge(
    "vault_raft_autopilot_server_stable_since_timestamp_seconds",
    AUTOPILOT,
    "Time since when the server's health has not changed.",
    "node_id",
)

# The nodes of HA.

HA_NODES = _gauge("vault_ha_nodes", HA_STATUS, "Number of nodes that the active node knows, including itself.")
HA_NODE_INFO = _gauge(
    "vault_ha_node_info", HA_STATUS, "Always 1; version of the node.", "hostname", "api_address", "version"
)
HA_NODE_ACTIVE = _gauge("vault_ha_node_active", HA_STATUS, "1 if the node is active.", "hostname", "api_address")
HA_NODE_LAST_ECHO = _gauge(
    "vault_ha_node_last_echo_timestamp_seconds",
    HA_STATUS,
    "Time of the standby's last heartbeat at the active node.",
    "hostname",
    "api_address",
)
HA_NODE_ECHO_DURATION = _gauge(
    "vault_ha_node_echo_duration_seconds",
    HA_STATUS,
    "Duration of the standby's last heartbeat (Vault).",
    "hostname",
    "api_address",
)
HA_NODE_CLOCK_SKEW = _gauge(
    "vault_ha_node_clock_skew_seconds",
    HA_STATUS,
    "Clock skew between the standby and the active node (Vault).",
    "hostname",
    "api_address",
)

# Ceremonies with key shares.

OPERATION_IN_PROGRESS = _gauge(
    "vault_operation_in_progress",
    OPERATIONS,
    "1 while the operation waits for key shares: rekey (new unseal keys), rekey_recovery (new recovery keys), "
    "generate_root (a new root token).",
    "operation",
)
OPERATION_PROGRESS = _gauge(
    "vault_operation_progress_shares", OPERATIONS, "Key shares given so far to the operation in progress.", "operation"
)
OPERATION_REQUIRED = _gauge(
    "vault_operation_required_shares", OPERATIONS, "Key shares that the operation needs.", "operation"
)

# Versions, replication, license.

VERSION_INSTALLED = _gauge(
    "vault_version_installed_timestamp_seconds",
    VERSIONS,
    "Time when the cluster first ran the version; the newest 20 versions.",
    "version",
)
REPLICATION_STATE = _gauge(
    "vault_replication_state",
    REPLICATION,
    "Always 1; state of the replication (dr, performance): running, stream-wals, merkle-diff, merkle-sync, idle "
    "(Vault Enterprise).",
    "replication",
    "state",
)
REPLICATION_LAST_WAL = _gauge(
    "vault_replication_last_wal", REPLICATION, "Index of the last write-ahead log entry of the cluster.", "replication"
)
REPLICATION_LAST_REMOTE_WAL = _gauge(
    "vault_replication_last_remote_wal",
    REPLICATION,
    "Index of the last write-ahead log entry that the secondary received from its primary.",
    "replication",
)
REPLICATION_KNOWN_SECONDARIES = _gauge(
    "vault_replication_known_secondaries", REPLICATION, "Number of secondaries that the primary knows.", "replication"
)
REPLICATION_CONNECTED_SECONDARIES = _gauge(
    "vault_replication_connected_secondaries",
    REPLICATION,
    "Number of secondaries connected to the primary.",
    "replication",
)
REPLICATION_PRIMARY_CONNECTED = _gauge(
    "vault_replication_primary_connected",
    REPLICATION,
    "1 if the secondary is connected to its primary.",
    "replication",
)
REPLICATION_MERKLE_CORRUPTED = _gauge(
    "vault_replication_merkle_tree_corrupted",
    REPLICATION,
    "1 if the last check found the Merkle tree corrupted.",
    "replication",
)
LICENSE_TERMINATION = _gauge(
    "vault_license_termination_timestamp_seconds",
    LICENSE,
    "Time from which the node does not start with the license (Vault Enterprise).",
)
