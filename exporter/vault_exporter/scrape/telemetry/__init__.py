"""Filter and repair Vault's own telemetry (``sys/metrics?format=prometheus``).

No page is fully parsed. A page is cut into families; if a family has the same series as on the last page, only its
values are read, and only repaired lines are rewritten. The modules:

``grammar``     the regular form of a page, as Vault writes it
``normalise``   converts any other page, including hostile text, to the regular form
``shape``       the series of one family: lines that belong together, and stale lines
``continuity``  keeps counters and summaries continuous across Vault's expiry
``page``        the repaired page and its two text formats
``repair``      runs these steps for one target
``worker``      runs the repair outside of the event loop
"""

from vault_exporter.scrape.telemetry.page import TelemetryPage
from vault_exporter.scrape.telemetry.repair import TelemetryRepair
from vault_exporter.scrape.telemetry.worker import Worker

__all__ = ["TelemetryPage", "TelemetryRepair", "Worker"]
