"""Passwords of basic authentication.

A bcrypt check is slow by design, so passwords are checked in a thread, one at a time. A successful login is cached as a
keyed hash until the file changes, so Prometheus' password is checked once.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Final

from vault_exporter.util.threads import in_thread

__all__ = ["Passwords"]

_LONGEST_PASSWORD: Final = 72
"""Number of bytes that bcrypt uses."""


class Passwords:
    """The users, and a cache of successful logins.

    Attributes:
        waiting: number of passwords waiting to be checked.
    """

    def __init__(self, users: dict[str, str]) -> None:
        """Create the check from bcrypt hashes by user name."""
        self.waiting = 0
        self._users = {user: known.encode() for user, known in users.items()}
        self._one = asyncio.Lock()
        self._key = secrets.token_bytes(32)
        self._let_in: dict[str, bytes] = {}

    def __bool__(self) -> bool:
        """Return whether any user is configured."""
        return bool(self._users)

    async def are_good(self, header: str) -> bool:
        """Check the value of an ``Authorization`` header."""
        user, password = _credentials(header)
        if user is None:
            return False
        proof = hmac.digest(self._key, f"{user}:".encode() + password, hashlib.sha256)
        if hmac.compare_digest(proof, self._let_in.get(user, b"")):
            return True
        # An unknown user's password is also compared, so that the time does not reveal which users exist.
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
    """Return user and password of ``Basic <base64>``; the user is None for any other header."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None, b""
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode() if colon else None), password
    except (binascii.Error, ValueError):
        return None, b""


def _fits(password: bytes, known: bytes) -> bool:
    import bcrypt  # noqa: PLC0415 - only with users

    try:
        return bcrypt.checkpw(password[:_LONGEST_PASSWORD], known)
    except ValueError:
        return False
