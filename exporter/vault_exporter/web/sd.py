"""The targets in the format of Prometheus' HTTP service discovery.

https://prometheus.io/docs/prometheus/latest/http_sd/
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from vault_exporter.config.schema.model import Target

__all__ = ["authority", "service_discovery"]

_AUTHORITY: Final = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|[A-Za-z0-9._~-]{1,253})(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)
"""``host[:port]`` of RFC 3986, without percent signs and characters such as ``!`` or ``,``, which no host uses."""
_PORTS: Final = range(1, 65_536)


def authority(hosts: Sequence[str]) -> str:
    """Return the host and port by which Prometheus reached the exporter.

    Args:
        hosts: the request's Host headers, which are untrusted.

    Raises:
        ValueError: there is not exactly one valid host and port; the message does not quote the headers.
    """
    match = _AUTHORITY.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if match and (match["port"] is None or int(match["port"]) in _PORTS):
        if match["six"] is None:
            return match[0]
        try:
            ipaddress.IPv6Address(match["six"])
        except ValueError:
            pass
        else:
            return match[0]
    raise ValueError("not a host with a port, like exporter.example.com:9410 or [2001:db8::1]:9410")


def service_discovery(targets: Iterable[Target], exporter: str, scheme: str) -> list[dict[str, Any]]:
    """Return one group per target. Its labels make Prometheus probe the target without relabelling.

    Args:
        targets: the targets.
        exporter: the exporter's host and port.
        scheme: http or https, as Prometheus reached the exporter.
    """
    return [{"targets": [exporter], "labels": dict(_labels(target, scheme))} for target in targets]


def _labels(target: Target, scheme: str) -> Iterator[tuple[str, str]]:
    yield from target.labels.items()
    yield "__scheme__", scheme
    yield "__metrics_path__", "/probe"
    yield "__param_target", target.name
    yield "instance", target.name
    if target.cluster:
        yield "cluster", target.cluster
