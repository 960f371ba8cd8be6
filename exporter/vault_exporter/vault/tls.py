"""Build the TLS context of a target. The configuration's checks build it, too."""

import contextlib
import ssl
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from vault_exporter.config.parse.path_checks import is_directory
from vault_exporter.config.schema.model import Tls
from vault_exporter.util.fs import Signature, open_regular, signature, why_unreadable
from vault_exporter.vault.hostname import ascii_name

__all__ = ["Stamps", "TlsError", "shared_context", "stamps", "tls_context"]

Stamps = tuple[Signature | None, ...]

_shared: Final[WeakValueDictionary[tuple[Tls, Stamps], ssl.SSLContext]] = WeakValueDictionary()


class TlsError(Exception):
    """A TLS setting is invalid; ``key`` names it."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def shared_context(tls: Tls) -> ssl.SSLContext:
    """Return the context for these settings and the current files. Targets with the same settings share it.

    The system's trust store takes megabytes, and most targets have the same settings.

    Raises:
        TlsError: as :func:`tls_context`.
    """
    key = (tls, stamps(tls))
    context = _shared.get(key)
    if context is None:
        context = _shared[key] = tls_context(tls)
    return context


def stamps(tls: Tls) -> Stamps:
    """Return signatures of the settings' files, which differ after a change."""
    files = [path for path in (tls.ca_cert, tls.client_cert, tls.client_key) if path]
    if tls.ca_path and is_directory(tls.ca_path):
        with contextlib.suppress(OSError):  # building the context reports the error
            files += sorted(tls.ca_path.iterdir())
    return tuple(map(signature, files))


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Build the context. Without CA settings it uses the system's trust store.

    The context does not check the host name; :mod:`vault_exporter.vault.hostname` does, by Go's rules.

    Raises:
        TlsError: a file cannot be read, holds no certificate or key, or the two do not match.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    _trust_all(context, tls)
    if tls.server_name:
        try:
            ascii_name(tls.server_name)
        except ValueError:
            raise TlsError("server_name", "not a host name") from None
    if tls.client_key and not tls.client_cert:
        raise TlsError("client_key", "without client_cert; give both")
    if tls.client_cert:
        _identify(context, tls.client_cert, tls.client_key)
    if tls.insecure_skip_verify:
        context.verify_mode = ssl.CERT_NONE
    return context


def _trust_all(context: ssl.SSLContext, tls: Tls) -> None:
    """Load the trusted certificates of the settings, or the system's trust store if the settings have none."""
    if tls.ca_cert:
        _trust(context, tls.ca_cert)
    if tls.ca_cert_bytes:
        _trust_text(context, tls.ca_cert_bytes)
    if tls.ca_path:
        if not is_directory(tls.ca_path):
            raise TlsError("ca_path", "not a directory")
        # Vault documents that every file of the directory is loaded. OpenSSL alone needs hashed file names.
        try:
            files = sorted(path for path in tls.ca_path.iterdir() if path.is_file())
        except OSError as error:
            raise TlsError("ca_path", why_unreadable(tls.ca_path, error)) from None
        for file in files:
            _trust(context, file, key="ca_path")
    if not (tls.ca_cert or tls.ca_cert_bytes or tls.ca_path):
        context.load_default_certs()


def _trust(context: ssl.SSLContext, file: Path, key: str = "ca_cert") -> None:
    try:
        open_regular(file).close()
        context.load_verify_locations(cafile=file)
    except ssl.SSLError:
        raise TlsError(key, f"{file} is not a certificate in PEM format") from None
    except OSError as error:
        raise TlsError(key, why_unreadable(file, error)) from None


def _trust_text(context: ssl.SSLContext, text: str) -> None:
    try:
        context.load_verify_locations(cadata=text)
    except ssl.SSLError:
        raise TlsError("ca_cert_bytes", "not a certificate in PEM format") from None


def _identify(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    for name, file in (("client_cert", certificate), ("client_key", key)):
        if file is not None:
            try:
                open_regular(file).close()
            except OSError as error:
                raise TlsError(name, why_unreadable(file, error)) from None
    try:
        # An empty password keeps OpenSSL from prompting on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        if error.reason in {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"}:
            raise TlsError("client_key", "not the key of client_cert") from None
        if key is None:
            raise TlsError("client_cert", "needs client_key, since it does not hold certificate and key") from None
        raise TlsError(
            "client_cert", "this and client_key are no certificate and key in PEM format, or the key is encrypted"
        ) from None
