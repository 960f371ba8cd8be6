"""The current settings of ``web_config_file``.

The file is checked for changes at every connection and request, so a change applies from the next connection on. An
invalid file is logged and the previous settings stay in force, so a mistake neither opens nor blocks the endpoints.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from vault_exporter.config.parse.problems import ConfigError, Problem
from vault_exporter.config.schema.web import ClientAuth, Web
from vault_exporter.util.fs import Signature, signature
from vault_exporter.web.config_file import load_web_file
from vault_exporter.web.passwords import Passwords
from vault_exporter.web.tls import ServerTls, is_issued_by, server_tls

__all__ = ["Settings", "SettingsFile"]

_MOST_READS: Final = 3
"""Limit of immediate retries if the file changes while it is read."""

_log = structlog.get_logger(__name__)

_Signatures = tuple[Signature | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """One version of the settings."""

    web: Web
    tls: ServerTls | None
    """TLS of new connections; None is plain HTTP."""
    passwords: Passwords

    def accept(self, connection: ssl.SSLObject | None, accepted: "Settings") -> bool:
        """Return whether a connection accepted with other settings meets the TLS demands of these.

        The TLS session itself decides, not the file: the client's certificate was verified with the authorities of the
        settings at the handshake.

        Args:
            connection: the connection's TLS session, or None for plain HTTP.
            accepted: the settings at its handshake.
        """
        demanded = self.web.tls
        if self.tls is None or demanded is None:
            return True
        if connection is None:
            return False
        if demanded.client_auth_type not in {ClientAuth.IF_GIVEN, ClientAuth.REQUIRED}:
            return True
        certificate = connection.getpeercert(binary_form=True)
        if certificate is None:
            return demanded.client_auth_type is ClientAuth.IF_GIVEN
        if accepted.tls is not None and accepted.tls.authorities == self.tls.authorities:
            return True
        return self.tls.authorities is not None and is_issued_by(certificate, self.tls.authorities)


class SettingsFile:
    """The file, and its last valid settings.

    Attributes:
        exists: whether a file is configured. Without one, the server uses plain HTTP without authentication.
    """

    def __init__(self, path: Path | None) -> None:
        """Read the file.

        Raises:
            ConfigError: the file is invalid.
        """
        self.exists = path is not None
        self._path = path
        self._files: tuple[Path, ...] = ()
        self._settings = Settings(Web(), None, Passwords({}))
        self._signature: _Signatures = ()
        if path is not None:
            self._read(path)

    def current(self) -> Settings:
        """Return the current settings. Read the file again if it or a file that it names has changed."""
        if self._path is not None and (now := self._look()) != self._signature:
            self._signature = now
            try:
                self._read(self._path, before=self._settings.web)
            except ConfigError as error:
                _log.error("web_config_file became wrong; the settings before it stay in force", error=str(error))
            else:
                _log.info("web_config_file read again")
        return self._settings

    def _read(self, path: Path, before: Web | None = None) -> None:
        for _ in range(_MOST_READS):
            web, self._files = load_web_file(path)
            # The first read gives the names of the files. The signature must be older than the read that counts.
            self._signature = self._look()
            web, files = load_web_file(path)
            if files == self._files:
                break
        if before is not None:
            _require_no_less(path, web, before)
        tls = server_tls(web.tls) if web.tls is not None else None
        users = {user: known.reveal() for user, known in web.basic_auth_users.items()}
        self._settings = Settings(web, tls, Passwords(users))

    def _look(self) -> _Signatures:
        return tuple(map(signature, (self._path, *self._files) if self._path else ()))


def _require_no_less(path: Path, web: Web, before: Web) -> None:
    """Refuse a file that removes authentication. A file that is being written can be empty for a moment."""
    if before.knows_clients and not web.knows_clients:
        message = "asks for no password or client certificate any more; restart vault-exporter to have it so"
        raise ConfigError((Problem(str(path), message),))
    if web == Web() != before:
        message = "says nothing any more; restart vault-exporter to have it so"
        raise ConfigError((Problem(str(path), message),))
