"""What the logins of all targets share."""

import asyncio
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from typing import Final

from vault_exporter.config.schema.secret import Secret

__all__ = ["Shared"]

_MOST_ENTITIES: Final = 4096
_LONGEST_ENTITY: Final = 256
"""Characters; Vault's ids have 36, with their namespace 43."""


class Shared:
    """What the logins of all targets share, for as long as the exporter runs.

    These are the secret-ids that came out of wrapped responses, which can be opened only once, by the wrapping token;
    and the ids of the entities that the exporter was logged in as, by which Vault's audit log knows it.
    """

    def __init__(self, *, once: bool = False) -> None:
        """Know nothing yet; ``once`` is for a single look, which sends nothing with a token that Vault refuses."""
        self.once = once
        self._entities: dict[str, None] = {}
        self._secrets: dict[Secret, Secret] = {}
        self._locks: dict[Secret, asyncio.Lock] = {}

    @property
    def entities(self) -> AbstractSet[str]:
        """The entities, those that are noted later among them; if there are too many, the last ones."""
        return self._entities.keys()

    def note_entity(self, entity_id: str) -> None:
        """Be told whom a token is of; empty is nobody."""
        if entity_id and len(entity_id) <= _LONGEST_ENTITY:
            self._entities.pop(entity_id, None)
            self._entities[entity_id] = None
            if len(self._entities) > _MOST_ENTITIES:
                del self._entities[next(iter(self._entities))]

    async def unwrapped(self, wrapping: Secret, unwrap: Callable[[Secret], Awaitable[Secret]]) -> Secret:
        """Return what was wrapped, opening it if that was not done yet."""
        async with self._locks.setdefault(wrapping, asyncio.Lock()):
            if wrapping not in self._secrets:
                self._secrets[wrapping] = await unwrap(wrapping)
        return self._secrets[wrapping]
