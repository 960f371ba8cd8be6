"""Vault's own telemetry (``sys/metrics?format=prometheus``): passed on, filtered, and repaired.

There is no general parser on the way: a page is cut into families, a family that has the same series as last time
needs only its values read, and only what counts is rewritten. How the parts fit together:

``grammar``     what a line of the regular form looks like; the form that Vault writes
``normalise``   any other page brought into the regular form, hostile text included
``shape``       the series of one family: which lines belong together, which are stale
``continuity``  counters and summaries kept going across Vault's expiry
``page``        the repaired page and its two text formats
``repair``      all of it, for one target
``worker``      that, beside the event loop
"""

from vault_exporter.scrape.telemetry.page import Page
from vault_exporter.scrape.telemetry.repair import Telemetry
from vault_exporter.scrape.telemetry.worker import Worker

__all__ = ["Page", "Telemetry", "Worker"]
