"""The credentials of a login: what they are, and whether something else is in their files now.

What counts is what is in them: an agent may write the same password again and again, and if it is a wrong one, each
try counts towards a lockout. They are read only where they look as if they had been written.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from vault_exporter.config.schema.secret import Secret
from vault_exporter.util.fs import Signature, read_small, signature
from vault_exporter.vault.auth.errors import LoginError, LoginFailure

__all__ = ["CredentialFiles", "read_credential"]

_LARGEST_CREDENTIAL: Final = 64 << 10
"""Bytes."""


def read_credential(value: Secret | None, file: Path | None, what: str, *, spaces: bool = False) -> Secret:
    """Return the credential, or what its file holds, without the space around it.

    Raises:
        LoginError: ``no_credentials``; there is none, or the file cannot be read.
    """
    if value is not None:
        return value
    if file is None:
        raise LoginError(LoginFailure.NO_CREDENTIALS, f"there is no {what}")
    try:
        text = read_small(file, _LARGEST_CREDENTIAL).decode()
    except OSError as error:
        raise LoginError(
            LoginFailure.NO_CREDENTIALS, f"{what}: {file} cannot be read: {error.strerror}; it is tried again"
        ) from error
    except UnicodeDecodeError:
        text = ""
    text = text.rstrip("\r\n") if spaces else text.strip()
    if not text or not text.isprintable() or (not spaces and not text.isascii()):
        raise LoginError(LoginFailure.NO_CREDENTIALS, f"{what}: {file} holds none; it is read again when it changes")
    return Secret(text)


class CredentialFiles:
    """Files of credentials. Kept: what tells whether they were written, and a digest of each."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = tuple(files)
        self._identities: tuple[Signature | None, ...] = ()
        self._digests: tuple[bytes | None, ...] = ()

    def note(self) -> None:
        """Remember what is in them, since it is about to be used."""
        self._identities = tuple(map(signature, self._files))
        self._digests = tuple(map(_digest, self._files))

    def changed(self) -> bool:
        """Tell whether something else is in them than when this was asked, or they were noted, last."""
        identities = tuple(map(signature, self._files))
        if identities == self._identities:
            return False
        before = self._digests
        self.note()
        return self._digests != before


def _digest(file: Path) -> bytes | None:
    """Return None where it cannot be read."""
    try:
        return hashlib.sha256(read_small(file, _LARGEST_CREDENTIAL)).digest()
    except OSError:
        return None
