"""The TLS settings of a target as a context, for the configuration's checks and for the client."""

import contextlib
import ssl
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from vault_exporter.config.parse.files import is_directory
from vault_exporter.config.schema.model import Tls
from vault_exporter.util.fs import open_regular

__all__ = ["Stamps", "TlsError", "shared_context", "stamps", "tls_context"]

Stamps = tuple[tuple[int, int] | None, ...]

_shared: Final[WeakValueDictionary[tuple[Tls, Stamps], ssl.SSLContext]] = WeakValueDictionary()


class TlsError(Exception):
    """A TLS setting cannot be used; ``key`` is the one to blame."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def shared_context(tls: Tls) -> ssl.SSLContext:
    """Return the context for these settings and the files as they are: the same one for all who use it at the time.

    What a system trusts takes megabytes, and many targets mostly have one set of settings.

    Raises:
        TlsError: as :func:`tls_context`.
    """
    key = (tls, stamps(tls))
    context = _shared.get(key)
    if context is None:
        context = _shared[key] = tls_context(tls)
    return context


def stamps(tls: Tls) -> Stamps:
    """Tell the files of the settings from others of the same name."""
    files = [path for path in (tls.ca_cert, tls.client_cert, tls.client_key) if path]
    if tls.ca_path and is_directory(tls.ca_path):
        with contextlib.suppress(OSError):  # whoever makes the context says so
            files += sorted(tls.ca_path.iterdir())
    return tuple(map(_stamp, files))


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Make the context; without CA settings it trusts what the system trusts.

    Raises:
        TlsError: a file cannot be read, holds no certificate or key, or the two do not fit.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls.ca_cert:
        _trust(context, tls.ca_cert)
    if tls.ca_path:
        if not is_directory(tls.ca_path):
            raise TlsError("ca_path", "not a directory")
        # Vault's words for it promise every file of the directory; OpenSSL alone would want hashed names.
        try:
            files = sorted(path for path in tls.ca_path.iterdir() if path.is_file())
        except OSError as error:
            raise TlsError("ca_path", f"cannot be read: {error.strerror}") from None
        for file in files:
            _trust(context, file, key="ca_path")
    if not tls.ca_cert and not tls.ca_path:
        context.load_default_certs()
    if tls.client_key and not tls.client_cert:
        raise TlsError("client_key", "without client_cert; give both")
    if tls.client_cert:
        _identify(context, tls.client_cert, tls.client_key)
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_ino, status.st_mtime_ns)


def _trust(context: ssl.SSLContext, file: Path, key: str = "ca_cert") -> None:
    where = f"{file.name}: " if key == "ca_path" else ""
    try:
        open_regular(file).close()
        context.load_verify_locations(cafile=file)
    except ssl.SSLError:
        raise TlsError(key, f"{where}not a certificate in PEM format") from None
    except OSError as error:
        raise TlsError(key, f"{where}cannot be read: {error.strerror}") from None


def _identify(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    for name, file in (("client_cert", certificate), ("client_key", key)):
        if file is not None:
            try:
                open_regular(file).close()
            except OSError as error:
                raise TlsError(name, f"cannot be read: {error.strerror}") from None
    try:
        # The empty password keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        if error.reason in {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"}:
            raise TlsError("client_key", "not the key of client_cert") from None
        if key is None:
            raise TlsError("client_cert", "needs client_key, since it does not hold certificate and key") from None
        raise TlsError(
            "client_cert", "this and client_key are no certificate and key in PEM format, or the key is encrypted"
        ) from None
