"""The exporter."""

from typing import Final

from vault_exporter.metrics.catalogue.declare import Source
from vault_exporter.metrics.catalogue.declare import counter as _counter
from vault_exporter.metrics.catalogue.declare import gauge as _gauge

EXPORTER: Final = Source("the exporter", "exporter")

BUILD_INFO = _gauge(
    "vault_exporter_build_info", EXPORTER, "Always 1; the exporter's version and its Python's.", "version", "python"
)
TARGETS = _gauge("vault_exporter_targets", EXPORTER, "Targets that are scraped, listed and discovered.")
CLUSTER_EXPECTED_NODES = _gauge(
    "vault_exporter_cluster_expected_nodes",
    EXPORTER,
    "Nodes that the cluster should have, as clusters in the configuration says. Absent for other clusters.",
    "cluster",
)
DISCOVERY_SUCCESS = _gauge(
    "vault_exporter_discovery_success",
    EXPORTER,
    "1 if the last look-up of targets worked; else those found before are kept. Kinds: cluster, dns, file.",
    "type",
    "source",
)
DISCOVERY_TARGETS = _gauge(
    "vault_exporter_discovery_targets", EXPORTER, "Targets that the discovery gives.", "type", "source"
)
DISCOVERY_DROPPED = _gauge(
    "vault_exporter_discovery_dropped_targets",
    EXPORTER,
    "Targets that are left out, since there are more than the discovery's max_targets.",
    "type",
    "source",
)
DISCOVERY_LAST_SUCCESS = _gauge(
    "vault_exporter_discovery_last_success_timestamp_seconds",
    EXPORTER,
    "When targets were last looked up with success.",
    "type",
    "source",
)
CONFIG_RELOAD_SUCCESSFUL = _gauge(
    "vault_exporter_config_last_reload_successful",
    EXPORTER,
    "1 if the configuration that was read last is in force; 0 if it is wrong and the one before still is.",
)
CONFIG_RELOAD_SUCCESS_TIME = _gauge(
    "vault_exporter_config_last_reload_success_timestamp_seconds",
    EXPORTER,
    "When the configuration in force was read.",
)
WEB_REFUSED = _counter(
    "vault_exporter_web_refused_requests_total",
    EXPORTER,
    "Requests that web_config_file refused, by reason: credentials (none, wrong, or too many logins at once), "
    "certificate (not in client_allowed_sans), rate_limit. Absent without such a file.",
    "reason",
)
WEB_CLOSED = _counter(
    "vault_exporter_web_closed_connections_total",
    EXPORTER,
    "Connections that the exporter ended, by reason: silent (no whole request for a minute), too_many (more than the "
    "bound), unread (answers were not read in time, or took too much memory), outdated (the TLS settings changed), "
    "handshake (the TLS handshake failed or took over 10 s).",
    "reason",
)
