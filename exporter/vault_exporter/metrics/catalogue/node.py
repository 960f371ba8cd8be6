"""What a node says of itself without a token: health, seal, leadership."""

from typing import Final

from vault_exporter.metrics.catalogue.declare import Source
from vault_exporter.metrics.catalogue.declare import gauge as _gauge
from vault_exporter.metrics.reasons import Reason

HEALTH: Final = Source("GET /v1/sys/health", "health")
SEAL_STATUS: Final = Source("GET /v1/sys/seal-status", "seal")
LEADER: Final = Source("GET /v1/sys/leader", "leader")

# Health.

UP = _gauge(
    "vault_up",
    HEALTH,
    "1 if sys/health gave a valid answer and sys/leader did not answer HTTP 5xx (a standby without its storage "
    "shows only there). Always present.",
)
UP_FAILURE_REASON = _gauge(
    "vault_up_failure_reason",
    HEALTH,
    f"1 for the reason why vault_up is 0, 0 for every other reason ({', '.join(Reason)}). Always present.",
    "reason",
)
HEALTH_STATUS_CODE = _gauge(
    "vault_health_status_code",
    HEALTH,
    "HTTP status code of sys/health: 200 active, 429 standby, 472 DR secondary, 473 performance standby, "
    "474 HA connection unhealthy, 501 not initialized, 503 sealed, 530 removed from the cluster.",
)
INITIALIZED = _gauge("vault_initialized", HEALTH, "1 if the node's storage is initialized.")
SEALED = _gauge(
    "vault_sealed",
    SEAL_STATUS,
    "1 if the node is sealed; 0 if it is unsealed or does not answer. Always present.",
)
CORE_UNSEALED = _gauge(
    "vault_core_unsealed",
    SEAL_STATUS,
    "1 if the node says that it is unsealed; 0 if it is sealed or says nothing. Replaces the native series of the "
    "same name, which is wrong after an unseal. The label is Vault's own, the name that the node gives its cluster; "
    "absent where the target has a cluster in the configuration, and before the node said it. Always present.",
    "cluster",
    labels_optional=True,
)
STANDBY = _gauge(
    "vault_standby",
    HEALTH,
    "1 if sys/health says that the node is not active: an HA standby, or a node that is sealed or not initialized.",
)
PERFORMANCE_STANDBY = _gauge("vault_performance_standby", HEALTH, "1 if the node is a performance standby.")
ACTIVE = _gauge(
    "vault_active",
    HEALTH,
    "1 if the node is unsealed and the active node of its cluster. Always present.",
)
INFO = _gauge(
    "vault_info",
    HEALTH,
    "Always 1; version and cluster of the node. The cluster labels are empty while it is sealed.",
    "version",
    "cluster_name",
    "cluster_id",
)
REPLICATION_DR_PRIMARY = _gauge(
    "vault_replication_dr_primary", HEALTH, "1 if the node's cluster is a disaster recovery primary."
)
REPLICATION_DR_SECONDARY = _gauge(
    "vault_replication_dr_secondary", HEALTH, "1 if the node's cluster is a disaster recovery secondary."
)
REPLICATION_PERFORMANCE_PRIMARY = _gauge(
    "vault_replication_performance_primary", HEALTH, "1 if the node's cluster is a performance replication primary."
)
REPLICATION_PERFORMANCE_SECONDARY = _gauge(
    "vault_replication_performance_secondary",
    HEALTH,
    "1 if the node's cluster is a performance replication secondary.",
)
CLOCK_SKEW = _gauge(
    "vault_clock_skew_seconds",
    HEALTH,
    "Clock of the node minus clock of the exporter, to within half a second.",
)
HA_CLOCK_SKEW = _gauge(
    "vault_ha_clock_skew_seconds",
    HEALTH,
    "Clock skew between the standby and the active node, as the standby reports it.",
)
HA_ECHO_DURATION = _gauge(
    "vault_ha_echo_duration_seconds", HEALTH, "Duration of the standby's last heartbeat to the active node."
)
HA_CONNECTION_HEALTHY = _gauge(
    "vault_ha_connection_healthy", HEALTH, "1 if the standby's connection to the active node works (Vault)."
)
REMOVED_FROM_CLUSTER = _gauge(
    "vault_removed_from_cluster", HEALTH, "1 if the node was removed from its raft cluster (Vault)."
)
LICENSE_EXPIRY = _gauge(
    "vault_license_expiry_timestamp_seconds",
    HEALTH,
    "Expiry time of the license (Vault Enterprise), from sys/health, or from sys/license/status on an active node.",
)

# The seal.

SEAL_INFO = _gauge(
    "vault_seal_info", SEAL_STATUS, "Always 1; the type of the seal (shamir, transit, awskms, ...).", "type"
)
STORAGE_INFO = _gauge(
    "vault_storage_info", SEAL_STATUS, "Always 1; the type of the storage backend (raft, postgresql, ...).", "type"
)
SEAL_THRESHOLD = _gauge(
    "vault_seal_threshold", SEAL_STATUS, "Key shares needed to unseal (with a recovery seal: recovery key shares)."
)
SEAL_SHARES = _gauge(
    "vault_seal_shares", SEAL_STATUS, "Key shares that exist (with a recovery seal: recovery key shares)."
)
SEAL_PROGRESS = _gauge("vault_seal_progress", SEAL_STATUS, "Key shares entered so far in the current unseal.")
SEAL_MIGRATION = _gauge("vault_seal_migration", SEAL_STATUS, "1 while a seal migration is in progress.")
SEAL_RECOVERY = _gauge(
    "vault_seal_recovery", SEAL_STATUS, "1 if the seal is an auto-unseal with recovery keys, 0 if it is not."
)

# Leadership.

HA_ENABLED = _gauge("vault_ha_enabled", LEADER, "1 if the node's storage supports high availability and uses it.")
LEADER_KNOWN = _gauge(
    "vault_leader_known",
    LEADER,
    "1 if the node knows the active node of its HA cluster.",
)
LEADER_IS_SELF = _gauge("vault_leader_is_self", LEADER, "1 if the node is the leader of its HA cluster.")
ACTIVE_SINCE = _gauge(
    "vault_active_since_timestamp_seconds",
    LEADER,
    "Time when the node became active; only on the active node of an HA cluster.",
)
LEADER_RAFT_COMMITTED_INDEX = _gauge(
    "vault_leader_raft_committed_index", LEADER, "The node's last committed raft index (raft storage)."
)
LEADER_RAFT_APPLIED_INDEX = _gauge(
    "vault_leader_raft_applied_index", LEADER, "The node's last applied raft index (raft storage)."
)
