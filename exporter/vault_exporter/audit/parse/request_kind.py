"""Which requests log in, create, renew or revoke a token or lease, or unwrap a response, told by their paths.

Vault states a request's mount since 1.14 and the mount's type since 1.10. For entries without them both are guessed
from the path.
"""

import enum
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["GuessedMount", "RequestKind", "guess_mount", "request_kind"]


class RequestKind(enum.Enum):
    """What a request does, as far as it is counted."""

    LOGIN = enum.auto()
    TOKEN_CREATE = enum.auto()
    TOKEN_RENEW = enum.auto()
    TOKEN_REVOKE = enum.auto()
    LEASE_RENEW = enum.auto()
    LEASE_REVOKE = enum.auto()
    UNWRAP = enum.auto()
    OTHER = enum.auto()


class GuessedMount(NamedTuple):
    """A mount as a request's path suggests it."""

    point: str
    type: str


_LOGINS: Final = frozenset({"login", "callback", "oidc/callback", "saml/callback"})
_COLLECTIONS: Final = frozenset({"user", "users", "group", "groups", "role", "roles", "map", "cert", "certs", "config"})
"""Segments that are followed by a name: ``auth/userpass/users/login`` is a user whose name is login."""
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
"""Paths below ``auth/token/``, by their first segment."""
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
"""Paths below ``sys/``, by their first segment or their first two."""

_WRITES: Final = frozenset({"create", "update"})

_LONGEST_REMEMBERED: Final = 512
_AUTH: Final = "auth/"
_FIRST_BELOW_MOUNT: Final = 2
"""The number of the segment after ``auth`` and a mount of one segment."""
_UNKNOWN_TYPE: Final = "unknown"
_TYPES: Final = {
    "auth/token/": "token",
    "sys/": "system",
    "cubbyhole/": "cubbyhole",
    "identity/": "identity",
    "secret/": "kv",
    **{
        f"auth/{type_}/": type_
        for type_ in (
            *("alicloud", "approle", "aws", "azure", "cert", "cf", "gcp", "github", "jwt", "kerberos", "kubernetes"),
            *("ldap", "oci", "oidc", "okta", "radius", "userpass"),
        )
    },
    **{
        f"{type_}/": type_
        for type_ in (
            *("ad", "alicloud", "aws", "azure", "consul", "database", "gcp", "gcpkms", "kubernetes", "kmip", "kv"),
            *("ldap", "mongodbatlas", "nomad", "openldap", "pki", "rabbitmq", "ssh", "terraform", "totp", "transit"),
        )
    },
}
"""Types of the mounts that every Vault has, and of those at the place that ``vault secrets enable TYPE`` gives them."""


def guess_mount(path: str) -> GuessedMount:
    """Guess the mount from a request's path, which may be wrong for mounts of several segments.

    Returns:
        ``auth/`` and the next segment, or the first segment, with a slash at the end; for a login everything before
        ``login``. The type is that of a mount in its default place, or ``unknown``.
    """
    if not path.startswith(_AUTH):
        point = f"{path.partition('/')[0]}/"  # quicker than a cache: there may be millions of paths
        return GuessedMount(point, _TYPES.get(point, _UNKNOWN_TYPE))
    return _remembered(path) if len(path) <= _LONGEST_REMEMBERED else _guess_auth(path)


def request_kind(mount_type: str, mount_point: str, operation: str, path: str) -> RequestKind:
    """Tell what a request does if it succeeds.

    Args:
        mount_type: as the entry states it; empty if it does not.
        mount_point: the same.
        operation: of the request.
        path: with its mount, without its namespace.
    """
    if not mount_point:
        guessed = guess_mount(path)
        mount_point, mount_type = guessed.point, mount_type or guessed.type
    elif not mount_type:
        mount_type = _TYPES.get(mount_point, "")
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
    if mount_point.startswith(_AUTH) and (rest in _LOGINS or rest.startswith("login/")):
        return RequestKind.LOGIN
    return RequestKind.OTHER


def _login_at(path: str) -> int:
    """Find where the login begins in a path below ``auth/``: what is before it is the mount; 0 if it is no login."""
    segments = path.split("/")
    for number in range(_FIRST_BELOW_MOUNT, len(segments)):
        rest = "/".join(segments[number:])
        if rest in _LOGINS or rest.startswith("login/"):
            is_name = number > _FIRST_BELOW_MOUNT and segments[number - 1] in _COLLECTIONS
            return 0 if is_name else len(path) - len(rest)
    return 0


def _guess_auth(path: str) -> GuessedMount:
    at = 0 if path.startswith("auth/token/") else _login_at(path)
    name, _, _ = path[len(_AUTH) :].partition("/")
    point = path[:at] if at else f"{_AUTH}{name}/"
    return GuessedMount(point, _TYPES.get(point, _UNKNOWN_TYPE))


_remembered: Final = lru_cache(maxsize=4096)(_guess_auth)
