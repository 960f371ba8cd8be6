"""Plain words for reasons, storages, times and sizes."""

import re
from datetime import UTC, datetime
from typing import Final

from vault_exporter.metrics.reasons import Reason

__all__ = ["REASONS", "REMEDIES", "clock", "counted", "duration", "size", "storage_name", "storage_trouble"]

REASONS: Final = {
    Reason.REFUSED: "nothing listens there",
    Reason.UNREACHABLE: "its host cannot be reached",
    Reason.DNS: "its host name does not resolve",
    Reason.TLS: "the TLS handshake fails",
    Reason.TIMEOUT: "it does not answer in time",
    Reason.RESET: "it closes the connection",
    Reason.TOO_LARGE: "its answer is too large",
    Reason.BAD_REPLY: "something other than Vault answers",
    Reason.REDIRECT: "it redirects elsewhere",
    Reason.PERMISSION_DENIED: "it refuses the exporter",
    Reason.NOT_FOUND: "something other than Vault answers",
    Reason.RATE_LIMITED: "it limits the exporter's requests",
    Reason.HTTP_4XX: "it refuses the exporter's requests",
    Reason.HTTP_5XX: "its storage is out of reach",
    Reason.PROXY_ERROR: "a proxy or load balancer answers instead of Vault",
    Reason.LOGIN_FAILED: "the exporter's login is refused",
    Reason.OTHER: "the log of vault-exporter says why",
}
"""Why a node is down."""

REMEDIES: Final = {
    Reason.REFUSED: "Start Vault on its host, then unseal it.",
    Reason.UNREACHABLE: "Look at the host's console and the network.",
    Reason.DNS: "Look at the DNS, and at the target's address.",
    Reason.TLS: "Compare the listener's certificate with the target's tls settings.",
    Reason.TIMEOUT: "Look at the host's load, the storage and the firewall.",
    Reason.RESET: "Look at the log of Vault, and at what is between it and the exporter.",
    Reason.HTTP_5XX: "Bring the storage back. Do not restart or seal Vault meanwhile.",
    Reason.PROXY_ERROR: "Look at the proxy's backends, and ask the node past the proxy.",
}
"""What to do about it, where one sentence says it."""

_STORAGES: Final = {
    "azure": "Azure storage",
    "cockroachdb": "CockroachDB",
    "consul": "Consul",
    "dynamodb": "DynamoDB",
    "etcd": "etcd",
    "gcs": "Google Cloud Storage",
    "mssql": "SQL Server",
    "mysql": "MySQL",
    "postgresql": "PostgreSQL",
    "raft": "the integrated storage",
    "s3": "S3",
    "zookeeper": "ZooKeeper",
}
_TROUBLES: Final = (
    (re.compile("connection refused"), "refuses connections"),
    (re.compile("no such host|server misbehaving|hostname resolving"), "has a name that does not resolve"),
    (re.compile("no route to host|network is unreachable"), "cannot be reached"),
    (re.compile("too many (clients|connections)|remaining connection slots"), "has no connection left"),
    (re.compile("password authentication failed|access denied"), "refuses Vault's login"),
    (re.compile("no space left|disk full"), "has no disk space left"),
    (re.compile("read-only"), "is read-only"),
    (re.compile("shutting down|starting up|recovery mode"), "is starting or stopping"),
    (re.compile("i/o timeout|deadline exceeded|timed out|timeout"), "does not answer"),
    (re.compile("connection reset|broken pipe|unexpected eof|conn closed|closed network"), "closes connections"),
)
"""What storages are known to say, and Vault quotes."""

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))
_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP: Final = 1024


def storage_name(kind: str | None) -> str:
    """Return the name of a type of storage."""
    return _STORAGES.get(kind or "", "the storage")


def storage_trouble(said: str) -> str:
    """Return what is wrong with the storage by Vault's own words; empty if they are not known."""
    text = said.lower()
    return next((words for pattern, words in _TROUBLES if pattern.search(text)), "")


def duration(seconds: float) -> str:
    """Format a time in the largest unit that gives at least two."""
    for length, unit in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def clock(time: float, now: float) -> str:
    """Format a Unix time: the time of the day, and the date unless it is today's."""
    try:
        at, today = datetime.fromtimestamp(time, UTC), datetime.fromtimestamp(now, UTC)
    except (ValueError, OverflowError, OSError):  # a node may state any time
        return "?"
    return at.strftime("%H:%M UTC" if at.date() == today.date() else "%Y-%m-%d %H:%M UTC")


def size(count: float) -> str:
    """Format a number of bytes."""
    for unit in _SIZES[:-1]:
        if count < _STEP:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _STEP
    return f"{count:.1f} {_SIZES[-1]}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Format a number with its noun: ``1 standby``, ``2 standbys``. The default plural adds an s."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
