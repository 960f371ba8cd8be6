"""A token and its state."""

from typing import Final, NamedTuple

from vault_exporter.config.schema.secret import Secret

__all__ = ["HeldToken", "Token"]

_NEW_SECONDS: Final = 10.0
"""Seconds after a login in which a standby may not know the token."""
_WORN: Final = 0.9
"""If a renewal gives less than this fraction of the first TTL, the maximum TTL is near: log in next time."""


class Token(NamedTuple):
    """A token, as Vault describes it."""

    secret: Secret
    ttl: float = 0
    """Lifetime in seconds at the time of Vault's response; 0 if it does not expire."""
    renewable: bool = False
    entity_id: str = ""
    display_name: str = ""
    policies: frozenset[str] = frozenset()
    """Policies of the token and of its entity."""


class HeldToken(NamedTuple):
    """The current token, and its state."""

    token: Token
    valid: bool
    """Whether Vault accepted it at the last check."""
    expires: float | None
    """Unix time in seconds; None if it does not expire."""
    obtained: float
    """Unix time of the login, in seconds."""
    first_ttl: float
    """TTL at its login, in seconds."""
    lookable: bool
    """Whether it may look itself up."""
    refusal: str = ""
    """The error of the lookup if Vault does not seem to know the token at all."""

    @property
    def is_worn(self) -> bool:
        """Whether a login gives a longer TTL than a renewal."""
        return not self.token.renewable or self.token.ttl < self.first_ttl * _WORN

    def is_new(self, now: float) -> bool:
        """Return whether the login was so recent that standbys may not know the token yet."""
        return 0 <= now - self.obtained < _NEW_SECONDS

    def remaining(self, now: float) -> float:
        """Return the seconds until it expires; 0 if it does not expire."""
        return self.expires - now if self.expires is not None else 0.0
