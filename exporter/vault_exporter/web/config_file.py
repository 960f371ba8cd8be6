"""Read the file that ``web_config_file`` names."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from vault_exporter.config.parse import values
from vault_exporter.config.parse.node import Node
from vault_exporter.config.parse.problems import ConfigError, Problem
from vault_exporter.config.parse.reader import Checks, Reader
from vault_exporter.config.schema import web
from vault_exporter.config.schema.model import Secret
from vault_exporter.vault.tls import TlsError
from vault_exporter.web.tls import server_tls

__all__ = ["load_web", "load_web_file"]

_HASH: Final = re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53}")
_HIGHEST_COST: Final = 20
"""At this cost a check takes a minute. Checks run one at a time, so a higher cost lets anybody block all logins."""
_LOWEST_COST: Final = 4
_GO_DURATION: Final = re.compile(r"(?:\d{1,12}(?:\.\d{0,9})?(?:h|m|s|ms|us|µs|μs|ns))+")
_GO_PART: Final = re.compile(r"([\d.]+)(h|ms|m|s|us|µs|μs|ns)")
_GO_SECONDS: Final = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}

_HEADERS: Final[dict[str, frozenset[str] | None]] = {
    "Content-Security-Policy": None,
    "X-Frame-Options": frozenset({"deny", "sameorigin"}),
    "X-Content-Type-Options": frozenset({"nosniff"}),
    "X-XSS-Protection": None,
    "Strict-Transport-Security": None,
}
"""The headers of the toolkit's format, with their allowed values; None allows any value."""


def load_web(path: Path) -> web.Web:
    """Read and check the file.

    Raises:
        ConfigError: with every error of the file. No message holds a hash or a key.
    """
    return load_web_file(path)[0]


def load_web_file(path: Path) -> tuple[web.Web, tuple[Path, ...]]:
    """Read and check the file, and also return the files that it names. Raises as :func:`load_web`."""
    from vault_exporter.config.parse.tree import read_file  # noqa: PLC0415 - only a file takes PyYAML

    problems: list[Problem] = []
    found = Reader(problems, _READERS, _CHECKS).read(web.Web, _without_blanks(read_file(path)))
    if problems or not isinstance(found, web.Web):
        raise ConfigError(tuple(problems))
    tls = found.tls or web.TlsServer()
    return found, tuple(file for file in (tls.cert_file, tls.key_file, tls.client_ca_file) if file)


def _pem(value: object) -> Secret | None:
    if value == "":
        return None
    if not isinstance(value, str):
        raise values.wrong_type("text", value)
    if "-----BEGIN " not in value:
        raise ValueError("not in PEM format")
    return Secret(value)


def _optional_path(value: object) -> Path | None:
    return None if value == "" else values.path(value)


def _hash(value: object) -> Secret:
    if not isinstance(value, str):
        raise values.wrong_type("text", value)
    match = _HASH.fullmatch(value)
    if not match:
        raise ValueError(
            "not a bcrypt hash; docs/configuration.md, Access to the exporter, has a command that makes one"
        )
    if not _LOWEST_COST <= int(match["cost"]) <= _HIGHEST_COST:
        raise ValueError(f"a cost outside {_LOWEST_COST} to {_HIGHEST_COST}, for each login; take 10 to 12")
    return Secret(value)


def _header_value(value: object) -> str:
    """Read a header's value. ``X-XSS-Protection: 1`` is a number in YAML; the toolkit reads it as text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise values.wrong_type("text", value)
    if not value.isascii() or (value and not value.isprintable()):
        raise ValueError("has characters that a header cannot have")
    return value


def _interval(value: object) -> float:
    """Read a duration in the format of Go or Prometheus; 0 is no limit."""
    if value == "0" or (value == 0 and not isinstance(value, bool)):
        return 0.0
    if isinstance(value, str) and _GO_DURATION.fullmatch(value):
        return float(sum(float(number) * _GO_SECONDS[unit] for number, unit in _GO_PART.findall(value)))
    return values.duration(value)


def _burst(value: object) -> int:
    return 0 if value == 0 and not isinstance(value, bool) else values.count(value)


EnumT = TypeVar("EnumT", bound=StrEnum)


def _choice(kind: type[EnumT]) -> Callable[[object], EnumT]:
    def read(value: object) -> EnumT:
        try:
            return kind(values.text(value))
        except ValueError:
            raise ValueError(f"not supported; it is one of {', '.join(kind)}") from None

    return read


def _client_auth(value: object) -> web.ClientAuth | None:
    if value == "":
        return None
    if value in {"RequireAnyClientCert", "RequireClientCert"}:
        raise ValueError("Python's TLS cannot take a certificate without verifying it; use RequireAndVerifyClientCert")
    return _choice(web.ClientAuth)(value)


def _without_blanks(node: Node) -> Node:
    """Remove keys without a value. The toolkit treats them as missing."""
    if not isinstance(node.value, dict):
        return node
    members = {
        key: member if key == "basic_auth_users" else _without_blanks(member)
        for key, member in node.value.items()
        if member.value is not None
    }
    return Node(members, node.place, node.directory)


_READERS: Final[Mapping[object, Callable[[object], object]]] = {
    str: values.text,
    bool: values.boolean,
    int: values.count,
    web.Burst: _burst,
    web.ClientAuth: _client_auth,
    web.Hash: _hash,
    web.HeaderValue: _header_value,
    web.Interval: _interval,
    web.OptionalPath: _optional_path,
    web.Pem: _pem,
    web.TlsVersion: _choice(web.TlsVersion),
}


def _tls(tls: web.TlsServer) -> Checks:
    if not tls.is_enabled:
        return
    try:
        server_tls(tls)
    except TlsError as error:
        yield error.key, str(error)


def _http(http: web.HttpServer) -> Checks:
    for name, value in http.headers.items():
        allowed = _HEADERS.get(name)
        if name not in _HEADERS:
            yield "headers", f"a header that cannot be set; it is one of {', '.join(_HEADERS)}"
        elif allowed and value and value.lower() not in allowed:
            yield "headers", f"{name} is one of {', '.join(sorted(allowed))}"


def _rate(limit: web.RequestLimit) -> Checks:
    if limit.interval and not limit.burst:
        yield "burst", "0 lets no request through; give at least 1, or leave rate_limit out"


def _web(found: web.Web) -> Checks:
    for name in found.basic_auth_users:
        if not name or ":" in name or not name.isprintable():
            yield "basic_auth_users", "a user whose name is empty, or has a colon or an unprintable character"


_CHECKS: Final[Mapping[type[msgspec.Struct], Callable[[Any], Checks]]] = {
    web.HttpServer: _http,
    web.RequestLimit: _rate,
    web.TlsServer: _tls,
    web.Web: _web,
}
