"""Requests that ended, as reports read them. Equal requests are given together, since most requests repeat.

A response entry repeats its request, so that reports read responses only and need no pairing: a request that is
answered in the next file is counted once, in that file. The few requests that Vault logs without a response because
they fail early, as over a quota, are uses as well. A request that never got a response is none.
"""

from functools import lru_cache, partial
from typing import Final, TypeAlias

import msgspec

from vault_exporter.audit.parse.entry import Detail
from vault_exporter.audit.parse.errors import ErrorClass, error_class
from vault_exporter.audit.parse.report_entry import (
    ReportNewAuth,
    ReportRequest,
    ReportRequestEntry,
    ReportResponseEntry,
)
from vault_exporter.audit.parse.request_kind import guess_mount

__all__ = ["ALONE", "DENIED", "READS", "WRITES", "ReportEntry", "Use", "fields_of", "use_of"]

ReportEntry: TypeAlias = ReportRequestEntry | ReportResponseEntry

READS: Final = frozenset({"read", "list", "scan", "header", "help", "alias-lookahead", "resolve-role"})
WRITES: Final = frozenset({"create", "update", "patch", "delete", "recover"})
DENIED: Final = frozenset({ErrorClass.PERMISSION_DENIED.value, ErrorClass.INVALID_TOKEN.value})

_LONGEST: Final = 512
_TOKEN_TYPES: Final = frozenset({"token", "ns_token"})
ALONE: Final = frozenset({*_TOKEN_TYPES, "", "kubernetes"})
"""Types of mounts where the data matter, or what is issued. Such a request is looked at alone."""
_UNKNOWN: Final = "unknown"
"""The type of a mount that is guessed from a path, and not in its default place."""
_FIELDS: Final = msgspec.json.Decoder(dict[str, object])


class Use(msgspec.Struct, gc=False):
    """Requests that ended and differ in id and time only. An empty text is what the log does not say."""

    path: str
    """With the namespace before it."""
    operation: str
    mount: str
    """Without the namespace, as Vault writes it; OpenBao writes it with its namespace."""
    mount_type: str
    """Empty also where it cannot be guessed."""
    namespace: str
    client: str
    """The client id; on servers that log none the entity, else the token's accessor, else the hashed token."""
    entity: str
    name: str
    """The token's display name."""
    accessor: str
    token: str
    """The hashed token; empty if the device writes it as it is."""
    address: str
    error: str
    """The class of error; empty if it succeeded."""
    ttl: float
    """The TTL of the token in seconds; 0 if the log does not say it, or the token has none."""
    issued: ReportNewAuth | None
    data: msgspec.Raw
    """What was sent, as a JSON object whose texts are hashed; only of single requests."""
    times: list[float]
    """When each request ended, as Unix time in seconds; 0 if the entry has no time. For wide reports in ascending
    order, for others in that of the log."""
    ids: list[str]
    """The id of each request; for wide reports empty, unless it is a single one that is looked at alone."""
    first: float = 0.0
    last: float = 0.0
    """The earliest and the latest time."""
    requests: int = 0

    def count(self) -> None:
        """Set the earliest and the latest time, and the number of requests, of the times."""
        self.first, self.last, self.requests = min(self.times), max(self.times), len(self.times)

    @property
    def full_mount(self) -> str:
        """The mount with its namespace."""
        return self.namespace + self.mount

    @property
    def who(self) -> str:
        """The entity, or the client where there is none."""
        return self.entity or self.client


def use_of(entry: ReportEntry, request: ReportRequest, *, failed: bool) -> Use:
    """Return what an entry says of a request that ended, without its id and time.

    Args:
        entry: a response, or a failed request without a response.
        request: that of the entry.
        failed: whether it ended in an error.
    """
    auth = entry.auth
    path, mount, mount_type = request.path, request.mount_point, request.mount_type
    if len(path) > _LONGEST:
        path = path[:_LONGEST]
    space = request.namespace
    namespace = space.path if space is not None else ""
    if not mount:
        mount, guessed = guess_mount(path)
        mount_type = mount_type or (guessed if guessed != _UNKNOWN else "")
    elif namespace and not path.startswith(mount):
        mount = mount.removeprefix(namespace)
    if namespace:
        path = namespace + path
    accessor, token, entity, name, ttl = request.client_token_accessor, "", "", "", 0.0
    if auth is not None:
        accessor = auth.accessor or accessor
        token = _hashed(auth.client_token)
        entity, name, ttl = auth.entity_id, auth.display_name, auth.token_ttl
    issued = entry.response.auth if isinstance(entry, ReportResponseEntry) and entry.response is not None else None
    if issued is not None and not entity and mount.startswith("auth/") and mount_type not in _TOKEN_TYPES:
        entity, name = issued.entity_id, name or issued.display_name
    error = ""
    if failed:
        # The pipeline found that it failed: without a text, the body was the error.
        error = (error_class(entry, b"", partial(_same, entry)) or ErrorClass.INVALID_REQUEST).value
    return Use(
        path,
        request.operation,
        mount,
        mount_type,
        namespace,
        _short(request.client_id or entity or accessor or token),
        _short(entity),
        _short(name),
        _short(accessor),
        token,
        _short(request.remote_address),
        error,
        ttl,
        issued,
        request.data,
        [],
        [],
    )


@lru_cache(maxsize=1024)
def _parsed(raw: bytes) -> dict[str, str]:
    try:
        return {key: value for key, value in _FIELDS.decode(raw).items() if isinstance(value, str)}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def fields_of(raw: msgspec.Raw) -> dict[str, str]:
    """Return the texts of a JSON object, by key."""
    return _parsed(bytes(raw)) if bytes(raw) else {}


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST]


def _hashed(token: str) -> str:
    return _short(token) if token.startswith("hmac-") else ""


def _same(entry: Detail) -> Detail:
    return entry
