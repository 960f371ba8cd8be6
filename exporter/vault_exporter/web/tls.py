"""Build the TLS context of the exporter's own server. The configuration's checks build it, too."""

import contextlib
import os
import re
import ssl
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from vault_exporter.config.schema.model import Secret
from vault_exporter.config.schema.web import ClientAuth, TlsServer, TlsVersion
from vault_exporter.util.fs import open_regular, read_small, why_unreadable
from vault_exporter.vault.tls import TlsError

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["ServerTls", "is_issued_by", "server_tls"]

_LARGEST_FILE: Final = 4 << 20
_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_VERSIONS: Final = {
    TlsVersion.TLS10: ssl.TLSVersion.TLSv1_2,
    TlsVersion.TLS11: ssl.TLSVersion.TLSv1_2,
    TlsVersion.TLS12: ssl.TLSVersion.TLSv1_2,
    TlsVersion.TLS13: ssl.TLSVersion.TLSv1_3,
}
_VERIFY: Final = {
    None: ssl.CERT_NONE,
    ClientAuth.NONE: ssl.CERT_NONE,
    ClientAuth.REQUESTED: ssl.CERT_NONE,
    ClientAuth.IF_GIVEN: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRED: ssl.CERT_REQUIRED,
}
_CURVES: Final = {"X25519": "X25519", "CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1"}
"""OpenSSL's name of each of Go's curve names, most widely used first."""
_HYBRIDS: Final = frozenset({"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"})
"""Go's curve names that OpenSSL cannot select. They are valid only beside another name in the list."""
_ALWAYS: Final = frozenset(
    {
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
    }  # TLS 1.3 suites cannot be selected
)
_CIPHERS: Final = {
    f"TLS_ECDHE_{auth}_WITH_{go}": f"ECDHE-{auth}-{openssl}"
    for auth in ("ECDSA", "RSA")
    for go, openssl in (
        ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
        ("AES_128_CBC_SHA", "AES128-SHA"),
        ("AES_256_CBC_SHA", "AES256-SHA"),
    )
}
"""OpenSSL's name of each TLS 1.2 suite in Go's ``CipherSuites()``. The file uses Go's names."""


class ServerTls(NamedTuple):
    """TLS of new connections."""

    context: ssl.SSLContext
    authorities: frozenset[bytes] | None
    """Certificates (DER) of the authorities that sign client certificates; None for the system's trust store."""


def server_tls(tls: TlsServer) -> ServerTls:
    """Build the context.

    Raises:
        TlsError: with the wrong key: a file cannot be read, certificate and key do not match, or Python's TLS does
            not support a setting.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if tls.max_version < TlsVersion.TLS12:
        raise TlsError("max_version", "TLS before 1.2 is broken, and OpenSSL refuses it")
    if tls.min_version > tls.max_version:
        raise TlsError("min_version", "above max_version")
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    _choose_ciphers(context, tls)
    _choose_curve(context, tls)
    _identify(context, tls)
    return ServerTls(context, _ask(context, tls))


def is_issued_by(certificate: bytes, authorities: frozenset[bytes]) -> bool:
    """Return whether one of the authorities directly signed a certificate (DER), and both are valid now.

    Use it for a connection whose certificate was verified with other authorities. A chain with an intermediate
    certificate is not recognised, and the client must reconnect.
    """
    from cryptography import x509  # noqa: PLC0415 - a tenth of the memory, which takes client certificates and a reload
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - likewise

    try:
        leaf = x509.load_der_x509_certificate(certificate)
        if not _is_valid_now(leaf):
            return False
        if certificate in authorities:
            return True
        for authority in map(x509.load_der_x509_certificate, authorities):
            with contextlib.suppress(ValueError, TypeError, InvalidSignature):
                leaf.verify_directly_issued_by(authority)
                if _is_valid_now(authority) and _may_sign(authority):
                    return True
    except ValueError:
        return False
    return False


def _is_valid_now(certificate: "x509.Certificate") -> bool:
    return certificate.not_valid_before_utc <= datetime.now(UTC) <= certificate.not_valid_after_utc


def _may_sign(certificate: "x509.Certificate") -> bool:
    from cryptography import x509  # noqa: PLC0415 - see is_issued_by

    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _choose_ciphers(context: ssl.SSLContext, tls: TlsServer) -> None:
    unknown = [name for name in tls.cipher_suites if name not in _CIPHERS and name not in _ALWAYS]
    if unknown:
        raise TlsError("cipher_suites", f"not known; choose from {', '.join(_CIPHERS)}")
    if not tls.cipher_suites:
        return
    chosen = [_CIPHERS[name] for name in tls.cipher_suites if name in _CIPHERS]
    if chosen:
        context.set_ciphers(":".join(chosen))
    elif tls.max_version is TlsVersion.TLS13:
        context.minimum_version = ssl.TLSVersion.TLSv1_3  # the list has no suite of TLS 1.2
    else:
        raise TlsError("cipher_suites", "has none for TLS 1.2, and max_version allows no other")


def _choose_curve(context: ssl.SSLContext, tls: TlsServer) -> None:
    """Set the curve. Python's TLS takes only one, so use the most widely supported of the list."""
    if not tls.curve_preferences:
        return
    if any(name not in _CURVES and name not in _HYBRIDS for name in tls.curve_preferences):
        raise TlsError("curve_preferences", f"not known; choose from {', '.join(_CURVES)}")
    curve = next((name for name in _CURVES if name in tls.curve_preferences), None)
    if curve is None:
        raise TlsError("curve_preferences", f"Python's TLS cannot be told to use it; add one of {', '.join(_CURVES)}")
    context.set_ecdh_curve(_CURVES[curve])


