"""Look up the current targets in a cluster or in DNS."""

import asyncio
import ipaddress
from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from vault_exporter.config.parse import values
from vault_exporter.config.parse.addresses import UNIX, default_name
from vault_exporter.config.schema.model import ClusterDiscovery, DnsDiscovery, Target
from vault_exporter.vault.client import Client, VaultError
from vault_exporter.vault.resolve import look_up

__all__ = ["REFUSED", "DiscoveryError", "Found", "find_in_cluster", "find_in_dns", "some"]

REFUSED: Final = "http:// where the address is https://, unix://, or not in allow"
"""The reason for a refused node, for logs and errors."""

_OK: Final = 200
_MOST_NAMED: Final = 3


class DiscoveryError(Exception):
    """A lookup failed. ``str()`` is safe to log, and says what to do."""


class Found(NamedTuple):
    """The result of a lookup."""

    targets: tuple[Target, ...]
    refused: tuple[str, ...] = ()
    """Hosts and ports of nodes that must not receive the credentials."""


class _Node(msgspec.Struct, frozen=True):
    api_address: str = ""


class _HaStatus(msgspec.Struct, frozen=True):
    nodes: tuple[_Node, ...]


class _Answer(msgspec.Struct, frozen=True):
    data: _HaStatus


async def find_in_cluster(source: ClusterDiscovery, client: Client) -> Found:
    """Read the nodes of the cluster from ``sys/ha-status``. A standby forwards the call to the active node.

    Every discovered node receives the credentials. A node without TLS is refused if the configured address uses TLS,
    and so is a host that is not allowed. https://openbao.org/api-docs/system/ha-status/

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
        raise DiscoveryError(
            f'{error}; it takes a token with path "sys/ha-status" {{ capabilities = ["read"] }}'
        ) from None
    # The response may list thousands of nodes, so check them outside of the event loop.
    return await asyncio.to_thread(_allowed, source, nodes)


def some(names: Iterable[str]) -> str:
    """Format the first few names, with an ellipsis if there are more."""
    first = list(islice(names, _MOST_NAMED + 1))
    return ", ".join(first[:_MOST_NAMED]) + (" …" if len(first) > _MOST_NAMED else "")


def _allowed(source: ClusterDiscovery, nodes: Iterable[_Node]) -> Found:
    """Separate allowed from refused nodes; raises DiscoveryError as above."""
    found: dict[str, Target] = {}
    refused: dict[str, None] = {}
    for node in nodes:
        try:
            address = values.url(node.api_address)
            name = values.name(default_name(address))
        except ValueError:
            continue  # a node without api_addr cannot be reached
        if _may_have_credentials(source, address):
            found[name] = source.target(name, address)
        else:
            refused[name] = None
    if refused and not found:
        raise DiscoveryError(f"sys/ha-status names only nodes that are refused, {REFUSED}: {some(refused)}")
    if not found:
        raise DiscoveryError("sys/ha-status names no node with an API address; set api_addr in the servers")
    return Found(tuple(found.values()), tuple(refused))


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
