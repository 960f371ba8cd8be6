"""The exporter."""

from typing import Final

from vault_exporter.metrics.catalogue.declare import Source
from vault_exporter.metrics.catalogue.declare import counter as _counter
from vault_exporter.metrics.catalogue.declare import gauge as _gauge

EXPORTER: Final = Source("the exporter", "exporter")

BUILD_INFO = _gauge(
    "vault_exporter_build_info", EXPORTER, "Always 1; the exporter's version and its Python's.", "version", "python"
)
TARGETS = _gauge(
    "vault_exporter_targets", EXPORTER, "Number of targets, listed and discovered; with a shard, those of its share."
)
SHARD_ORDINAL = _gauge(
    "vault_exporter_shard_ordinal", EXPORTER, "Ordinal of the exporter's shard, from 0. Absent without a shard."
)
SHARDS = _gauge("vault_exporter_shards", EXPORTER, "Number of shards. Absent without a shard.")
CLUSTER_EXPECTED_NODES = _gauge(
    "vault_exporter_cluster_expected_nodes",
    EXPORTER,
    "Expected number of nodes of the cluster, from clusters in the configuration. Absent for other clusters.",
    "cluster",
)
DISCOVERY_SUCCESS = _gauge(
    "vault_exporter_discovery_success",
    EXPORTER,
    "1 if the last look-up of targets succeeded. After a failure the earlier targets stay. Types: cluster, dns, file.",
    "type",
    "source",
)
DISCOVERY_TARGETS = _gauge(
    "vault_exporter_discovery_targets", EXPORTER, "Number of targets from this source, of all shards.", "type", "source"
)
DISCOVERY_DROPPED = _gauge(
    "vault_exporter_discovery_dropped_targets",
    EXPORTER,
    "Number of targets from this source that are dropped because there are more than max_targets.",
    "type",
    "source",
)
DISCOVERY_LAST_SUCCESS = _gauge(
    "vault_exporter_discovery_last_success_timestamp_seconds",
    EXPORTER,
    "Time of the last successful look-up.",
    "type",
    "source",
)
CONFIG_RELOAD_SUCCESSFUL = _gauge(
    "vault_exporter_config_last_reload_successful",
    EXPORTER,
    "1 if the last reload of the configuration succeeded, 0 if it failed and the old configuration is in force.",
)
CONFIG_RELOAD_SUCCESS_TIME = _gauge(
    "vault_exporter_config_last_reload_success_timestamp_seconds",
    EXPORTER,
    "Time when the configuration in force was read.",
)
WEB_REFUSED = _counter(
    "vault_exporter_web_refused_requests_total",
    EXPORTER,
    "Requests refused because of web_config_file, by reason: credentials (none, wrong, or too many logins at "
    "once), certificate (not in client_allowed_sans), rate_limit. Absent without that file.",
    "reason",
)
WEB_CLOSED = _counter(
    "vault_exporter_web_closed_connections_total",
    EXPORTER,
    "Connections that the exporter ended, by reason: silent (no whole request for a minute), too_many (more than the "
    "bound), unread (answers were not read in time, or took too much memory), outdated (the TLS settings changed), "
    "handshake (the TLS handshake failed or took over 10 s), flood (a request of many tiny lines or chunks).",
    "reason",
)