def _identify(context: ssl.SSLContext, tls: TlsServer) -> None:
    with contextlib.ExitStack() as files:
        certificate = files.enter_context(_one_of("cert", tls.cert, tls.cert_file))
        key = files.enter_context(_one_of("key", tls.key, tls.key_file))
        blamed = "cert_file" if tls.cert_file else "cert"
        if certificate is None:
            raise TlsError("cert_file", "cert_file is missing; a server needs a certificate")
        if key is None:
            raise TlsError("key_file", "key_file is missing; a server needs its certificate's key")
        try:
            # An empty password keeps OpenSSL from prompting on the terminal.
            context.load_cert_chain(certificate, key, password="")
        except ssl.SSLError as error:
            if error.reason in {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"}:
                raise TlsError("key_file" if tls.key_file else "key", "not the certificate's key") from None
            raise TlsError(
                blamed, "this and its key are no certificate and key in PEM format, or the key is encrypted"
            ) from None


def _ask(context: ssl.SSLContext, tls: TlsServer) -> frozenset[bytes] | None:
    """Set up verification of client certificates, and return their authorities."""
    authorities = _authorities(tls)
    if authorities is not None and tls.client_auth_type in {None, ClientAuth.NONE}:
        blamed = "client_ca_file" if tls.client_ca_file else "client_ca"
        raise TlsError(blamed, f"has no effect; set client_auth_type: {ClientAuth.REQUIRED}")
    if tls.client_allowed_sans is not None and tls.client_auth_type is not ClientAuth.REQUIRED:
        raise TlsError("client_allowed_sans", f"needs client_auth_type: {ClientAuth.REQUIRED}")
    context.verify_mode = _VERIFY[tls.client_auth_type]
    # As in Go, an intermediate certificate in the file is a trust anchor.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if authorities is not None:
        context.load_verify_locations(cadata=b"".join(authorities))
    elif context.verify_mode != ssl.CERT_NONE:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    return authorities


def _authorities(tls: TlsServer) -> frozenset[bytes] | None:
    with _one_of("client_ca", tls.client_ca, tls.client_ca_file) as path:
        if path is None:
            return None
        blamed = "client_ca_file" if tls.client_ca_file else "client_ca"
        try:
            content = read_small(Path(path), _LARGEST_FILE)
        except OSError as error:
            raise TlsError(blamed, why_unreadable(Path(path), error)) from None
    try:
        found = frozenset(ssl.PEM_cert_to_DER_cert(block.decode()) for block in _CERTIFICATE.findall(content))
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=b"".join(found))
    except (ssl.SSLError, ValueError):
        found = frozenset()
    if not found:
        raise TlsError(blamed, "not a certificate in PEM format")
    return found


@contextlib.contextmanager
def _one_of(name: str, inline: Secret | None, file: Path | None) -> Iterator[str | None]:
    """Yield the path of a value that is given inline or as a file."""
    if inline is not None and file is not None:
        raise TlsError(name, f"give either {name} or {name}_file")
    if file is not None:
        try:
            open_regular(file).close()
        except OSError as error:
            raise TlsError(f"{name}_file", why_unreadable(file, error)) from None
    if inline is None:
        yield str(file) if file else None
        return
    # OpenSSL reads only files. This one has mode 0600, and is deleted after reading.
    descriptor, path = tempfile.mkstemp(prefix="vault-exporter-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as temporary:
            temporary.write(inline.reveal())
        yield path
    finally:
        Path(path).unlink()
