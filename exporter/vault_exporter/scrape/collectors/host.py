"""Memory, disks and processors of the node's host, from ``sys/host-info``, which each node serves itself.

https://openbao.org/api-docs/system/host-info/
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import LARGE_ANSWER_BYTES, ask
from vault_exporter.scrape.collectors.collector import Collector, Grant, Scope
from vault_exporter.vault.client import Client

__all__ = ["GRANTS", "HOST", "HostInfo", "collect", "samples"]

GRANTS: Final = (Grant("sys/host-info"),)

_MOST_DISKS: Final = 50
"""Limit of disks; the first ones are shown."""


class Memory(msgspec.Struct, frozen=True):
    """Memory of the host in bytes."""

    total: int
    available: int
    used: int


class Disk(msgspec.Struct, frozen=True):
    """A mounted file system; sizes in bytes."""

    path: str
    total: int
    free: int


class Host(msgspec.Struct, frozen=True, rename={"boot_time": "bootTime"}):
    """The machine itself."""

    boot_time: int | None = None


class HostInfo(msgspec.Struct, frozen=True):
    """Response of ``sys/host-info``. Values that the node could not read are null or missing."""

    memory: Memory | None = None
    disk: tuple[Disk, ...] | None = None
    cpu: tuple[msgspec.Raw, ...] | None = None
    host: Host | None = None


async def collect(client: Client) -> Iterable[Sample]:
    """Read the host information."""
    info = await ask(client, "sys/host-info", HostInfo, max_bytes=LARGE_ANSWER_BYTES)
    return () if info is None else samples(info)


def samples(info: HostInfo) -> Iterator[Sample]:
    """Turn the host information into samples."""
    if info.memory is not None:
        yield c.HOST_MEMORY_TOTAL(info.memory.total)
        yield c.HOST_MEMORY_AVAILABLE(info.memory.available)
        yield c.HOST_MEMORY_USED(info.memory.used)
    for disk in sorted(info.disk or (), key=lambda disk: disk.path)[:_MOST_DISKS]:
        yield c.HOST_DISK_TOTAL(disk.total, disk.path)
        yield c.HOST_DISK_FREE(disk.free, disk.path)
    if info.cpu:
        yield c.HOST_CPUS(len(info.cpu))
    if info.host is not None and info.host.boot_time is not None:
        yield c.HOST_BOOTED(info.host.boot_time)


HOST: Final = Collector(
    "host",
    "memory, disks and processors of the machine",
    collect,
    grants=GRANTS,
    scope=Scope.UNSEALED,
    interval=30,  # the node takes longer for it than for everything else of a scrape together
)
