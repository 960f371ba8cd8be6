"""The files of a login's credentials, and whether something else is in them now.

What counts is what is in them: an agent may write the same password again and again, and if it is a wrong one, each
try counts towards a lockout. They are read only where they look as if they had been written.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from vault_exporter.util.fs import Signature, read_small, signature

__all__ = ["LARGEST_CREDENTIAL", "CredentialFiles"]

LARGEST_CREDENTIAL: Final = 64 << 10
"""Bytes."""


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
        return hashlib.sha256(read_small(file, LARGEST_CREDENTIAL)).digest()
    except OSError:
        return None
