"""Check a certificate's host name by Go's rules, which the ``vault`` and ``bao`` commands use.

OpenSSL requires two dots after a wildcard, so it refuses ``*.vault-internal``, which guides for Vault on Kubernetes
recommend. OpenSSL still verifies the chain, the dates and the purpose. The rules are those of RFC 6125 and of Go's
``x509.Certificate.VerifyHostname``: only subject alternative names count, a wildcard is the whole left-most label and
matches exactly one label, and an IP address is compared only with the certificate's IP addresses.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from vault_exporter.util.printable import printable

__all__ = ["HostnameError", "ascii_name", "check_hostname"]

_LABEL: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_MOST_SHOWN: Final = 3
_LONGEST_SHOWN: Final = 100
"""Limit of the characters of a certificate's name in a message."""


class HostnameError(Exception):
    """The certificate is not valid for the host. ``str()`` is safe to log."""


def check_hostname(certificate: Mapping[str, Any], host: str) -> None:
    """Check that a certificate is valid for a host: a name, or an IP address with or without brackets.

    Args:
        certificate: what :meth:`ssl.SSLSocket.getpeercert` returns.
        host: the host.

    Raises:
        HostnameError: it is not valid for the host, or its names cannot be read.
    """
    names: Iterable[tuple[str, str]] = certificate.get("subjectAltName", ())
    if not names:
        raise HostnameError("the certificate has no subject alternative name")
    dns = tuple(value for kind, value in names if kind == "DNS")
    try:
        addresses = tuple(ipaddress.ip_address(value) for kind, value in names if kind == "IP Address")
    except ValueError:
        raise HostnameError("the names in the certificate cannot be read") from None
    address = _address(host)
    fits = address in addresses if address is not None else any(_matches(name, host) for name in dns)
    if not fits:
        raise HostnameError(f"the certificate is for {_some((*dns, *map(str, addresses)))}, not for {host}")


def ascii_name(name: str) -> str:
    """Return a host name as certificates and TLS have it: IDNA encoded, without a trailing dot.

    Raises:
        ValueError: it cannot be encoded, or a part between two dots is empty or too long.
    """
    encoded = name.encode("idna").decode("ascii").removesuffix(".")
    if not encoded:
        raise ValueError("no name")
    return encoded


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    text = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return ipaddress.ip_address(text.partition("%")[0])  # certificates have no zone
    except ValueError:
        return None


def _matches(pattern: str, host: str) -> bool:
    pattern, host = pattern.lower(), host.lower()
    if not (_is_host(host) and _is_pattern(pattern)):
        return pattern == host and host not in {"", "."}  # not a pattern: compare it literally
    first, *rest = pattern.split(".")
    label, *others = host.removesuffix(".").split(".")
    return rest == others and first in {"*", label}


def _is_host(host: str) -> bool:
    return _are_labels(host.removesuffix(".").split("."))


def _is_pattern(pattern: str) -> bool:
    """Return whether it is a host name, or a wildcard followed by at least one label."""
    first, *rest = pattern.split(".")
    return _are_labels(rest if first == "*" and rest else [first, *rest])


def _are_labels(labels: Iterable[str]) -> bool:
    return all(_LABEL.fullmatch(label) for label in labels)


def _some(names: Iterable[str]) -> str:
    """Format the first few names, without control characters."""
    every = tuple(names)
    shown = (printable(name, _LONGEST_SHOWN) for name in every[:_MOST_SHOWN])
    return ", ".join(shown) + (" …" if len(every) > _MOST_SHOWN else "") if every else "no host"
