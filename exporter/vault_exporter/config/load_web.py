"""From the file that ``web_config_file`` names to its settings, or every error at once."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from vault_exporter.config.parse import values
from vault_exporter.config.parse.problems import ConfigError, Problem
from vault_exporter.config.parse.reader import Checks, Reader
from vault_exporter.config.parse.tree import read_file
from vault_exporter.config.schema import web
from vault_exporter.config.schema.model import Secret
from vault_exporter.vault.tls import TlsError
from vault_exporter.web.tls import server_context

__all__ = ["load_web", "load_web_file"]

_HASH: Final = re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53}")
_HIGHEST_COST: Final = 16
_LOWEST_COST: Final = 4

_HEADERS: Final[dict[str, frozenset[str] | None]] = {
    "Content-Security-Policy": None,
    "X-Frame-Options": frozenset({"deny", "sameorigin"}),
    "X-Content-Type-Options": frozenset({"nosniff"}),
    "X-XSS-Protection": None,
    "Strict-Transport-Security": None,
}
"""The headers of the toolkit's format, and their values where the choice is small."""


def load_web(path: Path) -> web.Web:
    """Read and check the file.

    Raises:
        ConfigError: with everything that is wrong. No message holds a hash or a key.
    """
    return load_web_file(path)[0]


def load_web_file(path: Path) -> tuple[web.Web, tuple[Path, ...]]:
    """Read and check the file; also return the files that it names. Raises as :func:`load_web`."""
    problems: list[Problem] = []
    found = Reader(problems, _READERS, _CHECKS).read(web.Web, read_file(path))
    if problems or not isinstance(found, web.Web):
        raise ConfigError(tuple(problems))
    tls = found.tls_server_config or web.TlsServer()
    return found, tuple(file for file in (tls.cert_file, tls.key_file, tls.client_ca_file) if file)


def _pem(value: object) -> Secret:
    if not isinstance(value, str):
        raise values.wrong_type("text", value)
    if "-----BEGIN " not in value:
        raise ValueError("not in PEM format")
    return Secret(value)


def _hash(value: object) -> Secret:
    if not isinstance(value, str):
        raise values.wrong_type("text", value)
    match = _HASH.fullmatch(value)
    if not match:
        raise ValueError("not a bcrypt hash; make one with: htpasswd -nBC 10 USER, and quote what follows USER:")
    if not _LOWEST_COST <= int(match["cost"]) <= _HIGHEST_COST:
        raise ValueError(f"a cost outside {_LOWEST_COST} to {_HIGHEST_COST}, for each login; take 10 to 12")
    return Secret(value)


def _interval(value: object) -> float:
    is_zero = isinstance(value, (int, str)) and not isinstance(value, bool) and value in {0, "0", "0s"}
    return 0.0 if is_zero else values.duration(value)


EnumT = TypeVar("EnumT", bound=StrEnum)


def _choice(kind: type[EnumT]) -> Callable[[object], EnumT]:
    def read(value: object) -> EnumT:
        try:
            return kind(values.text(value))
        except ValueError:
            raise ValueError(f"not supported; it is one of {', '.join(kind)}") from None

    return read


_READERS: Final[Mapping[object, Callable[[object], object]]] = {
    str: values.text,
    bool: values.boolean,
    int: values.count,
    Path: values.path,
    web.ClientAuth: _choice(web.ClientAuth),
    web.Hash: _hash,
    web.Interval: _interval,
    web.Pem: _pem,
    web.TlsVersion: _choice(web.TlsVersion),
}


def _tls(tls: web.TlsServer) -> Checks:
    try:
        server_context(tls)
    except TlsError as error:
        yield error.key, str(error)


def _http(http: web.HttpServer) -> Checks:
    for name, value in http.headers.items():
        allowed = _HEADERS.get(name)
        if name not in _HEADERS:
            yield "headers", f"a header that cannot be set; it is one of {', '.join(_HEADERS)}"
        elif allowed and value.lower() not in allowed:
            yield "headers", f"{name} is one of {', '.join(sorted(allowed))}"


def _web(found: web.Web) -> Checks:
    for name in found.basic_auth_users:
        if not name or ":" in name or not name.isprintable():
            yield "basic_auth_users", "a user whose name is empty, or has a colon or an unprintable character"


_CHECKS: Final[Mapping[type[msgspec.Struct], Callable[[Any], Checks]]] = {
    web.HttpServer: _http,
    web.TlsServer: _tls,
    web.Web: _web,
}
