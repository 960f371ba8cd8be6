"""What the active node says of its cluster, asked with a token."""

from typing import Final

from vault_exporter.catalogue.declare import gauge as _gauge

KEY_STATUS: Final = "GET /v1/sys/key-status"
ROTATE_CONFIG: Final = "GET /v1/sys/rotate/config"

AUDIT_DEVICES_LIST: Final = "GET /v1/sys/audit"
MOUNTS_LIST: Final = "GET /v1/sys/mounts"
AUTH_LIST: Final = "GET /v1/sys/auth"

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

# What is mounted.

MOUNTS = _gauge(
    "vault_mounts",
    MOUNTS_LIST,
    "Secrets engines that are mounted, by type, running version of the plugin, and what the node says of its "
    "deprecation (supported, deprecated, pending-removal, removed, unknown, or nothing).",
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
