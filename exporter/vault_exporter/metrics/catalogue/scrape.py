"""The scrape of a target itself."""

from typing import Final

from vault_exporter.metrics.catalogue.declare import Source
from vault_exporter.metrics.catalogue.declare import gauge as _gauge

SCRAPE: Final = Source("the scrape of a target", "scrape")

COLLECTOR_SUCCESS = _gauge(
    "vault_exporter_collector_success", SCRAPE, "1 if the collector got what it asked the node for.", "collector"
)
COLLECTOR_DURATION = _gauge(
    "vault_exporter_collector_duration_seconds", SCRAPE, "How long the collector took.", "collector"
)
COLLECTOR_FAILURE = _gauge(
    "vault_exporter_collector_failure_reason",
    SCRAPE,
    "Always 1; why the collector failed. Absent while it succeeds.",
    "collector",
    "reason",
)
COLLECTOR_LAST_SUCCESS = _gauge(
    "vault_exporter_collector_last_success_timestamp_seconds",
    SCRAPE,
    "When the collector last got what it asked the node for; of collectors that ask less often than they are scraped, "
    "and show their last good reading in between.",
    "collector",
)
PROBE_DURATION = _gauge(
    "vault_exporter_probe_duration_seconds", SCRAPE, "How long the whole scrape of the target took."
)
PROBE_REQUESTS = _gauge(
    "vault_exporter_probe_requests", SCRAPE, "HTTP requests that the scrape of the target made to the node."
)
