"""How to reach a server: a file in the format of Prometheus' HTTP client configuration.

https://prometheus.io/docs/prometheus/latest/configuration/configuration/#http_config; ``promtool`` and ``amtool`` take
the same file as ``--http.config.file``.
"""

import base64
import ssl
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from vault_exporter.config.schema.secret import Secret
from vault_exporter.util.fs import open_regular, why_unreadable
from vault_exporter.util.yaml_loader import explain, load_simple

__all__ = ["HttpConfig", "HttpConfigError", "load_http_config", "tls_of"]


class HttpConfigError(ValueError):
    """The file is wrong; the message has its name and key, and no value."""


class _BasicAuth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    username: str
    password: Secret | None = None
    password_file: str = ""


class _Authorization(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str = "Bearer"
    credentials: Secret | None = None
    credentials_file: str = ""


class _TlsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    values: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    basic_auth: _BasicAuth | None = None
    authorization: _Authorization | None = None
    bearer_token_file: str = ""
    tls_config: _TlsConfig = _TlsConfig()
    http_headers: dict[str, _Header] = {}
    follow_redirects: bool = False
    """Accepted for the sake of shared files. The doctor follows no redirects."""


class HttpConfig:
    """Headers with credentials, and TLS. Its representation shows none of them."""

    def __init__(self, headers: dict[str, str], tls: ssl.SSLContext | None = None, server_name: str = "") -> None:
        self.headers: Final = headers
        self.tls: Final = tls
        self.server_name: Final = server_name

    def __repr__(self) -> str:
        return "HttpConfig(***)"


def load_http_config(path: Path | None, token_file: Path | None = None, *, https: bool = True) -> HttpConfig:
    """Read the file and every file that it names.

    Args:
        path: the file, if there is one.
        token_file: a file with a bearer token, instead of ``authorization``.
        https: whether the server has TLS. Without it, and without ``tls_config``, the system's trust store, whose
            certificates take a while to load, is not read.

    Raises:
        HttpConfigError: a file is missing or wrong.
    """
    read, folder = (_File(), Path()) if path is None else (_parsed(path), path.parent)
    name = str(path or token_file)
    headers = {
        header: ", ".join([*one.values, *(_content(folder / file, name) for file in one.files)])
        for header, one in read.http_headers.items()
    }
    ways = [way for way in (read.basic_auth, read.authorization, read.bearer_token_file, token_file) if way]
    if len(ways) > 1:
        raise HttpConfigError(f"{name}: more than one of basic_auth, authorization and a token file; choose one")
    if read.basic_auth:
        auth = read.basic_auth
        password = _content(folder / auth.password_file, name) if auth.password_file else _revealed(auth.password)
        pair = base64.b64encode(f"{auth.username}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    elif read.authorization:
        given = read.authorization
        token = _content(folder / given.credentials_file, name) if given.credentials_file else ""
        headers["Authorization"] = f"{given.type} {token or _revealed(given.credentials)}"
    elif read.bearer_token_file:
        headers["Authorization"] = f"Bearer {_content(folder / read.bearer_token_file, name)}"
    elif token_file:
        headers["Authorization"] = f"Bearer {_content(token_file, name)}"
    tls = tls_of(read.tls_config, folder, name) if https or read.tls_config != _TlsConfig() else None
    return HttpConfig(headers, tls, read.tls_config.server_name)


def tls_of(settings: _TlsConfig, folder: Path, name: str) -> ssl.SSLContext:
    """Return the TLS context; without ``ca_file`` it trusts what the system trusts.

    Raises:
        HttpConfigError: a file cannot be read, or holds no certificate or key.
    """
    authority, certificate, key = (
        _readable(folder / file, f"{name}: tls_config.{option}") if file else None
        for option, file in (
            ("ca_file", settings.ca_file),
            ("cert_file", settings.cert_file),
            ("key_file", settings.key_file),
        )
    )
    try:
        context = ssl.create_default_context(cafile=authority)
    except ssl.SSLError:
        raise HttpConfigError(f"{name}: tls_config.ca_file: {authority} is not a certificate in PEM format") from None
    if certificate:
        try:
            # An empty password keeps OpenSSL from prompting on the terminal.
            context.load_cert_chain(certificate, key, password="")
        except ssl.SSLError:
            files = " and ".join(str(file) for file in (certificate, key) if file)
            raise HttpConfigError(
                f"{name}: tls_config.cert_file, key_file: {files}: no certificate and its key in PEM format"
            ) from None
    if settings.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _parsed(path: Path) -> _File:
    try:
        text = path.read_text()
        return msgspec.convert(load_simple(text) or {}, _File, dec_hook=_secret)
    except OSError as error:
        raise HttpConfigError(why_unreadable(path, error)) from None
    except UnicodeDecodeError:
        raise HttpConfigError(f"{path}: not UTF-8") from None
    except yaml.YAMLError as error:
        line, what = explain(error, text)
        raise HttpConfigError(f"{path}:{line}: {what}") from None
    except msgspec.ValidationError as error:
        raise HttpConfigError(f"{path}: {error}") from None


def _secret(kind: type, value: Any) -> Any:  # noqa: ANN401 - msgspec's hook takes and gives anything
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise msgspec.ValidationError("Expected a string")


def _revealed(secret: Secret | None) -> str:
    return secret.reveal() if secret else ""


def _content(path: Path, name: str) -> str:
    prefix = "" if str(path) == name else f"{name}: "
    try:
        text = path.read_text().strip()
    except OSError as error:
        raise HttpConfigError(f"{prefix}{why_unreadable(path, error)}") from None
    except UnicodeDecodeError:
        raise HttpConfigError(f"{prefix}{path}: not text") from None
    if not text or not text.isprintable():
        raise HttpConfigError(f"{prefix}{path}: one line of text is expected")
    return text


def _readable(path: Path, key: str) -> Path:
    try:
        open_regular(path).close()
    except OSError as error:
        raise HttpConfigError(f"{key}: {why_unreadable(path, error)}") from None
    return path
