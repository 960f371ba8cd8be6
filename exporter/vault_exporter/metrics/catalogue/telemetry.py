"""What became of Vault's own telemetry."""

from typing import Final

from vault_exporter.metrics.catalogue.declare import Source
from vault_exporter.metrics.catalogue.declare import gauge as _gauge

TELEMETRY: Final = Source("GET /v1/sys/metrics?format=prometheus", "telemetry")

TELEMETRY_STATUS = _gauge(
    "vault_exporter_telemetry_status",
    TELEMETRY,
    "1 for the status of Vault's own telemetry in this scrape, 0 for every other status: ok (passed on), "
    "unknown_prefix (passed on, but none of the families that every Vault has was found), "
    "permission_denied (no token, or a policy without sys/metrics), disabled (prometheus_retention_time is 0 in "
    "Vault), off (switched off in the exporter), unavailable (sealed or starting without it), failed.",
    "status",
)
TELEMETRY_SAMPLES = _gauge(
    "vault_exporter_telemetry_samples",
    TELEMETRY,
    "Number of samples of Vault's own telemetry passed on in this scrape.",
)
TELEMETRY_DROPPED = _gauge(
    "vault_exporter_telemetry_dropped_lines",
    TELEMETRY,
    "Lines of Vault's own telemetry dropped in this scrape, by reason: filtered (telemetry.drop), stale (a "
    "duplicate from before the last unseal), replaced (the exporter has a correct series of that name), invalid "
    "(not a sample).",
    "reason",
)
TELEMETRY_REPAIRED = _gauge(
    "vault_exporter_telemetry_repaired_lines",
    TELEMETRY,
    "Lines of Vault's own telemetry changed or added in this scrape: renamed (go_ and process_ prefixed with vault_; "
    "the prefix of metrics_prefix, and a host name in it, replaced by vault_), "
    "continued (a counter that restarted within the same process goes on from where it was), held (a counter that "
    "expired keeps its last value), started (a counter without an event so far is 0).",
    "reason",
)
TELEMETRY_TRACKED = _gauge(
    "vault_exporter_telemetry_tracked_series",
    TELEMETRY,
    "Counters, and summary counts and sums, that the exporter keeps continuous between scrapes; bounded by "
    "telemetry.max_tracked_series.",
)
