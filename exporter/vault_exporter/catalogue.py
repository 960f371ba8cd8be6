"""Every metric family the exporter publishes, declared once.

A name stands here and nowhere else: collectors, the audit reader, rules, panels and ``docs/metrics.md`` take it from
this file or are checked against it. A published name, type or label is for ever; choose it with that in mind.

Conventions: base units with a true suffix; timestamps, not ages; 0 and 1 for booleans. ``source`` is the endpoint of
Vault (see https://openbao.org/api-docs/ and https://developer.hashicorp.com/vault/api-docs) or the part of the
exporter that a value comes from. Where Vault did not say, there is no sample, except for the families whose help says
"always present".
"""

from typing import Final

from vault_exporter.metrics import Family, MetricType
from vault_exporter.reasons import Reason

__all__ = ["FAMILIES", "NAMES"]

HEALTH: Final = "GET /v1/sys/health"
SEAL_STATUS: Final = "GET /v1/sys/seal-status"
LEADER: Final = "GET /v1/sys/leader"
TELEMETRY: Final = "GET /v1/sys/metrics?format=prometheus"
SCRAPE: Final = "the scrape of a target"
AUDIT: Final = "audit log entries"
AUDIT_READER: Final = "the audit log reader"
EXPORTER: Final = "the exporter"


def _gauge(name: str, source: str, text: str, *labels: str) -> Family:
    return _family("gauge", name, source, text, labels)


def _counter(name: str, source: str, text: str, *labels: str) -> Family:
    return _family("counter", name, source, text, labels)


def _family(kind: MetricType, name: str, source: str, text: str, labels: tuple[str, ...]) -> Family:
    return Family(name=name, type=kind, help=text, source=source, labels=labels)


# The node's health.

