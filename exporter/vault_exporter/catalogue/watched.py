"""What the exporter looks after only where it is told to."""

from typing import Final

from vault_exporter.catalogue.declare import counter as _counter
from vault_exporter.catalogue.declare import gauge as _gauge

KV_METADATA: Final = "GET /v1/:mount/metadata/:path, of the secrets in kv"
CANARY: Final = "the canary, where one is configured"
BACKUP: Final = "the files in backup"

# Secrets.

KV_EXISTS = _gauge(
    "vault_kv_secret_exists", KV_METADATA, "1 if the secret that kv names is there, 0 if not.", "mount", "path"
)
KV_CURRENT_VERSION = _gauge(
    "vault_kv_secret_current_version", KV_METADATA, "Number of the secret's current version.", "mount", "path"
)
KV_VERSION_CREATED = _gauge(
    "vault_kv_secret_version_created_timestamp_seconds",
    KV_METADATA,
    "When the secret's current version was written.",
    "mount",
    "path",
)
KV_UPDATED = _gauge(
    "vault_kv_secret_updated_timestamp_seconds",
    KV_METADATA,
    "When the secret or its metadata was last written.",
    "mount",
    "path",
)
KV_VERSIONS = _gauge("vault_kv_secret_versions", KV_METADATA, "Versions of the secret that are kept.", "mount", "path")
KV_DELETED = _gauge(
    "vault_kv_secret_deleted",
    KV_METADATA,
    "1 if the secret's current version is deleted or destroyed.",
    "mount",
    "path",
)
KV_DELETION = _gauge(
    "vault_kv_secret_deletion_timestamp_seconds",
    KV_METADATA,
    "When the secret's current version was or will be deleted; absent where no deletion is planned.",
    "mount",
    "path",
)
KV_MAX_AGE = _gauge(
    "vault_kv_secret_max_age_seconds",
    KV_METADATA,
    "How long a version of the secret may be the current one, from kv; absent where it may be for ever.",
    "mount",
    "path",
)
KV_SKIPPED = _gauge(
    "vault_kv_secrets_skipped",
    KV_METADATA,
    "Secrets, and folders not looked into, that kv names and that are left out, since there are more than max_paths.",
    "mount",
)

# The canary.

CANARY_SUCCESS = _gauge(
    "vault_canary_success",
    CANARY,
    "1 if the step of the last run succeeded: write, read, delete. A step after one that failed is not tried.",
    "step",
)
CANARY_DURATION = _gauge(
    "vault_canary_duration_seconds", CANARY, "How long the step of the last run took, where it succeeded.", "step"
)
CANARY_RUNS = _counter("vault_canary_runs_total", CANARY, "Runs of the canary.")
CANARY_FAILURES = _counter("vault_canary_failures_total", CANARY, "Runs of the canary that failed at the step.", "step")

# Backups.

BACKUP_FILES = _gauge("vault_backup_files", BACKUP, "Files that match the pattern; 0 where there is none.", "name")
BACKUP_LAST = _gauge(
    "vault_backup_last_timestamp_seconds", BACKUP, "When the newest of the files was last written.", "name"
)
BACKUP_LAST_SIZE = _gauge("vault_backup_last_size_bytes", BACKUP, "Size of the newest of the files.", "name")
BACKUP_MAX_AGE = _gauge(
    "vault_backup_max_age_seconds", BACKUP, "How old the newest file may be, from backup; absent without.", "name"
)
