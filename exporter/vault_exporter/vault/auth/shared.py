"""State that the logins of all targets share."""

import asyncio
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from typing import Final

from vault_exporter.config.schema.secret import Secret

__all__ = ["Shared"]

_MOST_ENTITIES: Final = 4096
_LONGEST_ENTITY: Final = 256
"""Limit in characters; Vault's ids have 36, or 43 with a namespace."""


class Shared:
    """State that the logins of all targets share, over the exporter's lifetime.

    It holds unwrapped secret-ids by wrapping token, because a wrapped response can be opened only once. It also holds
    the exporter's own entity ids, which identify its requests in Vault's audit log.
    """

    def __init__(self, *, once: bool = False) -> None:
        """Start empty; ``once`` is for a one-shot command, which sends no request with a refused token."""
        self.once = once
        self._entities: dict[str, None] = {}
        self._secrets: dict[Secret, Secret] = {}
        self._locks: dict[Secret, asyncio.Lock] = {}

    @property
    def entities(self) -> AbstractSet[str]:
        """A live view of the entity ids. Above the limit, the oldest are dropped."""
        return self._entities.keys()

    def note_entity(self, entity_id: str) -> None:
        """Add the entity id of a token; an empty id is ignored."""
        if entity_id and len(entity_id) <= _LONGEST_ENTITY:
            self._entities.pop(entity_id, None)
            self._entities[entity_id] = None
            if len(self._entities) > _MOST_ENTITIES:
                del self._entities[next(iter(self._entities))]

    async def unwrapped(self, wrapping: Secret, unwrap: Callable[[Secret], Awaitable[Secret]]) -> Secret:
        """Return the unwrapped secret, and unwrap it on the first call."""
        async with self._locks.setdefault(wrapping, asyncio.Lock()):
            if wrapping not in self._secrets:
                self._secrets[wrapping] = await unwrap(wrapping)
        return self._secrets[wrapping]
