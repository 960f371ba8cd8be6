"""The scrape of a target itself."""

from typing import Final

from vault_exporter.metrics.catalogue.declare import Source
from vault_exporter.metrics.catalogue.declare import gauge as _gauge

SCRAPE: Final = Source("the scrape of a target", "scrape")

COLLECTOR_SUCCESS = _gauge(
    "vault_exporter_collector_success", SCRAPE, "1 if the collector succeeded, 0 if it failed.", "collector"
)
COLLECTOR_DURATION = _gauge(
    "vault_exporter_collector_duration_seconds", SCRAPE, "Duration of the collector in this scrape.", "collector"
)
COLLECTOR_FAILURE = _gauge(
    "vault_exporter_collector_failure_reason",
    SCRAPE,
    "Always 1; the reason why the collector failed. Absent while it succeeds.",
    "collector",
    "reason",
)
COLLECTOR_LAST_SUCCESS = _gauge(
    "vault_exporter_collector_last_success_timestamp_seconds",
    SCRAPE,
    "Time of the collector's last success. Present for collectors with an interval, which publish their last good"
    " result until the next run.",
    "collector",
)
PROBE_DURATION = _gauge("vault_exporter_probe_duration_seconds", SCRAPE, "Duration of the whole scrape of the target.")
PROBE_REQUESTS = _gauge("vault_exporter_probe_requests", SCRAPE, "Number of HTTP requests to the node in this scrape.")
