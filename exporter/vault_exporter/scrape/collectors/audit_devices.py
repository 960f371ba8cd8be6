"""Audit devices, from ``sys/audit``. Disabled by default, because listing them requires ``sudo``.

https://openbao.org/api-docs/system/audit/
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import ask
from vault_exporter.scrape.collectors.bounded import most_frequent
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client

__all__ = ["AUDIT_DEVICES", "GRANTS", "Device", "collect", "samples"]

GRANTS: Final = (Grant("sys/audit", ("read", "sudo")),)

_TYPES: Final = ("file", "socket", "syslog")
"""Types with a sample even at 0, so that a sum over the types is 0 without any device."""


class Device(msgspec.Struct, frozen=True):
    """One audit device."""

    type: str
    options: dict[str, str] | None = None


async def collect(client: Client) -> Iterable[Sample]:
    """Read the devices."""
    devices = await ask(client, "sys/audit", dict[str, Device])
    return () if devices is None else samples(devices.values())


def samples(devices: Iterable[Device]) -> Iterator[Sample]:
    """Count the devices, and those that write unhashed values."""
    devices = tuple(devices)
    types = dict.fromkeys(((kind,) for kind in _TYPES), 0) | Counter((device.type,) for device in devices)
    for labels, number in most_frequent(types):
        yield c.AUDIT_DEVICES(number, *labels)
    yield c.AUDIT_DEVICES_LOG_RAW(sum(_is_raw(device) for device in devices))


def _is_raw(device: Device) -> bool:
    return (device.options or {}).get("log_raw", "") in {"1", "t", "T", "TRUE", "true", "True"}


AUDIT_DEVICES: Final = Collector(
    "audit_devices",
    "audit devices by type",
    collect,
    grants=GRANTS,
    default=False,
    interval=60,
)
