"""A token, and what is known about it."""

from typing import Final, NamedTuple

from vault_exporter.config.schema.secret import Secret

__all__ = ["HeldToken", "Token"]

_NEW_SECONDS: Final = 10.0
"""How long after a login a standby may not know its token."""
_WORN: Final = 0.9
"""A renewal that gives less than this part of the token's first life says that its end is near: log in next time."""


class Token(NamedTuple):
    """A token and what Vault said about it."""

    secret: Secret
    ttl: float = 0
    """Seconds that it was valid for when Vault said so; 0 is for ever."""
    renewable: bool = False
    entity_id: str = ""
    display_name: str = ""
    policies: frozenset[str] = frozenset()
    """Its own, and those of its entity."""


class HeldToken(NamedTuple):
    """A token that calls carry, and what the exporter found out about it."""

    token: Token
    valid: bool
    """Vault accepted it when last asked."""
    expires: float | None
    """Unix time, in seconds; None where it does not expire."""
    obtained: float
    """Unix time of the login, in seconds."""
    first_ttl: float
    """Seconds that it was valid for at its login."""
    lookable: bool
    """Whether it may look itself up."""
    unknown: bool = False
    """Whether Vault does not know it at all, as far as can be told."""

    @property
    def is_worn(self) -> bool:
        """Whether another login gives more time than a renewal."""
        return not self.token.renewable or self.token.ttl < self.first_ttl * _WORN

    def is_new(self, now: float) -> bool:
        """Return whether it was obtained only now, so that other nodes than the active one may not know it yet."""
        return 0 <= now - self.obtained < _NEW_SECONDS

    def remaining(self, now: float) -> float:
        """Return the seconds until it expires; 0 where it does not."""
        return self.expires - now if self.expires is not None else 0.0
