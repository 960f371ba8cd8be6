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
    "Secrets engines that are mounted, by type, running version of the plugin, and what the node says of its "
    "deprecation (supported, deprecated, pending-removal, removed, unknown, or nothing); with more than 1000 such, the "
    "rest together as other.",
    "type",
    "version",
    "deprecation_status",
)
MOUNTS_DEPRECATED = _gauge(
    "vault_mounts_deprecated",
    MOUNTS_LIST,
    "Secrets engines that are mounted and whose plugin is deprecated, pending removal, or removed.",
)
KV_MOUNTS = _gauge("vault_kv_mounts", MOUNTS_LIST, "KV secrets engines that are mounted, by KV version.", "version")
AUTH_MOUNTS = _gauge(
    "vault_auth_mounts",
    AUTH_LIST,
    "Auth methods that are mounted, by type, running version of the plugin, and what the node says of its deprecation.",
    "type",
    "version",
    "deprecation_status",
)
AUTH_MOUNTS_DEPRECATED = _gauge(
    "vault_auth_mounts_deprecated",
    AUTH_LIST,
    "Auth methods that are mounted and whose plugin is deprecated, pending removal, or removed.",
)

# Audit devices.

AUDIT_DEVICES = _gauge(
    "vault_audit_devices",
    AUDIT_DEVICES_LIST,
    "Audit devices that are enabled, by type; file, socket and syslog are always among them.",
    "type",
)
AUDIT_DEVICES_LOG_RAW = _gauge(
    "vault_audit_devices_log_raw", AUDIT_DEVICES_LIST, "Audit devices with log_raw, which write secrets as they are."
)

# Leases, tokens, entities, clients.

IRREVOCABLE_LEASES = _gauge(
    "vault_irrevocable_leases", LEASES_COUNT, "Leases whose revocation failed for good, so that someone has to look."
)
MOUNT_IRREVOCABLE_LEASES = _gauge(
    "vault_mount_irrevocable_leases",
    LEASES_COUNT,
    "The same by the mount's accessor; only of mounts that have some. The 1000 with most, the rest together as other.",
    "mount_accessor",
)
SERVICE_TOKENS = _gauge("vault_service_tokens", TOKEN_COUNTERS, "Service tokens that are valid.")
IDENTITY_ENTITIES = _gauge("vault_identity_entities", ENTITY_COUNTERS, "Entities of the identity store.")
CLIENTS_CURRENT_MONTH = _gauge(
    "vault_clients_current_month",
    ACTIVITY_COUNTERS,
    "Clients counted in this month so far, by type: entity, non_entity, secret_sync, acme (Vault).",
    "type",
)

# Quotas and locked users.

QUOTAS = _gauge("vault_quotas", QUOTAS_LISTS, "Quotas that are set, by type: rate_limit, lease_count.", "type")
QUOTA_AUDIT_LOGGING = _gauge(
    "vault_quota_rate_limit_audit_logging_enabled",
    QUOTAS_CONFIG,
    "1 if requests that a rate-limit quota refuses are in the audit log.",
)
LOCKED_USERS = _gauge("vault_locked_users", LOCKED_USERS_LIST, "Users locked out after failed logins.")
MOUNT_LOCKED_USERS = _gauge(
    "vault_mount_locked_users",
    LOCKED_USERS_LIST,
    "The same by the auth method's accessor; only of methods that have some. The 1000 with most, the rest together as "
    "other.",
    "mount_accessor",
)

# Policies, namespaces, plugins.

POLICIES = _gauge("vault_policies", POLICIES_LISTS, "Policies, by type: acl, password.", "type")
NAMESPACES = _gauge("vault_namespaces", NAMESPACES_LIST, "Namespaces directly in the target's own.")
NAMESPACES_LOCKED = _gauge("vault_namespaces_locked", NAMESPACES_LIST, "Of these, namespaces whose API is locked.")
NAMESPACES_SEALED = _gauge(
    "vault_namespaces_sealed",
    NAMESPACE_SEAL,
    "Of these, namespaces that have a seal of their own and are sealed; absent with more than 100 namespaces.",
)
PLUGINS = _gauge(
    "vault_plugins",
    PLUGINS_CATALOG,
    "Plugins in the catalogue, by type (auth, database, secret), whether they are built in, and what the node says of "
    "their deprecation.",
    "type",
    "builtin",
    "deprecation_status",
)
