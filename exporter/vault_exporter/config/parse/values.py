"""Reading single values: each function returns the value or raises ``ValueError`` with what to do about it."""

import enum
import ipaddress
import re
from pathlib import Path
from typing import Final

from vault_exporter.config.parse.addresses import base_url, proxy_url
from vault_exporter.config.schema.model import DEFAULT_PORT, Listen, RateLimit, Secret
from vault_exporter.config.schema.shard import MOST_SHARDS, Shard
from vault_exporter.config.schema.watched import NO_DOTS

__all__ = [
    "DURATION",
    "NAME",
    "RATE",
    "SHARD",
    "SIZE",
    "allowed_host",
    "boolean",
    "count",
    "duration",
    "engine",
    "is_label",
    "listen",
    "mount",
    "name",
    "one_of",
    "password",
    "path",
    "pem",
    "proxy",
    "rate_limit",
    "scheme",
    "secret",
    "shard",
    "size",
    "text",
    "url",
    "wrong_type",
]

_DURATION: Final = re.compile(
    r"(?:(?P<y>\d{1,12})y)?(?:(?P<w>\d{1,12})w)?(?:(?P<d>\d{1,12})d)?(?:(?P<h>\d{1,12})h)?(?:(?P<m>\d{1,12})m)?(?:(?P<s>\d{1,12})s)?(?:(?P<ms>\d{1,12})ms)?"
)
_SECONDS: Final = {"y": 31_536_000, "w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1, "ms": 0.001}
_SIZE: Final = re.compile(r"(\d{1,15}) ?(B|KiB|MiB|GiB|KB|MB|GB)")
_BYTES: Final = {
    "B": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "KB": 1_000,
    "MB": 1_000_000,
    "GB": 1_000_000_000,
}
_NAME: Final = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9._:\[\]-]{0,252}")
_HOST: Final = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""A name whose last part begins with a letter, so no address."""
_LABEL: Final = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*")
_RATE: Final = re.compile(r"(?P<rate>\d{1,9}(?:\.\d{1,9})?)(?::(?P<burst>\d{1,9}))?")
_SHARD: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,252}-)?(?P<ordinal>\d{1,9})/(?P<total>\d{1,9})", re.ASCII)
_SEGMENT: Final = rf"{NO_DOTS}[A-Za-z0-9._~-]+"
_MOUNT: Final = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_KINDS: Final = {
    bool: "true or false",
    int: "a number",
    float: "a decimal number",
    str: "text",
    dict: "a mapping",
    list: "a list",
    type(None): "nothing",
}
DURATION: Final = r"(?=\d)" + re.sub(r"\?P<\w+>", "", _DURATION.pattern)
"""The regular expression of a duration, as JSON Schema writes it."""
SIZE: Final = _SIZE.pattern
NAME: Final = _NAME.pattern
SHARD: Final = re.sub(r"\?P<\w+>", "", _SHARD.pattern)
RATE: Final = re.sub(r"\?P<\w+>", "", _RATE.pattern)
_MOST: Final = 1 << 40
_LARGEST_PORT: Final = 65_535
_LONGEST_LABEL: Final = 63
"""Of a host name, between two dots."""


def text(value: object) -> str:
    """Read text that is not empty."""
    if not isinstance(value, str):
        raise wrong_type("text", value)
    if not value or not value.isprintable():
        raise ValueError("empty, or with characters that cannot be printed")
    return value


def boolean(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise wrong_type("true or false", value)
    return value


def count(value: object) -> int:
    """Read a whole number above 0."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type("a whole number", value)
    if value <= 0:
        raise ValueError("must be above 0")
    if value >= _MOST:
        raise ValueError("too large")
    return value


def size(value: object) -> int:
    """Read a number of bytes: 1048576, or with a unit: 16MiB."""
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        return count(int(match[1]) * _BYTES[match[2]])
    if isinstance(value, str):
        raise ValueError("not a size; write it in bytes, or like 512KiB, 16MiB")
    return count(value)


def duration(value: object) -> float:
    """Read a duration, as Prometheus writes it, in seconds."""
    if isinstance(value, str) and value and (match := _DURATION.fullmatch(value)):
        seconds = sum(int(number) * _SECONDS[unit] for unit, number in match.groupdict().items() if number)
        if seconds <= 0:
            raise ValueError("must be longer than 0s")
        if seconds >= _MOST:
            raise ValueError("too long")
        return float(seconds)
    raise ValueError("not a duration; write it with a unit, like 500ms, 5s, 1m30s")


def name(value: object) -> str:
    """Read a target's name."""
    if not _NAME.fullmatch(text(value)):
        raise ValueError("not a name; use letters, digits and . _ : -, starting with a letter or digit")
    return text(value)


def path(value: object) -> Path:
    """Read a file's path."""
    result = text(value)
    return Path(result).expanduser() if result.startswith("~/") else Path(result)


def scheme(value: object) -> str:
    """Read a URL's scheme."""
    if value not in {"http", "https"}:
        raise ValueError("not known; it is http or https")
    return str(value)


def one_of(kind: type[enum.StrEnum], value: object) -> enum.StrEnum:
    """Read a word out of several."""
    if not isinstance(value, str) or value not in tuple(kind):
        raise ValueError(f"not known; it is one of {', '.join(kind)}")
    return kind(value)


