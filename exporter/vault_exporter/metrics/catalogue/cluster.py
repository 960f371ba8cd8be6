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

BARRIER_KEY_TERM = _gauge(
    "vault_barrier_key_term", KEY_STATUS, "Number of the key that encrypts the storage; each rotation adds 1."
)
BARRIER_KEY_INSTALLED = _gauge(
    "vault_barrier_key_install_timestamp_seconds", KEY_STATUS, "When the key that encrypts the storage was installed."
)
BARRIER_KEY_ENCRYPTIONS = _gauge(
    "vault_barrier_key_encryptions",
    KEY_STATUS,
    "Encryptions made with the key that encrypts the storage, as the node estimates them; starts anew at a rotation.",
)
BARRIER_KEY_ROTATION_ENABLED = _gauge(
    "vault_barrier_key_rotation_enabled",
    ROTATE_CONFIG,
    "1 if the key that encrypts the storage is rotated automatically.",
)
BARRIER_KEY_ROTATION_INTERVAL = _gauge(
    "vault_barrier_key_rotation_interval_seconds",
    ROTATE_CONFIG,
    "Time between two automatic rotations; 0 if only the number of encryptions decides.",
)
BARRIER_KEY_ROTATION_MAX_OPERATIONS = _gauge(
    "vault_barrier_key_rotation_max_operations",
    ROTATE_CONFIG,
    "Number of encryptions after which the key that encrypts the storage is rotated.",
)

# Raft.

RAFT_SERVERS = _gauge("vault_raft_servers", RAFT, "Servers in the configuration of raft.")
RAFT_VOTERS = _gauge("vault_raft_voters", RAFT, "Servers in the configuration of raft that vote.")
RAFT_SERVER_VOTER = _gauge("vault_raft_server_voter", RAFT, "1 if the server votes.", "node_id")
RAFT_SERVER_LEADER = _gauge("vault_raft_server_leader", RAFT, "1 if the server leads raft.", "node_id")

AUTOPILOT_HEALTHY = _gauge("vault_raft_autopilot_healthy", AUTOPILOT, "1 if autopilot finds every server healthy.")
AUTOPILOT_FAILURE_TOLERANCE = _gauge(
    "vault_raft_autopilot_failure_tolerance",
    AUTOPILOT,
    "Healthy servers that may fail before the cluster has no quorum.",
)
AUTOPILOT_OPTIMISTIC_FAILURE_TOLERANCE = _gauge(
    "vault_raft_autopilot_optimistic_failure_tolerance",
    AUTOPILOT,
    "Healthy servers that may fail one after the other, with redundancy zones taking over (Vault Enterprise).",
)
AUTOPILOT_SERVER_HEALTHY = _gauge(
    "vault_raft_autopilot_server_healthy", AUTOPILOT, "1 if autopilot finds the server healthy.", "node_id"
)
AUTOPILOT_SERVER_INFO = _gauge(
    "vault_raft_autopilot_server_info",
    AUTOPILOT,
    "Always 1; the server's part in raft (leader, voter, non-voter) and its version.",
    "node_id",
    "status",
    "version",
)
AUTOPILOT_SERVER_LAST_CONTACT = _gauge(
    "vault_raft_autopilot_server_last_contact_seconds",
    AUTOPILOT,
    "Time since the leader last heard of the server, as the leader states it.",
    "node_id",
)
AUTOPILOT_SERVER_LAST_INDEX = _gauge(
    "vault_raft_autopilot_server_last_index", AUTOPILOT, "The server's last raft index.", "node_id"
)
AUTOPILOT_SERVER_STABLE_SINCE = _gauge(
    "vault_raft_autopilot_server_stable_since_timestamp_seconds",
    AUTOPILOT,
    "Since when the server's health has been what it is.",
    "node_id",
)

# The nodes of HA.

HA_NODES = _gauge("vault_ha_nodes", HA_STATUS, "Nodes that the active node knows, itself among them.")
HA_NODE_INFO = _gauge(
    "vault_ha_node_info", HA_STATUS, "Always 1; the node's version.", "hostname", "api_address", "version"
)
HA_NODE_ACTIVE = _gauge(
    "vault_ha_node_active", HA_STATUS, "1 if the node is the active one.", "hostname", "api_address"
)
HA_NODE_LAST_ECHO = _gauge(
    "vault_ha_node_last_echo_timestamp_seconds",
    HA_STATUS,
    "When the active node last heard the standby's heartbeat.",
    "hostname",
    "api_address",
)
HA_NODE_ECHO_DURATION = _gauge(
    "vault_ha_node_echo_duration_seconds",
    HA_STATUS,
    "How long the standby's last heartbeat took (Vault).",
    "hostname",
    "api_address",
)
HA_NODE_CLOCK_SKEW = _gauge(
    "vault_ha_node_clock_skew_seconds",
    HA_STATUS,
    "The standby's clock against the active node's (Vault).",
    "hostname",
    "api_address",
)

# Ceremonies with key shares.

OPERATION_IN_PROGRESS = _gauge(
    "vault_operation_in_progress",
    OPERATIONS,
    "1 while the operation was started and waits for key shares: rekey (new unseal keys), rekey_recovery (new recovery "
    "keys), generate_root (a new root token).",
    "operation",
)
OPERATION_PROGRESS = _gauge(
    "vault_operation_progress_shares", OPERATIONS, "Key shares given so far to the operation in progress.", "operation"
)
OPERATION_REQUIRED = _gauge(
    "vault_operation_required_shares", OPERATIONS, "Key shares that the operation takes.", "operation"
)

# Versions, replication, license.

VERSION_INSTALLED = _gauge(
    "vault_version_installed_timestamp_seconds",
    VERSIONS,
    "When the cluster first ran the version; of the newest 20.",
    "version",
)
REPLICATION_STATE = _gauge(
    "vault_replication_state",
    REPLICATION,
    "Always 1; the state of the kind of replication (dr, performance): running, stream-wals, merkle-diff, merkle-sync, "
    "idle (Vault Enterprise).",
    "replication",
    "state",
)
REPLICATION_LAST_WAL = _gauge(
    "vault_replication_last_wal", REPLICATION, "Index of the last write-ahead log entry of the cluster.", "replication"
)
REPLICATION_LAST_REMOTE_WAL = _gauge(
    "vault_replication_last_remote_wal",
    REPLICATION,
    "Index of the last write-ahead log entry that the secondary has from its primary.",
    "replication",
)
REPLICATION_KNOWN_SECONDARIES = _gauge(
    "vault_replication_known_secondaries", REPLICATION, "Secondaries that the primary knows.", "replication"
)
REPLICATION_CONNECTED_SECONDARIES = _gauge(
    "vault_replication_connected_secondaries",
    REPLICATION,
    "Secondaries that are connected to the primary.",
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
    "When the node no longer starts with the license (Vault Enterprise).",
)
