"""What is counted in audit logs, and how reading them goes."""

from typing import Final

from vault_exporter.metrics.catalogue.declare import Source
from vault_exporter.metrics.catalogue.declare import counter as _counter
from vault_exporter.metrics.catalogue.declare import gauge as _gauge
from vault_exporter.metrics.catalogue.declare import histogram as _histogram

AUDIT: Final = Source("audit log entries", "audit")
AUDIT_READER: Final = Source("the audit log reader", "audit")

# What the entries say.

AUDIT_ENTRIES = _counter(
    "vault_audit_entries_total",
    AUDIT,
    "Audit log entries read, by type (request, response; others, such as kmip-request, as the entry states), operation "
    "and mount. Mounts beyond audit.max_mounts are counted as other, and so are types beyond the first 8 others.",
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
AUDIT_NAMESPACE_ENTRIES = _counter(
    "vault_audit_namespace_entries_total",
    AUDIT,
    "Audit log entries read, by type, class of mount (secret, auth; empty if the entry reached none) and namespace "
    "(empty for the root namespace). Namespaces beyond audit.max_namespaces are counted as other.",
    "type",
    "mount_class",
    "namespace",
)
AUDIT_NAMESPACE_ERRORS = _counter(
    "vault_audit_namespace_errors_total",
    AUDIT,
    "Requests that failed, by operation, class of mount and namespace.",
    "operation",
    "mount_class",
    "namespace",
)
AUDIT_ENTRY_BYTES = _counter(
    "vault_audit_entry_bytes_total",
    AUDIT,
    "Bytes of the entries' lines, by type and mount: what fills the log, and how large requests and responses are.",
    "type",
    "mount_type",
    "mount_point",
)
AUDIT_LOGINS = _counter(
    "vault_audit_logins_total", AUDIT, "Logins that gave a token, by auth mount.", "mount_type", "mount_point"
)
AUDIT_LOGIN_FAILURES = _counter(
    "vault_audit_login_failures_total", AUDIT, "Logins that were refused, by auth mount.", "mount_type", "mount_point"
)
AUDIT_TOKENS_CREATED = _counter(
    "vault_audit_tokens_created_total",
    AUDIT,
    "Tokens given by logins and by token creation, by type (service, batch, other).",
    "token_type",
)
AUDIT_TOKENS_RENEWED = _counter("vault_audit_tokens_renewed_total", AUDIT, "Renewals of tokens.")
AUDIT_TOKENS_REVOKED = _counter(
    "vault_audit_tokens_revoked_total",
    AUDIT,
    "Requests that revoked a token; what Vault revokes along with it, or on expiry, is not audited.",
)
AUDIT_LEASES_CREATED = _counter(
    "vault_audit_leases_created_total", AUDIT, "Secrets given with a lease, by mount.", "mount_type", "mount_point"
)
AUDIT_LEASES_RENEWED = _counter("vault_audit_leases_renewed_total", AUDIT, "Renewals of leases.")
AUDIT_LEASES_REVOKED = _counter(
    "vault_audit_leases_revoked_total",
    AUDIT,
    "Requests that revoked a lease, or all below a prefix; what Vault revokes on expiry is not audited.",
)
AUDIT_WRAPPED = _counter(
    "vault_audit_wrapped_responses_total", AUDIT, "Responses that were wrapped, to be fetched with a one-time token."
)
AUDIT_UNWRAPS = _counter("vault_audit_unwraps_total", AUDIT, "Wrapped responses that were fetched.")
AUDIT_UNWRAP_FAILURES = _counter(
    "vault_audit_unwrap_failures_total",
    AUDIT,
    "Wrapping tokens that were refused: used up, expired or made up. One that its receiver cannot use was read by "
    "someone else.",
)
AUDIT_DURATION = _histogram(
    "vault_audit_request_duration_seconds",
    AUDIT,
    "From a request's entry to its response's, by type of mount and class of operation (read, list, write, delete, "
    "other): the time that Vault worked on it. In OpenMetrics each bucket names the id of its last request.",
    "mount_type",
    "operation_class",
    buckets=(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
AUDIT_PENDING = _gauge(
    "vault_audit_pending_requests", AUDIT, "Requests whose responses were not read yet; bounded by audit.max_pending."
)
AUDIT_UNANSWERED = _counter(
    "vault_audit_unanswered_requests_total",
    AUDIT,
    "Requests that were given up waiting for their responses: expired (10 minutes of the log's time), evicted (more "
    "than audit.max_pending). Requests that Vault never answers in the log are not among them.",
    "reason",
)
AUDIT_UNMATCHED = _counter(
    "vault_audit_unmatched_responses_total",
    AUDIT,
    "Responses whose requests were not read, so that they have no duration: written before reading began, or filtered "
    "out by the device.",
)
AUDIT_OVERFLOW = _counter(
    "vault_audit_label_overflow_total",
    AUDIT,
    "Entries counted as other because a label had its number of values: operation, mount, mount_type, namespace, type.",
    "label",
)

AUDIT_GUESSED_MOUNT_ENTRIES = _counter(
    "vault_audit_guessed_mount_entries_total",
    AUDIT,
    "Audit log entries that do not state their mount (Vault before 1.14), by the mount that is guessed from the path. "
    "Absent for mounts that entries state.",
    "mount_type",
    "mount_point",
)
AUDIT_EXCLUDED = _counter(
    "vault_audit_excluded_entries_total",
    AUDIT,
    "Entries left out by audit.exclude, by what told them: entity_id, display_name, remote_address. They are in no "
    "other count.",
    "reason",
)
AUDIT_EVENTS = _counter(
    "vault_audit_events_total",
    AUDIT,
    "Security and operations events, by the rules that are built in and those of audit.events; each is there from the "
    "start.",
    "event",
)
AUDIT_EVENT_LAST = _gauge(
    "vault_audit_event_last_timestamp_seconds",
    AUDIT,
    "The time stated by the last entry of the event; kept over restarts in audit.checkpoint. Absent before the first.",
    "event",
)

# Reading.

AUDIT_LAST_ENTRY = _gauge(
    "vault_audit_last_entry_timestamp_seconds", AUDIT, "The time stated by the newest entry read.", "log"
)
AUDIT_READABLE = _gauge("vault_audit_reader_up", AUDIT_READER, "1 if the audit log is open and being read.", "log")
AUDIT_READ_BYTES = _counter("vault_audit_reader_read_bytes_total", AUDIT_READER, "Bytes of the audit log read.", "log")
AUDIT_LAG = _gauge(
    "vault_audit_reader_lag_bytes",
    AUDIT_READER,
    "Bytes of the audit log, rotated files still open included, that are not yet read; of an input, memory that lines "
    "not yet counted take.",
    "log",
)
AUDIT_ROTATIONS = _counter(
    "vault_audit_reader_rotations_total", AUDIT_READER, "Times that the audit log was replaced by a new file.", "log"
)
AUDIT_TRUNCATIONS = _counter(
    "vault_audit_reader_truncations_total", AUDIT_READER, "Times that the audit log was truncated in place.", "log"
)
AUDIT_OLDEST_UNREAD = _gauge(
    "vault_audit_reader_oldest_unread_timestamp_seconds",
    AUDIT_READER,
    "The time stated by the oldest entry that is not read yet; absent while there is none.",
    "log",
)
AUDIT_GAPS = _counter(
    "vault_audit_reader_gaps_total",
    AUDIT_READER,
    "Times that the exporter, when it started, could not go on where the checkpoint says, since that file had been "
    "truncated, compressed or deleted; what it got after the last scrape is lost to the metrics.",
    "log",
)
AUDIT_LOST_BYTES = _counter(
    "vault_audit_reader_lost_bytes_total",
    AUDIT_READER,
    "Bytes that were seen to be in the audit log and were truncated before they were read; at least so many are lost.",
    "log",
)
AUDIT_SKIPPED_BYTES = _counter(
    "vault_audit_reader_skipped_bytes_total",
    AUDIT_READER,
    "Bytes of lines that were skipped: longer than audit.max_line_bytes, or without an end when their file ended.",
    "log",
)
AUDIT_CHECKPOINT = _gauge(
    "vault_audit_reader_checkpoint_timestamp_seconds",
    AUDIT_READER,
    "When the checkpoint was last written; absent while there is none.",
)
AUDIT_UNCOMMITTED = _gauge(
    "vault_audit_reader_uncommitted_bytes",
    AUDIT_READER,
    "Bytes of the audit log that were counted and that the checkpoint does not cover, since no completed scrape has "
    "shown them. After a crash they are counted again. Absent without audit.checkpoint.",
    "log",
)
AUDIT_CHECKPOINT_ERRORS = _counter(
    "vault_audit_reader_checkpoint_errors_total",
    AUDIT_READER,
    "Times that the checkpoint could not be used: corrupt, unreadable, unwritable. Reading goes on without.",
    "reason",
)
AUDIT_REJECTED = _counter(
    "vault_audit_reader_rejected_lines_total",
    AUDIT_READER,
    "Lines of the audit log that are no entry, by reason: not_json, not_an_entry, too_long, incomplete, not_syslog.",
    "log",
    "reason",
)
AUDIT_OTHER_LINES = _counter(
    "vault_audit_reader_other_lines_total",
    AUDIT_READER,
    "Lines among the audit entries that are not audit entries, such as the server's own log in a container's output. "
    "They are not rejected.",
    "log",
)
AUDIT_DROPPED = _counter(
    "vault_audit_reader_dropped_lines_total",
    AUDIT_READER,
    "Lines that a network input dropped because the exporter was behind and audit.inputs.max_waiting_bytes were "
    "waiting; the device that sends them is never made to wait.",
    "log",
)
AUDIT_CONNECTIONS = _gauge(
    "vault_audit_reader_connections", AUDIT_READER, "Connections that are open to a socket or syslog input.", "log"
)
AUDIT_ACCEPTED = _counter(
    "vault_audit_reader_accepted_connections_total",
    AUDIT_READER,
    "Connections that a socket or syslog input let in.",
    "log",
)
AUDIT_REFUSED = _counter(
    "vault_audit_reader_refused_total",
    AUDIT_READER,
    "Connections, datagrams or requests that a network input turned away, by reason: not_allowed (address not in "
    "allow), too_many (closed for a newer connection), unfinished (a line did not end within a minute), unauthorized "
    "(token missing or wrong).",
    "log",
    "reason",
)

AUDIT_TOP: Final = Source("who asks, in the audit log (audit.top, audit.paths)", "audit")

AUDIT_CLIENTS = _gauge(
    "vault_audit_distinct_clients",
    AUDIT_TOP,
    "Different client ids in requests of the last audit.top.window; exact up to 1024, beyond that an estimate with a "
    "standard error of 1.6 %. Absent unless audit.top.enabled.",
)
AUDIT_ENTITIES = _gauge("vault_audit_distinct_entities", AUDIT_TOP, "Different entity ids, likewise.")
AUDIT_ADDRESSES = _gauge("vault_audit_distinct_addresses", AUDIT_TOP, "Different remote addresses, likewise.")
AUDIT_WINDOW = _gauge("vault_audit_distinct_window_seconds", AUDIT_TOP, "The window that these are counted in.")
AUDIT_PATH_REQUESTS = _counter(
    "vault_audit_path_requests_total",
    AUDIT_TOP,
    "Requests whose path fits a template of audit.paths. path is the template with its names filled in; what is beyond "
    "audit.max_path_values is counted as other.",
    "template",
    "path",
    "operation",
)
AUDIT_PATH_ERRORS = _counter(
    "vault_audit_path_errors_total", AUDIT_TOP, "Those of them that failed, each once.", "template", "path"
)
AUDIT_PATH_OVERFLOW = _counter(
    "vault_audit_path_overflow_total",
    AUDIT_TOP,
    "Requests that were counted with the path other, since the template had made audit.max_path_values paths.",
    "template",
)
AUDIT_CLIENT_REQUESTS = _counter(
    "vault_audit_client_requests_total",
    AUDIT_TOP,
    "Requests of the clients that audit.top.clients lists by display name, and of all others as other.",
    "client",
)
