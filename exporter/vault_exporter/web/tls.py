"""The TLS settings of the exporter's own server as a context, for the configuration's checks and for the server."""

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vault_exporter.config.schema.model import Secret
from vault_exporter.config.schema.web import ClientAuth, TlsServer, TlsVersion
from vault_exporter.util.fs import open_regular
from vault_exporter.vault.tls import TlsError

__all__ = ["server_context"]

_VERSIONS: Final = {TlsVersion.TLS12: ssl.TLSVersion.TLSv1_2, TlsVersion.TLS13: ssl.TLSVersion.TLSv1_3}
_VERIFY: Final = {
    ClientAuth.NONE: ssl.CERT_NONE,
    ClientAuth.IF_GIVEN: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRED: ssl.CERT_REQUIRED,
}
_CURVES: Final = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
_ALWAYS: Final = frozenset(
    {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}  # TLS 1.3: not to be chosen
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
"""Go's names, which the file uses, to OpenSSL's: what Go's ``CipherSuites()`` lists for TLS 1.2."""


def server_context(tls: TlsServer) -> ssl.SSLContext:
    """Make the context.

    Raises:
        TlsError: with the key to blame: a file cannot be read, certificate and key do not fit, or Python's TLS cannot
            do what is asked.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if tls.min_version > tls.max_version:
        raise TlsError("min_version", "above max_version")
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    _choose(context, tls)
    _identify(context, tls)
    _ask(context, tls)
    return context


def _choose(context: ssl.SSLContext, tls: TlsServer) -> None:
    unknown = [name for name in tls.cipher_suites if name not in _CIPHERS and name not in _ALWAYS]
    if unknown:
        raise TlsError("cipher_suites", f"not known; choose from {', '.join(_CIPHERS)}")
    chosen = [_CIPHERS[name] for name in tls.cipher_suites if name in _CIPHERS]
    if chosen:
        context.set_ciphers(":".join(chosen))
    if tls.curve_preferences:
        if len(tls.curve_preferences) > 1:
            raise TlsError("curve_preferences", "Python's TLS takes one curve; name one, or leave this out for all")
        (curve,) = tls.curve_preferences
        if curve not in _CURVES:
            raise TlsError("curve_preferences", f"not known; choose from {', '.join(_CURVES)}")
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
            # The empty password keeps OpenSSL from asking for one on the terminal.
            context.load_cert_chain(certificate, key, password="")
        except ssl.SSLError as error:
            if error.reason in {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"}:
                raise TlsError("key_file" if tls.key_file else "key", "not the certificate's key") from None
            raise TlsError(
                blamed, "this and its key are no certificate and key in PEM format, or the key is encrypted"
            ) from None


def _ask(context: ssl.SSLContext, tls: TlsServer) -> None:
    with _one_of("client_ca", tls.client_ca, tls.client_ca_file) as authority:
        blamed = "client_ca_file" if tls.client_ca_file else "client_ca"
        if tls.client_auth_type is ClientAuth.NONE:
            if authority is not None:
                raise TlsError(blamed, f"has no effect; set client_auth_type: {ClientAuth.REQUIRED}")
        elif authority is None:
            raise TlsError("client_auth_type", "needs client_ca_file, the certificates that clients' are signed by")
        else:
            try:
                context.load_verify_locations(cafile=authority)
            except ssl.SSLError:
                raise TlsError(blamed, "not a certificate in PEM format") from None
    if tls.client_allowed_sans and tls.client_auth_type is not ClientAuth.REQUIRED:
        raise TlsError("client_allowed_sans", f"needs client_auth_type: {ClientAuth.REQUIRED}")
    context.verify_mode = _VERIFY[tls.client_auth_type]


@contextlib.contextmanager
def _one_of(name: str, inline: Secret | None, file: Path | None) -> Iterator[str | None]:
    """Give the path of what is written in the file or beside it."""
    if inline is not None and file is not None:
        raise TlsError(name, f"give either {name} or {name}_file")
    if file is not None:
        try:
            open_regular(file).close()
        except OSError as error:
            raise TlsError(f"{name}_file", f"cannot be read: {error.strerror}") from None
    if inline is None:
        yield str(file) if file else None
        return
    # OpenSSL reads files alone. This one is readable to us only, and gone when it has been read.
    descriptor, path = tempfile.mkstemp(prefix="vault-exporter-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as temporary:
            temporary.write(inline.reveal())
        yield path
    finally:
        Path(path).unlink()
