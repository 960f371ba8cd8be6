"""Settings of the collectors that run only if they are configured: secrets, certificates, logins, backups."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec

from vault_exporter.config.schema.logins import Mount
from vault_exporter.config.schema.secret import Secret

__all__ = [
    "NO_DOTS",
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
    "check_pki",
]

_MOST_NAMES: Final = 100
"""Of certificates of an engine."""

Duration = Annotated[float, "duration"]
"""Seconds, as :data:`vault_exporter.config.schema.model.Duration`."""

Engine = Annotated[str, "engine"]
"""Mount path of a secrets engine, without outer slashes."""

NO_DOTS: Final = r"(?!\.\.?(?:/|\Z))"
"""Before a part of a path: it is not ``.`` or ``..``, which would lead to another path of the API."""
_PATH: Final = re.compile(rf"{NO_DOTS}[^/\s?#%+][^/?#%+]*(?:/{NO_DOTS}[^/?#%+]+)*")
"""Path of a secret. ``+`` is not allowed: it is a wildcard in policies and would grant more than it seems to."""


class Kv(msgspec.Struct, frozen=True):
    """Secrets of a KV version 2 engine. Only their metadata is read."""

    mount: Engine
    paths: tuple[str, ...]
    """Paths below the mount. ``*`` and ``?`` match within a segment, not a slash."""
    max_age: Duration | None = None
    """Maximum age of the current version."""
    max_paths: int = 200
    """Maximum number of secrets to read and folders to list."""
    clusters: tuple[str, ...] = ()
    """Clusters whose targets this applies to; empty is all."""


class Pki(msgspec.Struct, frozen=True):
    """A PKI engine: its issuers, CRLs and certificates."""

    mount: Engine
    certificates: bool = False
    """Count the issued certificates by the time to their expiry."""
    max_certificates: int = 1000
    names: tuple[str, ...] = ()
    """Common names or DNS names whose certificates get an expiry each."""
    clusters: tuple[str, ...] = ()


class AppRole(msgspec.Struct, frozen=True):
    """Roles of an AppRole method, for the expiry of their secret-ids."""

    roles: tuple[str, ...]
    mount: Mount = "approle"
    max_secret_ids: int = 100
    """Maximum number of secret-ids to read of one role."""
    clusters: tuple[str, ...] = ()


class WatchedToken(msgspec.Struct, frozen=True):
    """A token of somebody else, by its accessor."""

    name: str
    accessor: Secret
    clusters: tuple[str, ...] = ()


class Database(msgspec.Struct, frozen=True):
    """Static roles of a database engine, for their rotation. Their credentials are never read."""

    roles: tuple[str, ...]
    mount: Engine = "database"
    clusters: tuple[str, ...] = ()


class Canary(msgspec.Struct, frozen=True):
    """A secret that the exporter writes, reads and deletes at an interval, to test the whole path."""

    mount: Engine
    """Mount path of a KV version 2 engine."""
    path: str = "vault-exporter/canary"
    """Path of the secret. It is deleted with all its versions, so nothing else may use it."""
    interval: Duration = 60.0
    clusters: tuple[str, ...] = ()
    audit: bool = True
    """Look for its requests in the audit logs and inputs that this exporter reads, if it reads any."""


class Watched(msgspec.Struct, frozen=True):
    """Settings of collectors that need a login; each applies to the targets of its ``clusters``."""

    kv: tuple[Kv, ...] = ()
    pki: tuple[Pki, ...] = ()
    approle: tuple[AppRole, ...] = ()
    watched_tokens: tuple[WatchedToken, ...] = ()
    database: tuple[Database, ...] = ()
    canary: Canary | None = None


class Backup(msgspec.Struct, frozen=True):
    """Backup files on the exporter's machine."""

    name: str
    files: Path
    """A pattern such as ``/backup/vault-*.snap``; the newest match is used."""
    max_age: Duration | None = None
    """Maximum age of the newest file."""


def check_kv(kv: Kv) -> Iterator[tuple[str, str]]:
    """Yield wrong keys, each with a message."""
    if not kv.paths:
        yield "paths", "no path in the list; add one"
    yield from (("paths", message) for path in kv.paths for message in _wrong(path))


def check_canary(canary: Canary) -> Iterator[tuple[str, str]]:
    """Yield wrong keys, each with a message."""
    yield from (("path", message) for message in _wrong(canary.path))
    if set(canary.path) & set("*?["):
        yield "path", "names more than one secret; name one that is for nothing else"


def check_pki(pki: Pki) -> Iterator[tuple[str, str]]:
    """Yield keys and what is wrong with them."""
    if pki.names and not pki.certificates:
        yield "names", "takes certificates: true, which reads the certificates that the engine issues"
    if len(pki.names) > _MOST_NAMES:
        yield "names", f"more than {_MOST_NAMES}; each is a series"


def check_names(watched: AppRole | Database) -> Iterator[tuple[str, str]]:
    """Yield wrong role names; they become part of a path."""
    if not watched.roles:
        yield "roles", "no role in the list; add one"
    for role in watched.roles:
        if not _PATH.fullmatch(role) or "/" in role:
            yield "roles", f"{role} is no role's name; it has none of / ? # % +"


def _wrong(path: str) -> Iterator[str]:
    if not _PATH.fullmatch(path):
        yield f"{path} is no path of a secret; write it like team/database, without ? # % + .. and outer slashes"
