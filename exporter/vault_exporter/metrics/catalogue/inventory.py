"""What users made in a cluster, as numbers: mounts, policies, tokens, leases and the like; asked with a token."""

from typing import Final

from vault_exporter.metrics.catalogue.declare import Source
from vault_exporter.metrics.catalogue.declare import gauge as _gauge

AUDIT_DEVICES_LIST: Final = Source("GET /v1/sys/audit", "audit_devices")
MOUNTS_LIST: Final = Source("GET /v1/sys/mounts", "mounts")
AUTH_LIST: Final = Source("GET /v1/sys/auth", "auth_methods")
LEASES_COUNT: Final = Source("GET /v1/sys/leases/count?type=irrevocable", "leases")
TOKEN_COUNTERS: Final = Source("GET /v1/sys/internal/counters/tokens", "tokens")
ENTITY_COUNTERS: Final = Source("GET /v1/sys/internal/counters/entities", "entities")
ACTIVITY_COUNTERS: Final = Source("GET /v1/sys/internal/counters/activity/monthly", "clients")
QUOTAS_LISTS: Final = Source("LIST /v1/sys/quotas/{rate-limit,lease-count}", "quotas")
QUOTAS_CONFIG: Final = Source("GET /v1/sys/quotas/config", "quotas")
LOCKED_USERS_LIST: Final = Source("GET /v1/sys/locked-users", "locked_users")
POLICIES_LISTS: Final = Source("LIST /v1/sys/policies/{acl,password}", "policies")
NAMESPACES_LIST: Final = Source("LIST /v1/sys/namespaces", "namespaces")
NAMESPACE_SEAL: Final = Source("GET /v1/sys/namespaces/:path/seal-status", "namespaces")
PLUGINS_CATALOG: Final = Source("GET /v1/sys/plugins/catalog", "plugins")

# What is mounted.

MOUNTS = _gauge(
    "vault_mounts",
    MOUNTS_LIST,
    "Mounted secrets engines, by type, plugin version and deprecation status (supported, deprecated, "
    "pending-removal, removed, unknown, or empty). Beyond 1000 combinations, the rest is summed as other.",
    "type",
    "version",
    "deprecation_status",
)
MOUNTS_DEPRECATED = _gauge(
    "vault_mounts_deprecated",
    MOUNTS_LIST,
    "Mounted secrets engines whose plugin is deprecated, pending removal, or removed.",
)
KV_MOUNTS = _gauge("vault_kv_mounts", MOUNTS_LIST, "Mounted KV secrets engines, by KV version.", "version")
AUTH_MOUNTS = _gauge(
    "vault_auth_mounts",
    AUTH_LIST,
    "Mounted auth methods, by type, plugin version and deprecation status.",
    "type",
    "version",
    "deprecation_status",
)
AUTH_MOUNTS_DEPRECATED = _gauge(
    "vault_auth_mounts_deprecated",
    AUTH_LIST,
    "Mounted auth methods whose plugin is deprecated, pending removal, or removed.",
)

# Audit devices.

AUDIT_DEVICES = _gauge(
    "vault_audit_devices",
    AUDIT_DEVICES_LIST,
    "Enabled audit devices, by type. The types file, socket and syslog are always present.",
    "type",
)
AUDIT_DEVICES_LOG_RAW = _gauge(
    "vault_audit_devices_log_raw", AUDIT_DEVICES_LIST, "Audit devices with log_raw, which write secrets in plain text."
)

# Leases, tokens, entities, clients.

IRREVOCABLE_LEASES = _gauge(
    "vault_irrevocable_leases", LEASES_COUNT, "Irrevocable leases: leases whose revocation failed for good."
)
MOUNT_IRREVOCABLE_LEASES = _gauge(
    "vault_mount_irrevocable_leases",
    LEASES_COUNT,
    "Irrevocable leases of mounts that have some, by mount accessor. Beyond 1000 mounts, the rest is summed as other.",
    "mount_accessor",
)
SERVICE_TOKENS = _gauge("vault_service_tokens", TOKEN_COUNTERS, "Number of valid service tokens.")
IDENTITY_ENTITIES = _gauge("vault_identity_entities", ENTITY_COUNTERS, "Number of entities in the identity store.")
CLIENTS_CURRENT_MONTH = _gauge(
    "vault_clients_current_month",
    ACTIVITY_COUNTERS,
    "Clients in the current month so far, by type: entity, non_entity, secret_sync, acme (Vault).",
    "type",
)

# Quotas and locked users.

QUOTAS = _gauge("vault_quotas", QUOTAS_LISTS, "Number of quotas, by type: rate_limit, lease_count.", "type")
QUOTA_AUDIT_LOGGING = _gauge(
    "vault_quota_rate_limit_audit_logging_enabled",
    QUOTAS_CONFIG,
    "1 if requests refused by a rate-limit quota are audited.",
)
LOCKED_USERS = _gauge("vault_locked_users", LOCKED_USERS_LIST, "Users locked out after failed logins.")
MOUNT_LOCKED_USERS = _gauge(
    "vault_mount_locked_users",
    LOCKED_USERS_LIST,
    "Locked users of auth methods that have some, by mount accessor. Beyond 1000 mounts, the rest is summed as other.",
    "mount_accessor",
)

# Policies, namespaces, plugins.

POLICIES = _gauge("vault_policies", POLICIES_LISTS, "Policies, by type: acl, password.", "type")
NAMESPACES = _gauge("vault_namespaces", NAMESPACES_LIST, "Number of child namespaces of the target's namespace.")
NAMESPACES_LOCKED = _gauge(
    "vault_namespaces_locked", NAMESPACES_LIST, "Number of child namespaces whose API is locked."
)
NAMESPACES_SEALED = _gauge(
    "vault_namespaces_sealed",
    NAMESPACE_SEAL,
    "Number of child namespaces with a seal of their own that are sealed. Absent with more than 100 namespaces.",
)
PLUGINS = _gauge(
    "vault_plugins",
    PLUGINS_CATALOG,
    "Plugins in the catalogue, by type (auth, database, secret), whether built in, and deprecation status.",
    "type",
    "builtin",
    "deprecation_status",
)
