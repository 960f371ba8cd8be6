"""What the exporter looks after only where it is told to."""

from typing import Final

from vault_exporter.metrics.catalogue.declare import Source
from vault_exporter.metrics.catalogue.declare import counter as _counter
from vault_exporter.metrics.catalogue.declare import gauge as _gauge

KV_METADATA: Final = Source("GET /v1/:mount/metadata/:path, of the secrets in kv", "kv")
CANARY: Final = Source("the canary, where one is configured", "canary")
BACKUP: Final = Source("the files in backup", "backup")

# Secrets.

KV_EXISTS = _gauge("vault_kv_secret_exists", KV_METADATA, "1 if the secret exists, 0 if not.", "mount", "path")
KV_CURRENT_VERSION = _gauge(
    "vault_kv_secret_current_version", KV_METADATA, "Current version number of the secret.", "mount", "path"
)
KV_VERSION_CREATED = _gauge(
    "vault_kv_secret_version_created_timestamp_seconds",
    KV_METADATA,
    "Creation time of the secret's current version.",
    "mount",
    "path",
)
KV_UPDATED = _gauge(
    "vault_kv_secret_updated_timestamp_seconds",
    KV_METADATA,
    "Time of the last write to the secret or its metadata.",
    "mount",
    "path",
)
KV_VERSIONS = _gauge(
    "vault_kv_secret_versions", KV_METADATA, "Number of versions of the secret that are kept.", "mount", "path"
)
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
    "Time when the secret's current version was or will be deleted. Absent if no deletion is planned.",
    "mount",
    "path",
)
KV_MAX_AGE = _gauge(
    "vault_kv_secret_max_age_seconds",
    KV_METADATA,
    "Maximum age of the secret's current version, from kv[].max_age. Absent if there is none.",
    "mount",
    "path",
)
KV_SKIPPED = _gauge(
    "vault_kv_secrets_skipped",
    KV_METADATA,
    "Secrets and folders skipped because there are more than kv[].max_paths.",
    "mount",
)

# The canary.

CANARY_SUCCESS = _gauge(
    "vault_canary_success",
    CANARY,
    "1 if the step of the last run succeeded: write, read, delete. After a failed step, the next ones are not run.",
    "step",
)
CANARY_DURATION = _gauge(
    "vault_canary_duration_seconds", CANARY, "Duration of the step in the last run. Absent if the step failed.", "step"
)
CANARY_RUNS = _counter("vault_canary_runs_total", CANARY, "Runs of the canary.")
CANARY_FAILURES = _counter(
    "vault_canary_failures_total", CANARY, "Failed runs of the canary, by the step that failed.", "step"
)

CANARY_AUDIT_SUCCESS = _gauge(
    "vault_canary_audit_success",
    CANARY,
    "1 if the requests of the canary were in the audit log within a minute, 0 if not; of the latest run for which this "
    "is known. Absent where this exporter reads no audit log.",
)
CANARY_AUDIT_DELAY = _gauge(
    "vault_canary_audit_delay_seconds",
    CANARY,
    "Time from the answer to a request of the canary until its audit entry was read. Absent if the entry was not "
    "found.",
)

# Backups.

BACKUP_FILES = _gauge("vault_backup_files", BACKUP, "Number of files that match the pattern.", "name")
BACKUP_LAST = _gauge("vault_backup_last_timestamp_seconds", BACKUP, "Modification time of the newest file.", "name")
BACKUP_LAST_SIZE = _gauge("vault_backup_last_size_bytes", BACKUP, "Size of the newest file.", "name")
BACKUP_MAX_AGE = _gauge(
    "vault_backup_max_age_seconds",
    BACKUP,
    "Maximum age of the newest file, from backup[].max_age. Absent if there is none.",
    "name",
)

# Certificates.

PKI: Final = Source(
    "GET /v1/:mount/issuer/:ref/{json,crl}, /v1/:mount/cert/:serial, LIST /v1/:mount/certs{,/revoked}, of pki", "pki"
)

