"""Who may ask the exporter, and over what: the settings of the file that ``web_config_file`` names.

The format is that of Prometheus' exporter-toolkit, so one file serves all exporters of a machine:
https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
"""

import enum
from pathlib import Path
from typing import Annotated

import msgspec

from vault_exporter.config.schema.model import Secret

__all__ = [
    "ClientAuth",
    "Hash",
    "HttpServer",
    "Interval",
    "Pem",
    "RateLimit",
    "TlsServer",
    "TlsVersion",
    "Web",
]

Pem = Annotated[Secret, "pem"]
"""A certificate or key written in the file itself."""

Hash = Annotated[Secret, "bcrypt"]
"""A password's bcrypt hash."""

Interval = Annotated[float, "interval"]
"""Seconds, as a duration; 0 switches off."""


class ClientAuth(enum.StrEnum):
    """What is asked of a client's certificate, in the words of Go's ``tls.ClientAuthType``.

    ``RequestClientCert`` and ``RequireAnyClientCert`` are missing: they accept a certificate that nobody has signed.
    """

    NONE = "NoClientCert"
    IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRED = "RequireAndVerifyClientCert"


class TlsVersion(enum.StrEnum):
    """A version of TLS; those before 1.2 are broken, and OpenSSL refuses them."""

    TLS12 = "TLS12"
    TLS13 = "TLS13"


class TlsServer(msgspec.Struct, frozen=True):
    """The server's certificate and what it asks of clients; ``cert``, ``key``, ``client_ca`` are PEM texts."""

    cert: Pem | None = None
    key: Pem | None = None
    client_ca: Pem | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    client_ca_file: Path | None = None
    client_auth_type: ClientAuth = ClientAuth.NONE
    client_allowed_sans: tuple[str, ...] = ()
    min_version: TlsVersion = TlsVersion.TLS12
    max_version: TlsVersion = TlsVersion.TLS13
    cipher_suites: tuple[str, ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[str, ...] = ()


class HttpServer(msgspec.Struct, frozen=True):
    """How HTTP is answered."""

    http2: bool = True
    """Accepted, since the file may be shared, and without effect: HTTP/1.1 is what is served."""
    headers: dict[str, str] = {}
    """Headers to add to every answer."""


class RateLimit(msgspec.Struct, frozen=True):
    """A token bucket for all requests together."""

    interval: Interval = 0.0
    """Seconds between two requests; 0 is no limit."""
    burst: int = 1


class Web(msgspec.Struct, frozen=True):
    """Everything of the file; an empty one lets anybody in."""

    tls_server_config: TlsServer | None = None
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: dict[str, Hash] = {}
    rate_limit: RateLimit = RateLimit()

    @property
    def knows_clients(self) -> bool:
        """Whether whoever gets an answer had to prove who it is."""
        tls = self.tls_server_config
        return bool(self.basic_auth_users) or (tls is not None and tls.client_auth_type is ClientAuth.REQUIRED)