UP = _gauge(
    "vault_up", HEALTH, "1 if the node answered sys/health with something recognisable about itself. Always present."
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
    "1 if the node says that it is sealed; 0 if it is unsealed or says nothing. Always present.",
)
CORE_UNSEALED = _gauge(
    "vault_core_unsealed",
    SEAL_STATUS,
    "1 if the node says that it is unsealed; 0 if it is sealed or says nothing. Replaces the native series of the "
    "same name, which is wrong after an unseal. Always present.",
)
STANDBY = _gauge("vault_standby", HEALTH, "1 if the node is an HA standby.")
PERFORMANCE_STANDBY = _gauge("vault_performance_standby", HEALTH, "1 if the node is a performance standby.")
ACTIVE = _gauge(
    "vault_active",
    HEALTH,
    "1 if the node says that it is unsealed and the active node of its cluster. Always present.",
)
INFO = _gauge(
    "vault_info",
    HEALTH,
    "Always 1; the labels say what the node runs and which cluster it belongs to (cluster labels are empty while "
    "sealed).",
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
    "The node's clock less the exporter's, to within half a second (the node states whole seconds).",
)
HA_CLOCK_SKEW = _gauge(
    "vault_ha_clock_skew_seconds", HEALTH, "The standby's clock against the active node's, as the standby states it."
)
HA_ECHO_DURATION = _gauge(
    "vault_ha_echo_duration_seconds", HEALTH, "How long the standby's last heartbeat to the active node took."
)
HA_CONNECTION_HEALTHY = _gauge(
    "vault_ha_connection_healthy", HEALTH, "1 if the standby's connection to the active node works (Vault)."
)
REMOVED_FROM_CLUSTER = _gauge(
    "vault_removed_from_cluster", HEALTH, "1 if the node was removed from its raft cluster (Vault)."
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
SEAL_PROGRESS = _gauge("vault_seal_progress", SEAL_STATUS, "Key shares entered so far in the unseal under way.")
SEAL_MIGRATION = _gauge("vault_seal_migration", SEAL_STATUS, "1 while a migration between seals is under way.")
SEAL_RECOVERY = _gauge(
    "vault_seal_recovery", SEAL_STATUS, "1 if the seal is an auto-unseal with recovery keys, 0 if it is not."
)

# Leadership.

HA_ENABLED = _gauge("vault_ha_enabled", LEADER, "1 if the node's storage supports high availability and uses it.")
LEADER_KNOWN = _gauge("vault_leader_known", LEADER, "1 if the node knows an active node of its HA cluster.")
LEADER_IS_SELF = _gauge("vault_leader_is_self", LEADER, "1 if the node holds the leadership of its HA cluster.")
ACTIVE_SINCE = _gauge(
    "vault_active_since_timestamp_seconds", LEADER, "When the node became active; only on the active node of HA."
)
LEADER_RAFT_COMMITTED_INDEX = _gauge(
    "vault_leader_raft_committed_index", LEADER, "The node's last committed raft index (raft storage)."
)
LEADER_RAFT_APPLIED_INDEX = _gauge(
    "vault_leader_raft_applied_index", LEADER, "The node's last applied raft index (raft storage)."
)

# Vault's own telemetry, passed on.

TELEMETRY_STATUS = _gauge(
    "vault_exporter_telemetry_status",
    TELEMETRY,
    "1 for what became of Vault's own telemetry in this scrape, 0 for every other status: ok (passed on), "
    "permission_denied (no token, or a policy without sys/metrics), disabled (prometheus_retention_time is 0 in "
    "Vault), off (switched off in the exporter), unavailable (sealed or starting without it), failed.",
    "status",
)
TELEMETRY_SAMPLES = _gauge(
    "vault_exporter_telemetry_samples", TELEMETRY, "Samples of Vault's own telemetry passed on in this scrape."
)
TELEMETRY_DROPPED = _gauge(
    "vault_exporter_telemetry_dropped_lines",
    TELEMETRY,
    "Lines of Vault's own telemetry left out in this scrape: filtered (telemetry.drop), stale (duplicate left from "
    "before the last unseal), replaced (the exporter has a true series of that name), invalid (not a sample).",
    "cause",
)
TELEMETRY_REPAIRED = _gauge(
    "vault_exporter_telemetry_repaired_lines",
    TELEMETRY,
    "Lines of Vault's own telemetry changed or added in this scrape: renamed (go_ and process_ prefixed with vault_), "
    "continued (a counter that restarted within the same process goes on from where it was), held (a counter that "
    "expired keeps its last value).",
    "cause",
)
TELEMETRY_TRACKED = _gauge(
    "vault_exporter_telemetry_tracked_series",
    TELEMETRY,
    "Counters and summary counts and sums whose continuity the exporter keeps between scrapes; bounded by "
    "telemetry.max_tracked_series.",
)

# The scrape.

COLLECTOR_SUCCESS = _gauge(
    "vault_exporter_collector_success", SCRAPE, "1 if the collector got what it asked the node for.", "collector"
)
COLLECTOR_DURATION = _gauge(
    "vault_exporter_collector_duration_seconds", SCRAPE, "How long the collector took.", "collector"
)
COLLECTOR_FAILURE = _gauge(
    "vault_exporter_collector_failure_reason",
    SCRAPE,
    "Always 1; why the collector failed. Absent while it succeeds.",
    "collector",
    "reason",
)
PROBE_DURATION = _gauge(
    "vault_exporter_probe_duration_seconds", SCRAPE, "How long the whole scrape of the target took."
)
PROBE_REQUESTS = _gauge(
    "vault_exporter_probe_requests", SCRAPE, "HTTP requests that the scrape of the target made to the node."
)

# The audit log.

AUDIT_ENTRIES = _counter(
    "vault_audit_entries_total",
    AUDIT,
    "Audit log entries read, by type (request, response), operation and mount. Mounts beyond audit.max_mounts are "
    "counted as other.",
    "type",
    "operation",
    "mount_type",
    "mount_point",
)
AUDIT_ERRORS = _counter(
    "vault_audit_errors_total",
    AUDIT,
    "Responses with an error, by class of error and mount; each request that failed counts once.",
    "class",
    "mount_type",
    "mount_point",
)
AUDIT_LAST_ENTRY = _gauge(
    "vault_audit_last_entry_timestamp_seconds", AUDIT, "The time stated by the newest entry read.", "log"
)
AUDIT_READABLE = _gauge("vault_audit_reader_up", AUDIT_READER, "1 if the audit log is open and being read.", "log")
AUDIT_READ_BYTES = _counter("vault_audit_reader_read_bytes_total", AUDIT_READER, "Bytes of the audit log read.", "log")
AUDIT_LAG = _gauge(
    "vault_audit_reader_lag_bytes",
    AUDIT_READER,
    "Bytes of the audit log, rotated files still open included, that are not yet read.",
    "log",
)
AUDIT_ROTATIONS = _counter(
    "vault_audit_reader_rotations_total", AUDIT_READER, "Times that the audit log was replaced by a new file.", "log"
)
AUDIT_TRUNCATIONS = _counter(
    "vault_audit_reader_truncations_total", AUDIT_READER, "Times that the audit log was truncated in place.", "log"
)
AUDIT_REJECTED = _counter(
    "vault_audit_reader_rejected_lines_total",
    AUDIT_READER,
    "Lines of the audit log that are no entry, by reason: not_json, not_an_entry, too_long, incomplete.",
    "log",
    "reason",
)

# The exporter.

BUILD_INFO = _gauge(
    "vault_exporter_build_info", EXPORTER, "Always 1; the exporter's version and its Python's.", "version", "python"
)
TARGETS = _gauge("vault_exporter_targets", EXPORTER, "Targets that the exporter is configured with.")

FAMILIES: Final = tuple(value for value in tuple(globals().values()) if isinstance(value, Family))
"""Every family, in the order of declaration."""

NAMES: Final = frozenset(family.name for family in FAMILIES)
"""Every family's name."""
