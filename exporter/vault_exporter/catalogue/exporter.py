"""The exporter."""

from typing import Final

from vault_exporter.catalogue.declare import counter as _counter
from vault_exporter.catalogue.declare import gauge as _gauge

EXPORTER: Final = "the exporter"

BUILD_INFO = _gauge(
    "vault_exporter_build_info", EXPORTER, "Always 1; the exporter's version and its Python's.", "version", "python"
)
TARGETS = _gauge("vault_exporter_targets", EXPORTER, "Targets that the exporter is configured with.")
WEB_REFUSED = _counter(
    "vault_exporter_web_refused_requests_total",
    EXPORTER,
    "Requests that web_config_file refused, by reason: credentials (none, wrong, or too many logins at once), "
    "certificate (not in client_allowed_sans), rate_limit. Absent without such a file.",
    "reason",
)
