"""What the exporter looks after only where it is told to."""

from typing import Final

from vault_exporter.metrics.catalogue.declare import Source
from vault_exporter.metrics.catalogue.declare import counter as _counter
from vault_exporter.metrics.catalogue.declare import gauge as _gauge

KV_METADATA: Final = Source("GET /v1/:mount/metadata/:path, of the secrets in kv", "kv")
CANARY: Final = Source("the canary, where one is configured", "canary")
BACKUP: Final = Source("the files in backup", "backup")

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

CANARY_AUDIT_SUCCESS = _gauge(
    "vault_canary_audit_success",
    CANARY,
    "1 if the requests of the canary came by in the audit log within a minute, 0 if not: by the last run of which that "
    "is known. Absent where this exporter reads no audit log.",
)
CANARY_AUDIT_DELAY = _gauge(
    "vault_canary_audit_delay_seconds",
    CANARY,
    "From the answer to a request of the canary until its audit entry was read; absent if it did not come by.",
)

# Backups.

BACKUP_FILES = _gauge("vault_backup_files", BACKUP, "Files that match the pattern; 0 where there is none.", "name")
BACKUP_LAST = _gauge(
    "vault_backup_last_timestamp_seconds", BACKUP, "When the newest of the files was last written.", "name"
)
BACKUP_LAST_SIZE = _gauge("vault_backup_last_size_bytes", BACKUP, "Size of the newest of the files.", "name")
BACKUP_MAX_AGE = _gauge(
    "vault_backup_max_age_seconds", BACKUP, "How old the newest file may be, from backup; absent without.", "name"
)

# Certificates.

PKI: Final = Source(
    "GET /v1/:mount/issuer/:ref/{json,crl}, /v1/:mount/cert/:serial, LIST /v1/:mount/certs{,/revoked}, of pki", "pki"
)

PKI_ISSUER_NOT_AFTER = _gauge(
    "vault_pki_issuer_not_after_timestamp_seconds",
    PKI,
    "When the issuer's certificate expires; the issuer is called by its name, or else by its id.",
    "mount",
    "issuer",
)
PKI_ISSUER_NOT_BEFORE = _gauge(
    "vault_pki_issuer_not_before_timestamp_seconds",
    PKI,
    "Since when the issuer's certificate is valid.",
    "mount",
    "issuer",
)
PKI_CRL_LAST_UPDATE = _gauge(
    "vault_pki_crl_last_update_timestamp_seconds", PKI, "When the issuer's CRL was made.", "mount", "issuer"
)
PKI_CRL_NEXT_UPDATE = _gauge(
    "vault_pki_crl_next_update_timestamp_seconds",
    PKI,
    "Until when the issuer's CRL is good, and a new one has to be made.",
    "mount",
    "issuer",
)
PKI_CRL_REVOKED = _gauge(
    "vault_pki_crl_revoked_certificates", PKI, "Certificates that the issuer's CRL revokes.", "mount", "issuer"
)
PKI_CERTIFICATES = _gauge(
    "vault_pki_certificates",
    PKI,
    "Certificates that the engine keeps and has not revoked, the issuers' among them, by the time to their expiry: "
    "expired, 1d (at most a day), 7d (more than a day), 30d, 90d, later.",
    "mount",
    "expires_in",
)
PKI_NAMED_NOT_AFTER = _gauge(
    "vault_pki_named_certificate_not_after_timestamp_seconds",
    PKI,
    "When the certificate with the name in pki[].names expires that expires last of those that are not revoked. Absent "
    "where the engine keeps none.",
    "mount",
    "name",
)
PKI_SKIPPED = _gauge(
    "vault_pki_certificates_skipped",
    PKI,
    "Certificates that are not counted, since there are more than max_certificates.",
    "mount",
)

# Credentials.

APPROLE: Final = Source("LIST /v1/auth/:mount/role/:role/secret-id, of the roles in approle", "approle")
WATCHED_TOKENS: Final = Source("POST /v1/auth/token/lookup-accessor, of the tokens in watched_tokens", "watched_tokens")
DATABASE: Final = Source("GET /v1/:mount/static-roles/:role, of the roles in database", "database")

APPROLE_SECRET_IDS = _gauge("vault_approle_secret_ids", APPROLE, "Secret-ids of the role.", "mount", "role")
APPROLE_NEXT_EXPIRY = _gauge(
    "vault_approle_secret_id_expiry_timestamp_seconds",
    APPROLE,
    "When the first of the role's secret-ids expires, of the first max_secret_ids; absent where none does.",
    "mount",
    "role",
)
WATCHED_TOKEN_EXISTS = _gauge(
    "vault_watched_token_exists", WATCHED_TOKENS, "1 if the token is valid, 0 if not.", "name"
)
WATCHED_TOKEN_EXPIRY = _gauge(
    "vault_watched_token_expiry_timestamp_seconds",
    WATCHED_TOKENS,
    "When the token expires; absent where it never does, or is not valid.",
    "name",
)
DATABASE_LAST_ROTATION = _gauge(
    "vault_database_static_role_last_rotation_timestamp_seconds",
    DATABASE,
    "When the static role's password was last rotated.",
    "mount",
    "role",
)
DATABASE_NEXT_ROTATION = _gauge(
    "vault_database_static_role_next_rotation_timestamp_seconds",
    DATABASE,
    "When the static role's password is to be rotated next; absent where a schedule decides.",
    "mount",
    "role",
)
