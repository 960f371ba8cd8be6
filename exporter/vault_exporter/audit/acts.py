"""What paths of Vault are for: which requests log in, make, renew or revoke a token or lease, or unwrap."""

import enum
from typing import Final

__all__ = ["Act", "act_of"]


class Act(enum.Enum):
    """What a path is for, as far as it is counted."""

    LOGIN = enum.auto()
    TOKEN_CREATE = enum.auto()
    TOKEN_RENEW = enum.auto()
    TOKEN_REVOKE = enum.auto()
    LEASE_RENEW = enum.auto()
    LEASE_REVOKE = enum.auto()
    UNWRAP = enum.auto()
    OTHER = enum.auto()


_LOGINS: Final = frozenset({"login", "callback", "oidc/callback", "saml/callback"})
_OF_TOKENS: Final = {
    "create": Act.TOKEN_CREATE,
    "create-orphan": Act.TOKEN_CREATE,
    "renew": Act.TOKEN_RENEW,
    "renew-self": Act.TOKEN_RENEW,
    "renew-accessor": Act.TOKEN_RENEW,
    "revoke": Act.TOKEN_REVOKE,
    "revoke-self": Act.TOKEN_REVOKE,
    "revoke-orphan": Act.TOKEN_REVOKE,
    "revoke-accessor": Act.TOKEN_REVOKE,
}
"""Paths below ``auth/token/``, by their first part."""
_OF_SYSTEM: Final = {
    "renew": Act.LEASE_RENEW,
    "leases/renew": Act.LEASE_RENEW,
    "revoke": Act.LEASE_REVOKE,
    "revoke-prefix": Act.LEASE_REVOKE,
    "revoke-force": Act.LEASE_REVOKE,
    "leases/revoke": Act.LEASE_REVOKE,
    "leases/revoke-prefix": Act.LEASE_REVOKE,
    "leases/revoke-force": Act.LEASE_REVOKE,
    "wrapping/unwrap": Act.UNWRAP,
}
"""Paths below ``sys/``, by their first part or their first two."""

_WRITES: Final = frozenset({"create", "update"})


def act_of(mount_type: str, mount_point: str, operation: str, path: str) -> Act:
    """Tell what a request to this path does if it succeeds."""
    if not mount_type and path.startswith("sys/"):  # a wrapping token is refused before the mount is looked up
        mount_type, mount_point = "system", "sys/"
    if not path.startswith(mount_point):
        return Act.OTHER
    rest = path[len(mount_point) :]
    if mount_type in {"token", "ns_token"}:
        return _OF_TOKENS.get(rest.partition("/")[0], Act.OTHER) if operation in _WRITES else Act.OTHER
    if mount_type in {"system", "ns_system"}:
        if operation not in _WRITES:
            return Act.OTHER
        first, _, others = rest.partition("/")
        return _OF_SYSTEM.get(f"{first}/{others.partition('/')[0]}") or _OF_SYSTEM.get(first, Act.OTHER)
    if mount_point.startswith("auth/") and (rest in _LOGINS or rest.startswith("login/")):
        return Act.LOGIN
    return Act.OTHER