PKI_ISSUER_NOT_AFTER = _gauge(
    "vault_pki_issuer_not_after_timestamp_seconds",
    PKI,
    "Expiry time of the issuer's certificate. The issuer is named by its name, or else by its id.",
    "mount",
    "issuer",
)
PKI_ISSUER_NOT_BEFORE = _gauge(
    "vault_pki_issuer_not_before_timestamp_seconds",
    PKI,
    "Start of validity of the issuer's certificate.",
    "mount",
    "issuer",
)
PKI_CRL_LAST_UPDATE = _gauge(
    "vault_pki_crl_last_update_timestamp_seconds", PKI, "Creation time of the issuer's CRL.", "mount", "issuer"
)
PKI_CRL_NEXT_UPDATE = _gauge(
    "vault_pki_crl_next_update_timestamp_seconds",
    PKI,
    "Expiry time of the issuer's CRL.",
    "mount",
    "issuer",
)
PKI_CRL_REVOKED = _gauge(
    "vault_pki_crl_revoked_certificates",
    PKI,
    "Number of certificates that the issuer's CRL revokes.",
    "mount",
    "issuer",
)
PKI_CERTIFICATES = _gauge(
    "vault_pki_certificates",
    PKI,
    "Stored certificates that are not revoked, including issuers, by time to expiry: expired, 1d (at most a day),"
    " 7d (more than a day), 30d, 90d, later.",
    "mount",
    "expires_in",
)
PKI_NAMED_NOT_AFTER = _gauge(
    "vault_pki_named_certificate_not_after_timestamp_seconds",
    PKI,
    "Latest expiry time of the certificates with a name from pki[].names that are not revoked. Absent if the "
    "engine stores none.",
    "mount",
    "name",
)
PKI_NAMED_NOT_BEFORE = _gauge(
    "vault_pki_named_certificate_not_before_timestamp_seconds",
    PKI,
    "Start of validity of the certificate with the latest expiry time of those with a name from pki[].names.",
    "mount",
    "name",
)
PKI_SKIPPED = _gauge(
    "vault_pki_certificates_skipped",
    PKI,
    "Certificates that are not counted because there are more than pki[].max_certificates.",
    "mount",
)

# Credentials.

APPROLE: Final = Source("LIST /v1/auth/:mount/role/:role/secret-id, of the roles in approle", "approle")
WATCHED_TOKENS: Final = Source("POST /v1/auth/token/lookup-accessor, of the tokens in watched_tokens", "watched_tokens")
DATABASE: Final = Source("GET /v1/:mount/static-roles/:role, of the roles in database", "database")

APPROLE_SECRET_IDS = _gauge("vault_approle_secret_ids", APPROLE, "Number of secret-ids of the role.", "mount", "role")
APPROLE_NEXT_EXPIRY = _gauge(
    "vault_approle_secret_id_expiry_timestamp_seconds",
    APPROLE,
    "Earliest expiry time of the role's first max_secret_ids secret-ids. Absent if none expires.",
    "mount",
    "role",
)
WATCHED_TOKEN_EXISTS = _gauge(
    "vault_watched_token_exists", WATCHED_TOKENS, "1 if the token is valid, 0 if not.", "name"
)
WATCHED_TOKEN_EXPIRY = _gauge(
    "vault_watched_token_expiry_timestamp_seconds",
    WATCHED_TOKENS,
    "Expiry time of the token. Absent if it never expires or is not valid.",
    "name",
)
DATABASE_LAST_ROTATION = _gauge(
    "vault_database_static_role_last_rotation_timestamp_seconds",
    DATABASE,
    "Time of the last rotation of the static role's password.",
    "mount",
    "role",
)
DATABASE_NEXT_ROTATION = _gauge(
    "vault_database_static_role_next_rotation_timestamp_seconds",
    DATABASE,
    "Time of the next rotation of the static role's password. Absent if a schedule decides.",
    "mount",
    "role",
)
