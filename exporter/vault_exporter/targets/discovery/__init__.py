"""Discovery of targets in a cluster, in DNS or in files, repeated at an interval.

If a lookup fails, the last targets stay. ``find`` (cluster, DNS) and ``file_sd`` (files) run one lookup of a source,
and ``manager`` runs them at an interval and keeps the results.
"""

from vault_exporter.targets.discovery.find import DiscoveryError
from vault_exporter.targets.discovery.manager import DiscoveryManager, State

__all__ = ["DiscoveryError", "DiscoveryManager", "State"]
