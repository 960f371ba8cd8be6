"""The exporter."""

from typing import Final

from vault_exporter.catalogue.declare import gauge as _gauge

EXPORTER: Final = "the exporter"

BUILD_INFO = _gauge(
    "vault_exporter_build_info", EXPORTER, "Always 1; the exporter's version and its Python's.", "version", "python"
)
TARGETS = _gauge("vault_exporter_targets", EXPORTER, "Targets that the exporter is configured with.")
