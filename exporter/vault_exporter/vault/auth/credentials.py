"""Read the credentials of a login, and detect changes of their files.

Only a changed content counts. An agent may rewrite the same password repeatedly, and if it is wrong, each login counts
towards a lockout. A file is read only if its signature changed.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from vault_exporter.config.schema.secret import Secret
from vault_exporter.util.fs import Signature, read_small, signature, why_unreadable
from vault_exporter.vault.auth.errors import LoginError, LoginFailure

__all__ = ["CredentialFiles", "read_credential"]

_LARGEST_CREDENTIAL: Final = 64 << 10
"""Limit of a credential file in bytes."""


def read_credential(value: Secret | None, file: Path | None, what: str, *, spaces: bool = False) -> Secret:
    """Return the credential, inline or from its file, without surrounding white space.

    Raises:
        LoginError: ``no_credentials``; it is missing, or the file cannot be read.
    """
    if value is not None:
        return value
    if file is None:
        raise LoginError(LoginFailure.NO_CREDENTIALS, f"there is no {what}")
    try:
        text = read_small(file, _LARGEST_CREDENTIAL).decode()
    except OSError as error:
        raise LoginError(
            LoginFailure.NO_CREDENTIALS, f"{what}: {why_unreadable(file, error)}; it is tried again"
        ) from error
    except UnicodeDecodeError:
        text = ""
    text = text.rstrip("\r\n") if spaces else text.strip()
    if not text or not text.isprintable() or (not spaces and not text.isascii()):
        raise LoginError(LoginFailure.NO_CREDENTIALS, f"{what}: {file} holds none; it is read again when it changes")
    return Secret(text)


class CredentialFiles:
    """Files of credentials. Kept between scrapes: the signature and a digest of each file."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = tuple(files)
        self._identities: tuple[Signature | None, ...] = ()
        self._digests: tuple[bytes | None, ...] = ()

    def note(self) -> None:
        """Record the content before a login uses it."""
        self._identities = tuple(map(signature, self._files))
        self._digests = tuple(map(_digest, self._files))

    def changed(self) -> bool:
        """Return whether the content has changed since the last call of this method or of ``note``."""
        identities = tuple(map(signature, self._files))
        if identities == self._identities:
            return False
        before = self._digests
        self.note()
        return self._digests != before


def _digest(file: Path) -> bytes | None:
    """Return a digest of the content; None if the file cannot be read."""
    try:
        return hashlib.sha256(read_small(file, _LARGEST_CREDENTIAL)).digest()
    except OSError:
        return None
