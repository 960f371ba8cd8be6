"""What paths of Vault are for: which requests log in, make, renew or revoke a token or lease, or unwrap."""

import enum
from typing import Final

__all__ = ["RequestKind", "request_kind"]


class RequestKind(enum.Enum):
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
    "create": RequestKind.TOKEN_CREATE,
    "create-orphan": RequestKind.TOKEN_CREATE,
    "renew": RequestKind.TOKEN_RENEW,
    "renew-self": RequestKind.TOKEN_RENEW,
    "renew-accessor": RequestKind.TOKEN_RENEW,
    "revoke": RequestKind.TOKEN_REVOKE,
    "revoke-self": RequestKind.TOKEN_REVOKE,
    "revoke-orphan": RequestKind.TOKEN_REVOKE,
    "revoke-accessor": RequestKind.TOKEN_REVOKE,
}
"""Paths below ``auth/token/``, by their first part."""
_OF_SYSTEM: Final = {
    "renew": RequestKind.LEASE_RENEW,
    "leases/renew": RequestKind.LEASE_RENEW,
    "revoke": RequestKind.LEASE_REVOKE,
    "revoke-prefix": RequestKind.LEASE_REVOKE,
    "revoke-force": RequestKind.LEASE_REVOKE,
    "leases/revoke": RequestKind.LEASE_REVOKE,
    "leases/revoke-prefix": RequestKind.LEASE_REVOKE,
    "leases/revoke-force": RequestKind.LEASE_REVOKE,
    "wrapping/unwrap": RequestKind.UNWRAP,
}
"""Paths below ``sys/``, by their first part or their first two."""

_WRITES: Final = frozenset({"create", "update"})


def request_kind(mount_type: str, mount_point: str, operation: str, path: str) -> RequestKind:
    """Tell what a request to this path does if it succeeds."""
    if not mount_type and path.startswith("sys/"):  # a wrapping token is refused before the mount is looked up
        mount_type, mount_point = "system", "sys/"
    if not path.startswith(mount_point):
        return RequestKind.OTHER
    rest = path[len(mount_point) :]
    if mount_type in {"token", "ns_token"}:
        return _OF_TOKENS.get(rest.partition("/")[0], RequestKind.OTHER) if operation in _WRITES else RequestKind.OTHER
    if mount_type in {"system", "ns_system"}:
        if operation not in _WRITES:
            return RequestKind.OTHER
        first, _, others = rest.partition("/")
        return _OF_SYSTEM.get(f"{first}/{others.partition('/')[0]}") or _OF_SYSTEM.get(first, RequestKind.OTHER)
    if mount_point.startswith("auth/") and (rest in _LOGINS or rest.startswith("login/")):
        return RequestKind.LOGIN
    return RequestKind.OTHER
