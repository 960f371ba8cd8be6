"""Name the nodes of a cluster, so that a node keeps its name when its address changes."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from vault_exporter.config.parse import values

__all__ = ["Listed", "Named", "Names"]


class Listed(NamedTuple):
    """A node as ``sys/ha-status`` lists it."""

    address: str
    """Base URL of its API."""
    by_address: str
    """The name made of the address."""
    hostname: str
    """Empty if the server does not say."""
    last_echo: str
    """Time of the last heartbeat, RFC 3339; empty for the active node, or if the server does not say."""


class Named(NamedTuple):
    """A node with its name."""

    name: str
    node: Listed


class Names:
    """Names nodes by their host names. Kept between look-ups: which host names several nodes share.

    A restarted pod has a new address and the old host name, and for a while the cluster lists both addresses. Several
    nodes on one machine have the same host name, too. The heartbeats tell these cases apart: the old address of a
    restarted node has no heartbeat after the new address appears.
    """

    def __init__(self, suffix: str = "") -> None:
        """Know no node yet.

        Args:
            suffix: appended to each host name, where several clusters have nodes of the same host names.
        """
        self._suffix = suffix
        self._first: dict[str, dict[str, str]] = {}
        """Host name → address → last heartbeat when the host name was first listed with several addresses."""
        self._single: set[str] = set()
        """Host names that have named a node."""
        self._shared: set[str] = set()
        """Host names of several nodes; these are named by their addresses."""

    def name(self, nodes: Iterable[Listed], known: Iterable[str] = ()) -> tuple[Named, ...]:
        """Name the listed nodes; of several addresses of one node only the current one is returned.

        Args:
            nodes: as the cluster lists them.
            known: host names of the known targets, for which state is kept though the cluster does not list them.
        """
        groups: defaultdict[str, list[Listed]] = defaultdict(list)
        for node in {node.address: node for node in nodes}.values():
            groups[node.hostname if node.hostname and _is_name(node.hostname + self._suffix) else ""].append(node)
        named = [Named(node.by_address, node) for node in groups.pop("", ())]
        self._forget(groups.keys() | set(known))
        for hostname, group in groups.items():
            named += self._of_host(hostname, group)
        return tuple(named)

    def replaced(self, named: Iterable[Named], known: Iterable[tuple[str, str]]) -> set[str]:
        """Return names of known targets that are now another target, or whose node has another name.

        Args:
            named: the nodes of the last answer.
            known: name and host name of each known target.
        """
        now = {one.name for one in named}
        hosts = {one.node.hostname for one in named}
        return {
            name
            for name, hostname in known
            if name not in now and hostname in hosts and (hostname in self._single or name == hostname + self._suffix)
        }

    def _of_host(self, hostname: str, group: list[Listed]) -> list[Named]:
        if len(group) == 1 and hostname not in self._shared:
            self._first.pop(hostname, None)
            self._single.add(hostname)
            return [Named(hostname + self._suffix, group[0])]
        first = self._first.setdefault(hostname, {})
        alive = [
            node
            for node in group
            if not node.last_echo or node.last_echo != first.setdefault(node.address, node.last_echo)
        ]
        if len(alive) > 1:
            self._shared.add(hostname)
            self._single.discard(hostname)
        if hostname not in self._single:
            return [Named(node.by_address, node) for node in group]
        # Until the next heartbeat, the latest one is the best guess. RFC 3339 in UTC sorts as text.
        current = alive[0] if alive else max(group, key=lambda node: node.last_echo)
        return [Named(hostname + self._suffix, current)]

    def _forget(self, hostnames: set[str]) -> None:
        """Bound what is kept to these host names."""
        self._single &= hostnames
        self._shared &= hostnames
        self._first = {hostname: first for hostname, first in self._first.items() if hostname in hostnames}


def _is_name(hostname: str) -> bool:
    try:
        values.name(hostname)
    except ValueError:
        return False
    return True
