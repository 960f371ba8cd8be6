"""Passwords of basic authentication.

They are checked in a thread, one at a time, since a check is made to take long. Prometheus' password is checked once:
a user who was let in is remembered, as a keyed hash, until the file changes.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Final

import bcrypt

from vault_exporter.util.threads import in_thread

__all__ = ["Passwords"]

_LONGEST_PASSWORD: Final = 72
"""Bytes that bcrypt looks at."""


class Passwords:
    """The users, and who has been let in.

    Attributes:
        waiting: how many passwords wait to be checked.
    """

    def __init__(self, users: dict[str, str]) -> None:
        """Take the bcrypt hashes by the users' names."""
        self.waiting = 0
        self._users = {user: known.encode() for user, known in users.items()}
        self._one = asyncio.Lock()
        self._key = secrets.token_bytes(32)
        self._let_in: dict[str, bytes] = {}

    def __bool__(self) -> bool:
        """Tell whether there are users at all."""
        return bool(self._users)

    async def are_good(self, header: str) -> bool:
        """Check the value of an ``Authorization`` header."""
        user, password = _credentials(header)
        if user is None:
            return False
        proof = hmac.digest(self._key, f"{user}:".encode() + password, hashlib.sha256)
        if hmac.compare_digest(proof, self._let_in.get(user, b"")):
            return True
        # An unknown user's is compared, too, so that it takes as long.
        known = self._users.get(user) or next(iter(self._users.values()))
        self.waiting += 1
        try:
            async with self._one:
                is_good = await asyncio.wrap_future(in_thread(lambda: _fits(password, known), "password"))
        finally:
            self.waiting -= 1
        if is_good and user in self._users:
            self._let_in[user] = proof
            return True
        return False


def _credentials(header: str) -> tuple[str | None, bytes]:
    """Take user and password out of ``Basic <base64>``; None for anything else."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None, b""
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode() if colon else None), password
    except (binascii.Error, ValueError):
        return None, b""


def _fits(password: bytes, known: bytes) -> bool:
    try:
        return bcrypt.checkpw(password[:_LONGEST_PASSWORD], known)
    except ValueError:
        return False
