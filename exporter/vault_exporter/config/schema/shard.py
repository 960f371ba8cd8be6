"""Which share of the targets one of several exporters serves."""

import hashlib
from typing import Final

import msgspec

__all__ = ["MOST_SHARDS", "Shard"]

MOST_SHARDS: Final = 1000

_HASH_BYTES: Final = 8


class Shard(msgspec.Struct, frozen=True):
    """One share of the targets, written as ``ORDINAL/TOTAL``."""

    ordinal: int
    """From 0 to ``total`` - 1."""
    total: int

    def __str__(self) -> str:
        return f"{self.ordinal}/{self.total}"

    def has(self, name: str) -> bool:
        """Return whether the target of this name belongs to this shard."""
        return self.owner(name) == self.ordinal

    def owner(self, name: str) -> int:
        """Return the ordinal of the shard that the target of this name belongs to.

        This is rendezvous hashing: each shard has a score for the name, and the highest score wins. A further shard
        only takes the targets for which its own score is the highest, so about 1/``total`` of them move, and none moves
        between the earlier shards. The hash is the same in every process and on every version of Python.
        """
        key = name.encode()
        return max(range(self.total), key=lambda ordinal: _score(key, ordinal))


def _score(key: bytes, ordinal: int) -> bytes:
    return hashlib.blake2b(key, digest_size=_HASH_BYTES, salt=ordinal.to_bytes(_HASH_BYTES, "big")).digest()