def allowed_host(value: object) -> str:
    """Read which hosts are meant: ``vault.example.com``, ``*.vault.example.com``, ``10.0.0.0/8``, ``2001:db8::1``."""
    host = text(value).lower()
    if _HOST.fullmatch(host):
        return host
    try:
        return str(ipaddress.ip_network(host))
    except ValueError:
        raise ValueError(
            "neither a host nor a network; write it like vault.example.com, *.vault.example.com or 10.0.0.0/8"
        ) from None


def is_label(name: str) -> bool:
    """Tell whether a label of Prometheus may have the name, and is not for its own use."""
    return _LABEL.fullmatch(name) is not None


def secret(value: object) -> Secret:
    """Read a token. What is wrong with it is said without repeating it."""
    if not isinstance(value, str):
        raise wrong_type("text", value)
    if not value.isascii() or not value.isprintable() or " " in value or not value:
        raise ValueError("not a token: it is empty, or has characters that a token does not have, such as spaces")
    return Secret(value)


def password(value: object) -> Secret:
    """Read a password. What is wrong with it is said without repeating it."""
    if not isinstance(value, str):
        raise wrong_type("text", value)
    if not value or not value.isprintable():
        raise ValueError("empty, or with characters that cannot be printed")
    return Secret(value)


def mount(value: object) -> str:
    """Read where an auth method is mounted."""
    where = _listed(value, "a mount", "auth", "userpass or team/userpass")
    if where.startswith("auth/"):
        raise ValueError("starts with auth/; leave that out")
    return where


def engine(value: object) -> str:
    """Read where a secrets engine is mounted."""
    return _listed(value, "a mount", "secrets", "secret or team/kv")


def audit_device(value: object) -> str:
    """Read the path of an audit device."""
    return _listed(value, "an audit device", "audit", "file")


def _listed(value: object, what: str, command: str, example: str) -> str:
    where = text(value).strip("/")
    if not _MOUNT.fullmatch(where):
        raise ValueError(f"not {what}; write it as vault {command} list shows it, like {example}")
    return where


def url(value: object) -> str:
    """Read the base URL of a node's API; what is wrong with it is said without repeating it, for a password in it."""
    return base_url(text(value))


def proxy(value: object) -> Secret:
    """Read the URL of an HTTP proxy; what is wrong with it is said without repeating it, for a password in it."""
    return Secret(proxy_url(text(value)))


def pem(value: object) -> str:
    """Read certificates in PEM format; whether they can be used is for OpenSSL to say."""
    if not isinstance(value, str):
        raise wrong_type("text", value)
    if "-----BEGIN CERTIFICATE-----" not in value or not value.isascii():
        raise ValueError("not a certificate in PEM format")
    return value


def rate_limit(value: object) -> RateLimit:
    """Read requests a second, and after a colon how many may come at once: ``10``, ``10:20``, as VAULT_RATE_LIMIT."""
    match = _RATE.fullmatch(value if isinstance(value, str) else "" if isinstance(value, bool) else str(value))
    rate = float(match["rate"]) if match else 0.0
    if not match or not rate:
        raise ValueError("not a rate; write requests a second, and after a colon how many at once, like 10 or 10:20")
    return RateLimit(rate, max(int(match["burst"] or rate), 1))


def listen(value: object) -> Listen:
    """Read an address to listen on: ``:9410``, ``127.0.0.1:9410``, ``[::1]:9410``, or a host alone."""
    if not isinstance(value, str):
        raise ValueError('not an address; write it in quotes, like ":9410" or "127.0.0.1:9410"')
    match = re.fullmatch(r"(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<host>[A-Za-z0-9._-]*))(?::(?P<port>\d{1,5}))?", value)
    if not match or not value:
        raise ValueError("not an address; write it like :9410, 127.0.0.1:9410, or [::1]:9410")
    port = int(match["port"]) if match["port"] else DEFAULT_PORT
    if not 0 < port <= _LARGEST_PORT:
        raise ValueError(f"the port is not from 1 to {_LARGEST_PORT}")
    host = match["six"] or match["host"] or ""
    if any(not 0 < len(label) <= _LONGEST_LABEL for label in host.removesuffix(".").split(".")) and host:
        raise ValueError("the host is no host name; write the address like :9410, 127.0.0.1:9410, or [::1]:9410")
    return Listen(host, port)


def shard(value: object) -> Shard:
    """Read a share of the targets: ``2/4``, or ``NAME-2/4`` with the name of a StatefulSet's pod."""
    match = _SHARD.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError(
            "not a shard; write ORDINAL/TOTAL, like 2/4, or the name of a StatefulSet's pod for the ordinal, "
            "like vault-exporter-2/4"
        )
    ordinal, total = int(match["ordinal"]), int(match["total"])
    if not 0 < total <= MOST_SHARDS:
        raise ValueError(f"the number of shards is not from 1 to {MOST_SHARDS}")
    if ordinal >= total:
        raise ValueError(f"there is no shard {ordinal} of {total}; the ordinals are 0 to {total - 1}")
    return Shard(ordinal, total)


def wrong_type(expected: str, value: object) -> ValueError:
    """Make the error for a value of another type, which does not repeat the value."""
    return ValueError(f"must be {expected}, not {_KINDS.get(type(value), 'a date')}")
