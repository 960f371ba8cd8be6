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
    "Burst",
    "ClientAuth",
    "Hash",
    "HeaderValue",
    "HttpServer",
    "Interval",
    "OptionalPath",
    "Pem",
    "RequestLimit",
    "TlsServer",
    "TlsVersion",
    "Web",
]

Pem = Annotated[Secret | None, "pem"]
"""A certificate or key written in the file itself; None for an empty text."""

OptionalPath = Annotated[Path | None, "optional_path"]
"""A file's name; None for an empty text, as in the toolkit."""

HeaderValue = Annotated[str, "header_value"]
"""A header's value; an empty one does not set the header."""

Burst = Annotated[int, "burst"]
"""A number of requests; 0 is allowed where there is no limit."""

Hash = Annotated[Secret, "bcrypt"]
"""A password's bcrypt hash."""

Interval = Annotated[float, "interval"]
"""Seconds, as a duration; 0 switches off."""


class ClientAuth(enum.StrEnum):
    """What is asked of a client's certificate, in the words of Go's ``tls.ClientAuthType``.

    ``RequireAnyClientCert`` is missing: Python's TLS cannot take a certificate that it does not verify.
    """

    NONE = "NoClientCert"
    REQUESTED = "RequestClientCert"
    """The toolkit ignores the certificate that it requests, so this lets in whom ``NoClientCert`` lets in."""
    IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRED = "RequireAndVerifyClientCert"


class TlsVersion(enum.StrEnum):
    """A version of TLS. Those before 1.2 are broken, and OpenSSL refuses them: as a minimum they mean 1.2."""

    TLS10 = "TLS10"
    TLS11 = "TLS11"
    TLS12 = "TLS12"
    TLS13 = "TLS13"


class TlsServer(msgspec.Struct, frozen=True):
    """The server's certificate and what it asks of clients; ``cert``, ``key``, ``client_ca`` are PEM texts."""

    cert: Pem = None
    key: Pem = None
    client_ca: Pem = None
    cert_file: OptionalPath = None
    key_file: OptionalPath = None
    client_ca_file: OptionalPath = None
    client_auth_type: ClientAuth | None = None
    client_allowed_sans: tuple[str, ...] | None = None
    """Names of which the client's certificate must have one; an empty list refuses everybody."""
    min_version: TlsVersion = TlsVersion.TLS12
    max_version: TlsVersion = TlsVersion.TLS13
    cipher_suites: tuple[str, ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[str, ...] = ()

    @property
    def is_enabled(self) -> bool:
        """Whether the server speaks TLS; as in the toolkit, a section with none of these keys is plain HTTP."""
        files = (self.cert_file, self.key_file, self.client_ca_file)
        return any((*files, self.cert, self.key, self.client_ca, self.client_auth_type))

    @property
    def identifies_clients(self) -> bool:
        """Whether a client that gets in had to prove who it is.

        Without a CA of one's own the system's are trusted, and they sign for anybody; a list of names narrows that.
        """
        has_own_authority = self.client_ca is not None or self.client_ca_file is not None
        is_narrowed = has_own_authority or self.client_allowed_sans is not None
        return self.client_auth_type is ClientAuth.REQUIRED and is_narrowed


class HttpServer(msgspec.Struct, frozen=True):
    """How HTTP is answered."""

    http2: bool = True
    """Accepted, since the file may be shared, and without effect: HTTP/1.1 is what is served."""
    headers: dict[str, HeaderValue] = {}
    """Headers to add to every answer."""


class RequestLimit(msgspec.Struct, frozen=True):
    """A token bucket for all requests together."""

    interval: Interval = 0.0
    """Seconds between two requests; 0 is no limit."""
    burst: Burst = 1


class Web(msgspec.Struct, frozen=True):
    """Everything of the file; an empty one lets anybody in."""

    tls_server_config: TlsServer | None = None
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: dict[str, Hash] = {}
    rate_limit: RequestLimit = RequestLimit()

    @property
    def tls(self) -> TlsServer | None:
        """The TLS settings, or None for plain HTTP."""
        tls = self.tls_server_config
        return tls if tls is not None and tls.is_enabled else None

    @property
    def knows_clients(self) -> bool:
        """Whether whoever gets an answer had to prove who it is."""
        return bool(self.basic_auth_users) or (self.tls is not None and self.tls.identifies_clients)
