"""What the exporter looks after only where it is told to: secrets, certificates, logins, backups."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec

from vault_exporter.config.schema.logins import Mount
from vault_exporter.config.schema.secret import Secret

__all__ = [
    "AppRole",
    "Backup",
    "Canary",
    "Database",
    "Engine",
    "Kv",
    "Pki",
    "Watched",
    "WatchedToken",
    "check_canary",
    "check_kv",
    "check_names",
]

Duration = Annotated[float, "duration"]
"""Seconds, as :data:`vault_exporter.config.schema.model.Duration`."""

Engine = Annotated[str, "engine"]
"""Where a secrets engine is mounted, without slashes at its ends."""

_PATH: Final = re.compile(r"[^/\s?#%+][^/?#%+]*(/[^/?#%+]+)*")
"""Of a secret; ``+`` is a policy's wildcard and would grant more than it seems to."""


class Kv(msgspec.Struct, frozen=True):
    """Secrets of a KV version 2 engine whose metadata is read, never their data."""

    mount: Engine
    paths: tuple[str, ...]
    """Below the mount. ``*`` and ``?`` stand for any part of a name, not for a slash."""
    max_age: Duration | None = None
    """How long a version may be the current one."""
    max_paths: int = 200
    """Secrets to read and folders to list, at most."""
    clusters: tuple[str, ...] = ()
    """Only for targets of these clusters."""


class Pki(msgspec.Struct, frozen=True):
    """A PKI engine whose issuers and CRLs are watched."""

    mount: Engine
    certificates: bool = False
    """Count the certificates that it issued, by the time to their expiry."""
    max_certificates: int = 1000
    clusters: tuple[str, ...] = ()


class AppRole(msgspec.Struct, frozen=True):
    """Roles of an AppRole method whose secret-ids are watched."""

    roles: tuple[str, ...]
    mount: Mount = "approle"
    max_secret_ids: int = 100
    """Of a role, at most."""
    clusters: tuple[str, ...] = ()


class WatchedToken(msgspec.Struct, frozen=True):
    """A token that somebody else uses, watched by its accessor."""

    name: str
    accessor: Secret
    clusters: tuple[str, ...] = ()


class Database(msgspec.Struct, frozen=True):
    """Static roles of a database engine whose rotation is watched; their credentials are never read."""

    roles: tuple[str, ...]
    mount: Engine = "database"
    clusters: tuple[str, ...] = ()


class Canary(msgspec.Struct, frozen=True):
    """A secret that is written, read and deleted again and again, to see that the whole way works."""

    mount: Engine
    """Of a KV version 2 engine."""
    path: str = "vault-exporter/canary"
    """Nothing else may be kept there: it is deleted with all versions."""
    interval: Duration = 60.0
    clusters: tuple[str, ...] = ()


class Watched(msgspec.Struct, frozen=True):
    """What is asked of targets, of those that have a login and are of the right cluster."""

    kv: tuple[Kv, ...] = ()
    pki: tuple[Pki, ...] = ()
    approle: tuple[AppRole, ...] = ()
    watched_tokens: tuple[WatchedToken, ...] = ()
    database: tuple[Database, ...] = ()
    canary: Canary | None = None


class Backup(msgspec.Struct, frozen=True):
    """Files of backups, as the exporter's machine sees them."""

    name: str
    files: Path
    """A pattern such as ``/backup/vault-*.snap``; the newest file counts."""
    max_age: Duration | None = None
    """How old the newest file may be."""


def check_kv(kv: Kv) -> Iterator[tuple[str, str]]:
    """Yield keys and what is wrong with them."""
    if not kv.paths:
        yield "paths", "no path in the list; add one"
    yield from (("paths", message) for path in kv.paths for message in _wrong(path))


def check_canary(canary: Canary) -> Iterator[tuple[str, str]]:
    """Yield keys and what is wrong with them."""
    yield from (("path", message) for message in _wrong(canary.path))
    if set(canary.path) & set("*?["):
        yield "path", "names more than one secret; name one that is for nothing else"


def check_names(watched: AppRole | Database) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with names of roles, which become part of a path."""
    if not watched.roles:
        yield "roles", "no role in the list; add one"
    for role in watched.roles:
        if not _PATH.fullmatch(role) or "/" in role:
            yield "roles", f"{role} is no role's name; it has none of / ? # % +"


def _wrong(path: str) -> Iterator[str]:
    if not _PATH.fullmatch(path):
        yield f"{path} is no path of a secret; write it like team/database, without ? # % + and outer slashes"
