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
    "Failed requests, by class of error and mount. Each failed request counts once.",
    "class",
    "mount_type",
    "mount_point",
)
AUDIT_NAMESPACE_ENTRIES = _counter(
    "vault_audit_namespace_entries_total",
    AUDIT,
    "Audit log entries read, by type, class of mount (secret, auth; empty for a request that reached no mount) "
    "and Vault's namespace (empty for the root namespace). Namespaces beyond audit.max_namespaces count as other.",
    "type",
    "mount_class",
    "vault_namespace",
)
AUDIT_NAMESPACE_ERRORS = _counter(
    "vault_audit_namespace_errors_total",
    AUDIT,
    "Failed requests, by operation, class of mount and Vault's namespace.",
    "operation",
    "mount_class",
    "vault_namespace",
)
AUDIT_ENTRY_BYTES = _counter(
    "vault_audit_entry_bytes_total",
    AUDIT,
    "Size of the audit log entries read, by type and mount.",
    "type",
    "mount_type",
    "mount_point",
)
AUDIT_LOGINS = _counter(
    "vault_audit_logins_total", AUDIT, "Successful logins, by auth mount.", "mount_type", "mount_point"
)
AUDIT_LOGIN_FAILURES = _counter(
    "vault_audit_login_failures_total", AUDIT, "Failed logins, by auth mount.", "mount_type", "mount_point"
)
AUDIT_TOKENS_CREATED = _counter(
    "vault_audit_tokens_created_total",
    AUDIT,
    "Tokens issued by logins and token creation, by type (service, batch, other).",
    "token_type",
)
AUDIT_TOKENS_RENEWED = _counter("vault_audit_tokens_renewed_total", AUDIT, "Token renewals.")
AUDIT_TOKENS_REVOKED = _counter(
    "vault_audit_tokens_revoked_total",
    AUDIT,
    "Requests that revoked a token. Child tokens and expired tokens are not audited.",
)
AUDIT_LEASES_CREATED = _counter(
    "vault_audit_leases_created_total", AUDIT, "Secrets issued with a lease, by mount.", "mount_type", "mount_point"
)
AUDIT_LEASES_RENEWED = _counter("vault_audit_leases_renewed_total", AUDIT, "Lease renewals.")
AUDIT_LEASES_REVOKED = _counter(
    "vault_audit_leases_revoked_total",
    AUDIT,
    "Requests that revoked a lease or all leases below a prefix. Expiry is not audited.",
)
AUDIT_WRAPPED = _counter("vault_audit_wrapped_responses_total", AUDIT, "Wrapped responses.")
AUDIT_UNWRAPS = _counter("vault_audit_unwraps_total", AUDIT, "Wrapped responses that were unwrapped.")
AUDIT_UNWRAP_FAILURES = _counter(
    "vault_audit_unwrap_failures_total",
    AUDIT,
    "Refused wrapping tokens: used, expired or invalid. If the intended receiver is refused, someone else "
    "unwrapped the response.",
)
AUDIT_DURATION = _histogram(
    "vault_audit_request_duration_seconds",
    AUDIT,
    "Time between the request's entry and the response's entry, by type of mount and class of operation (read, "
    "list, write, delete, other). In OpenMetrics each bucket has the id of its last request as an exemplar.",
    "mount_type",
    "operation_class",
    buckets=(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
AUDIT_PENDING = _gauge(
    "vault_audit_pending_requests", AUDIT, "Requests whose response was not read yet; bounded by audit.max_pending."
)
AUDIT_UNANSWERED = _counter(
    "vault_audit_unanswered_requests_total",
    AUDIT,
    "Requests without a response, by reason: expired (no response within 10 minutes of log time), evicted (more "
    "than audit.max_pending). Kinds of requests that Vault never answers in the log are not included.",
    "reason",
)
AUDIT_UNMATCHED = _counter(
    "vault_audit_unmatched_responses_total",
    AUDIT,
    "Responses without a request, which have no duration: the request was written before reading started, or the "
    "device filters it out.",
)
AUDIT_OVERFLOW = _counter(
    "vault_audit_label_overflow_total",
    AUDIT,
    "Entries that count as other because a label reached its maximum number of values: operation, mount, "
    "mount_type, namespace, type.",
    "label",
)

AUDIT_GUESSED_MOUNT_ENTRIES = _counter(
    "vault_audit_guessed_mount_entries_total",
    AUDIT,
    "Audit log entries without a mount (Vault before 1.14), by the mount guessed from the path. Absent for mounts"
    " that entries state.",
    "mount_type",
    "mount_point",
)
AUDIT_EXCLUDED = _counter(
    "vault_audit_excluded_entries_total",
    AUDIT,
    "Entries excluded by audit.exclude, by reason: entity_id, display_name, remote_address. They count nowhere else.",
    "reason",
)
AUDIT_EVENTS = _counter(
    "vault_audit_events_total",
    AUDIT,
    "Security and operations events, by built-in rules and those of audit.events. Every event starts at 0.",
    "event",
)
AUDIT_EVENT_LAST = _gauge(
    "vault_audit_event_last_timestamp_seconds",
    AUDIT,
    "Time of the last entry of the event, from the entry.",
    "event",
)

# Reading.

AUDIT_LAST_ENTRY = _gauge(
    "vault_audit_last_entry_timestamp_seconds", AUDIT, "Time of the newest entry read, from the entry.", "log"
)
AUDIT_READABLE = _gauge("vault_audit_reader_up", AUDIT_READER, "1 if the audit log is open and being read.", "log")
AUDIT_READ_BYTES = _counter(
    "vault_audit_reader_read_bytes_total", AUDIT_READER, "Bytes read from the audit log.", "log"
)
AUDIT_LAG = _gauge(
    "vault_audit_reader_lag_bytes",
    AUDIT_READER,
    "Unread bytes of the audit log, including open rotated files; for an input, memory of lines that are not yet "
    "counted.",
    "log",
)
AUDIT_ROTATIONS = _counter(
    "vault_audit_reader_rotations_total", AUDIT_READER, "Number of times that a new file replaced the audit log.", "log"
)
AUDIT_TRUNCATIONS = _counter(
    "vault_audit_reader_truncations_total",
    AUDIT_READER,
    "Number of times that the audit log was truncated in place.",
    "log",
)
AUDIT_OLDEST_UNREAD = _gauge(
    "vault_audit_reader_oldest_unread_timestamp_seconds",
    AUDIT_READER,
    "Time of the oldest unread entry, from the entry. Absent if there is none.",
    "log",
)
AUDIT_GAPS = _counter(
    "vault_audit_reader_gaps_total",
    AUDIT_READER,
    "Number of restarts at which the file of the checkpoint's position was truncated, compressed or deleted, so "
    "that entries after the last scrape may be lost.",
    "log",
)
AUDIT_LOST_BYTES = _counter(
    "vault_audit_reader_lost_bytes_total",
    AUDIT_READER,
    "Bytes that were truncated before they were read. More may be lost.",
    "log",
)
AUDIT_SKIPPED_BYTES = _counter(
    "vault_audit_reader_skipped_bytes_total",
    AUDIT_READER,
    "Bytes of skipped lines: longer than audit.max_line_bytes, or without a newline at the end of their file.",
    "log",
)
AUDIT_CHECKPOINT = _gauge(
    "vault_audit_reader_checkpoint_timestamp_seconds",
    AUDIT_READER,
    "Time when the checkpoint was last written. Absent if there is none.",
)
AUDIT_UNCOMMITTED = _gauge(
    "vault_audit_reader_uncommitted_bytes",
    AUDIT_READER,
    "Counted bytes of the audit log that the checkpoint does not cover, because no completed scrape has included "
    "them. After a crash they are read again. Absent without audit.checkpoint.",
    "log",
)
AUDIT_CHECKPOINT_ERRORS = _counter(
    "vault_audit_reader_checkpoint_errors_total",
    AUDIT_READER,
    "Errors of the checkpoint, by reason: corrupt, unreadable, unwritable. Reading continues without it.",
    "reason",
)
AUDIT_REJECTED = _counter(
    "vault_audit_reader_rejected_lines_total",
    AUDIT_READER,
    "Rejected lines of the audit log, by reason: not_json, not_an_entry, too_long, incomplete, not_syslog.",
    "log",
    "reason",
)
AUDIT_OTHER_LINES = _counter(
    "vault_audit_reader_other_lines_total",
    AUDIT_READER,
    "Lines that are not audit entries, such as the server's own log in a container's output. They are not rejected.",
    "log",
)
AUDIT_DROPPED = _counter(
    "vault_audit_reader_dropped_lines_total",
    AUDIT_READER,
    "Lines that a network input dropped because the exporter was behind and audit.inputs[].max_waiting_bytes were"
    " waiting. The sender never waits.",
    "log",
)
AUDIT_CONNECTIONS = _gauge(
    "vault_audit_reader_connections", AUDIT_READER, "Open connections of a socket or syslog input.", "log"
)
AUDIT_ACCEPTED = _counter(
    "vault_audit_reader_accepted_connections_total",
    AUDIT_READER,
    "Accepted connections of a socket or syslog input.",
    "log",
)
AUDIT_REFUSED = _counter(
    "vault_audit_reader_refused_total",
    AUDIT_READER,
    "Connections, datagrams or requests that a network input refused, by reason: not_allowed (address not in "
    "allow), too_many (closed for a newer connection), unfinished (no newline within a minute), unauthorized "
    "(token missing or wrong).",
    "log",
    "reason",
)

AUDIT_TOP: Final = Source("who asks, in the audit log (audit.top, audit.paths)", "audit")

AUDIT_CLIENTS = _gauge(
    "vault_audit_distinct_clients",
    AUDIT_TOP,
    "Distinct client ids in requests of the last audit.top.window: exact up to 1024, then an estimate with a "
    "standard error of 1.6 %. Absent unless audit.top.enabled.",
)
AUDIT_ENTITIES = _gauge(
    "vault_audit_distinct_entities", AUDIT_TOP, "Distinct entity ids, counted like vault_audit_distinct_clients."
)
AUDIT_ADDRESSES = _gauge(
    "vault_audit_distinct_addresses", AUDIT_TOP, "Distinct remote addresses, counted like vault_audit_distinct_clients."
)
AUDIT_WINDOW = _gauge("vault_audit_distinct_window_seconds", AUDIT_TOP, "Length of the window of the distinct counts.")
AUDIT_PATH_REQUESTS = _counter(
    "vault_audit_path_requests_total",
    AUDIT_TOP,
    "Requests whose path matches a template of audit.paths. The label path is the template with its names filled "
    "in; paths beyond audit.max_path_values count as other.",
    "template",
    "path",
    "operation",
)
AUDIT_PATH_ERRORS = _counter(
    "vault_audit_path_errors_total",
    AUDIT_TOP,
    "Failed requests whose path matches a template of audit.paths.",
    "template",
    "path",
)
AUDIT_PATH_OVERFLOW = _counter(
    "vault_audit_path_overflow_total",
    AUDIT_TOP,
    "Requests that count with the path other because the template reached audit.max_path_values paths.",
    "template",
)
AUDIT_CLIENT_REQUESTS = _counter(
    "vault_audit_client_requests_total",
    AUDIT_TOP,
    "Requests of the clients whose display names audit.top.clients lists, and of all others as other.",
    "client",
)
