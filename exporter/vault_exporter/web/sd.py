"""The targets, as Prometheus' HTTP service discovery wants them.

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
"""``host[:port]`` of RFC 3986, but for what no host in use has: percent signs, and such as ``!`` or ``,``."""
_PORTS: Final = range(1, 65_536)


def authority(hosts: Sequence[str]) -> str:
    """Return the exporter's host and port, as Prometheus reached it.

    Args:
        hosts: the request's Host headers, which are anyone's text.

    Raises:
        ValueError: they do not say; the message does not repeat them.
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
    """Return a group for each target, whose labels make Prometheus ask the exporter for it without relabelling.

    Args:
        targets: what there is.
        exporter: the exporter's host and port, as Prometheus reached it.
        scheme: the same way.
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
