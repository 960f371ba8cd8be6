"""Look up the current targets in a cluster or in DNS."""

import asyncio
import ipaddress
from collections.abc import Iterable, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from vault_exporter.config.parse import values
from vault_exporter.config.parse.addresses import UNIX, default_name
from vault_exporter.config.schema.model import ClusterDiscovery, DnsDiscovery, Target
from vault_exporter.metrics.reasons import Reason
from vault_exporter.targets.discovery.naming import Listed, Names
from vault_exporter.vault.client import Client, VaultError
from vault_exporter.vault.resolve import look_up

__all__ = ["REFUSED", "DiscoveryError", "Found", "find_in_cluster", "find_in_dns", "some"]

REFUSED: Final = "http:// where the address is https://, unix://, or not in allow"
"""The reason for a refused node, for logs and errors."""

_GRANT: Final = '; it takes a token with path "sys/ha-status" { capabilities = ["read"] }'
_OK: Final = 200
_MOST_NAMED: Final = 3


class DiscoveryError(Exception):
    """A lookup failed. ``str()`` is safe to log, and says what to do."""


class Found(NamedTuple):
    """The result of a lookup."""

    targets: tuple[Target, ...]
    refused: tuple[str, ...] = ()
    """Hosts and ports of nodes that must not receive the credentials."""
    hostnames: tuple[str, ...] = ()
    """Host name of each target, if the cluster states them; an empty one is not known."""
    replaced: frozenset[str] = frozenset()
    """Names of earlier targets that are now found under another name or address."""


class _Node(msgspec.Struct, frozen=True):
    """A node; the fields beside the address only name it, so a value of another type costs no more than that."""

    api_address: str = ""
    hostname: object = None
    last_echo: object = None


class _HaStatus(msgspec.Struct, frozen=True):
    nodes: tuple[_Node, ...]


class _Answer(msgspec.Struct, frozen=True):
    data: _HaStatus


async def find_in_cluster(
    source: ClusterDiscovery, client: Client, names: Names, known: Mapping[str, str] = MappingProxyType({})
) -> Found:
    """Read the nodes of the cluster from ``sys/ha-status``. A standby forwards the call to the active node.

    Every discovered node receives the credentials. A node without TLS is refused if the configured address uses TLS,
    and so is a host that is not allowed. https://openbao.org/api-docs/system/ha-status/

    Args:
        source: its settings.
        client: asks the node at its address.
        names: names the nodes.
        known: name and host name of each target that was found earlier.

    Raises:
        DiscoveryError: the call failed, or all nodes are refused.
    """
    try:
        async with asyncio.timeout(source.timeout):
            answer = await client.get("sys/ha-status", token=True, forward=True)
        if answer.status != _OK:
            raise answer.failure()
        nodes = answer.json(_Answer).data.nodes
    except TimeoutError:
        raise DiscoveryError(f"sys/ha-status: no answer within {source.timeout:g}s") from None
    except VaultError as error:
        remedy = _GRANT if error.reason is Reason.PERMISSION_DENIED else ""
        raise DiscoveryError(f"{error}{remedy}") from None
    # The response may list thousands of nodes, so check them outside of the event loop.
    return await asyncio.to_thread(_allowed, source, nodes, names, known)


def some(names: Iterable[str]) -> str:
    """Format the first few names, with an ellipsis if there are more."""
    first = list(islice(names, _MOST_NAMED + 1))
    return ", ".join(first[:_MOST_NAMED]) + (" …" if len(first) > _MOST_NAMED else "")


def _allowed(source: ClusterDiscovery, nodes: Iterable[_Node], names: Names, known: Mapping[str, str]) -> Found:
    """Separate allowed from refused nodes; raises DiscoveryError as above."""
    allowed: list[Listed] = []
    refused: dict[str, None] = {}
    for node in nodes:
        try:
            address = values.url(node.api_address)
            name = values.name(default_name(address))
        except ValueError:
            continue  # a node without api_addr cannot be reached
        if _may_have_credentials(source, address):
            allowed.append(Listed(address, name, _text(node.hostname), _text(node.last_echo)))
        else:
            refused[name] = None
    if refused and not allowed:
        raise DiscoveryError(f"sys/ha-status names only nodes that are refused, {REFUSED}: {some(refused)}")
    if not allowed:
        raise DiscoveryError("sys/ha-status names no node with an API address; set api_addr in the servers")
    named = names.name(allowed, known.values())
    return Found(
        tuple(source.target(one.name, one.node.address) for one in named),
        tuple(refused),
        tuple(one.node.hostname for one in named),
        frozenset(names.replaced(named, known.items())),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _may_have_credentials(source: ClusterDiscovery, address: str) -> bool:
    seed, node = urlsplit(source.address), urlsplit(address)
    if address.startswith(UNIX) or (seed.scheme == "https" and node.scheme != "https"):
        return False
    host = node.hostname or ""
    return not source.allow or host == seed.hostname or any(_is_among(host, allowed) for allowed in source.allow)


def _is_among(host: str, allowed: str) -> bool:
    try:
        network = ipaddress.ip_network(allowed)
    except ValueError:
        host = host.removesuffix(".")
        return host == allowed or (allowed.startswith("*.") and host.endswith(allowed[1:]))
    try:
        return ipaddress.ip_address(host) in network
    except ValueError:  # a host name, whose address may change
        return False


async def find_in_dns(source: DnsDiscovery) -> tuple[Target, ...]:
    """Resolve the name to all its addresses.

    Raises:
        DiscoveryError: the name does not resolve.
    """
    try:
        async with asyncio.timeout(source.timeout):
            answers = await look_up(source.name, source.port)
    except TimeoutError:
        raise DiscoveryError(f"no answer of DNS within {source.timeout:g}s") from None
    except (OSError, UnicodeError) as error:
        raise DiscoveryError(f"the name does not resolve: {getattr(error, 'strerror', None) or 'bad name'}") from None
    tls = source.tls
    if tls.server_name is None and source.scheme == "https":
        tls = msgspec.structs.replace(tls, server_name=source.name)  # certificates name the service, not its addresses
    hosts = sorted({f"[{host}]" if ":" in host else host for host in (str(answer[4][0]) for answer in answers)})
    return tuple(
        source.target(f"{host}:{source.port}", f"{source.scheme}://{host}:{source.port}", tls=tls) for host in hosts
    )
