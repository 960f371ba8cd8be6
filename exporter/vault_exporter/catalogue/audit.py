"""What is counted in audit logs, and how reading them goes."""

from typing import Final

from vault_exporter.catalogue.declare import counter as _counter
from vault_exporter.catalogue.declare import gauge as _gauge

AUDIT: Final = "audit log entries"
AUDIT_READER: Final = "the audit log reader"

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
