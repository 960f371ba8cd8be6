"""Targets that are not listed: found in a cluster, in DNS, or in files, and looked up again and again.

A look-up that fails changes nothing: what was found last stays. ``find`` (a cluster, DNS) and ``files`` each find the
targets of one source, and ``keeper`` runs them and remembers.
"""

from vault_exporter.targets.discovery.find import DiscoveryError
from vault_exporter.targets.discovery.manager import DiscoveryManager, State

__all__ = ["DiscoveryError", "DiscoveryManager", "State"]
