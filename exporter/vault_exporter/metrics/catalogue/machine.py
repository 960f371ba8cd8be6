"""What each node says of its own machine, requests and listener."""

from typing import Final

from vault_exporter.metrics.catalogue.declare import Source
from vault_exporter.metrics.catalogue.declare import gauge as _gauge

HOST_INFO: Final = Source("GET /v1/sys/host-info", "host")
IN_FLIGHT: Final = Source("GET /v1/sys/in-flight-req", "in_flight")
TLS: Final = Source("the TLS connection to the node", "certificate")

HOST_MEMORY_TOTAL = _gauge("vault_host_memory_total_bytes", HOST_INFO, "Total memory of the node's machine.")
HOST_MEMORY_AVAILABLE = _gauge(
    "vault_host_memory_available_bytes", HOST_INFO, "Available memory of the node's machine."
)
HOST_MEMORY_USED = _gauge("vault_host_memory_used_bytes", HOST_INFO, "Used memory of the node's machine.")
HOST_DISK_TOTAL = _gauge(
    "vault_host_disk_total_bytes", HOST_INFO, "Size of a file system of the node's machine.", "mountpoint"
)
HOST_DISK_FREE = _gauge(
    "vault_host_disk_free_bytes", HOST_INFO, "Free space of a file system of the node's machine.", "mountpoint"
)
HOST_CPUS = _gauge("vault_host_cpus", HOST_INFO, "Processors of the node's machine.")
HOST_BOOTED = _gauge("vault_host_boot_timestamp_seconds", HOST_INFO, "Boot time of the node's machine.")
IN_FLIGHT_OLDEST = _gauge(
    "vault_in_flight_oldest_request_start_timestamp_seconds",
    IN_FLIGHT,
    "Start time of the oldest in-flight request that runs for more than a second. Absent if there is none.",
)
LISTENER_NOT_AFTER = _gauge(
    "vault_listener_certificate_not_after_timestamp_seconds",
    TLS,
    "Expiry time of the listener's certificate.",
)
LISTENER_NOT_BEFORE = _gauge(
    "vault_listener_certificate_not_before_timestamp_seconds",
    TLS,
    "Start of validity of the listener's certificate.",
)
