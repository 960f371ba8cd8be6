"""One request that ended, as reports read it.

A response entry repeats its request, so that reports read responses only and need no pairing: a request that is
answered in the next file is counted once, in that file. The few requests that Vault logs without a response because
they fail early, as over a quota, are uses as well. A request that never got a response is none.
"""

from functools import lru_cache, partial
from typing import Final

import msgspec

from vault_exporter.audit.parse.entry import Detail
from vault_exporter.audit.parse.errors import ErrorClass, error_class
from vault_exporter.audit.parse.report_entry import ReportNewAuth, ReportRequestEntry, ReportResponseEntry
from vault_exporter.audit.parse.request_kind import guess_mount

__all__ = ["DENIED", "READS", "WRITES", "Use", "fields_of", "use_of"]

READS: Final = frozenset({"read", "list", "header", "help", "alias-lookahead", "resolve-role"})
WRITES: Final = frozenset({"create", "update", "patch", "delete", "recover"})
DENIED: Final = frozenset({ErrorClass.PERMISSION_DENIED.value, ErrorClass.INVALID_TOKEN.value})

_LONGEST: Final = 512
_TOKEN_TYPES: Final = frozenset({"token", "ns_token"})
_FIELDS: Final = msgspec.json.Decoder(dict[str, object])


class Use(msgspec.Struct, gc=False):
    """One request that ended. An empty text is what the log does not say."""

    time: float
    """When it ended, as Unix time in seconds; 0 if the entry has no time."""
    id: str
    path: str
    """With the namespace before it."""
    operation: str
    mount: str
    mount_type: str
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
    issued: ReportNewAuth | None
    data: msgspec.Raw
    """What was sent, as a JSON object whose texts are hashed."""

    @property
    def who(self) -> str:
        """The entity, or the client where there is none."""
        return self.entity or self.client


def use_of(entry: Detail, *, failed: bool) -> Use | None:
    """Return what an entry says of a request that ended; None for an entry that is not decoded for reports.

    Args:
        entry: a response, or a failed request without a response.
        failed: whether it ended in an error.
    """
    if not isinstance(entry, ReportResponseEntry | ReportRequestEntry):
        return None
    request, auth = entry.request, entry.auth
    if request is None:
        return None
    path, mount, mount_type = request.path, request.mount_point, request.mount_type
    if len(path) > _LONGEST:
        path = path[:_LONGEST]
    if not mount:
        mount, guessed = guess_mount(path)
        mount_type = mount_type or guessed
    space = request.namespace
    namespace = space.path if space is not None else ""
    if namespace:
        path = namespace + path
    accessor, token, entity, name = request.client_token_accessor, "", "", ""
    if auth is not None:
        accessor = auth.accessor or accessor
        token = _hashed(auth.client_token)
        entity, name = auth.entity_id, auth.display_name
    issued = entry.response.auth if isinstance(entry, ReportResponseEntry) and entry.response is not None else None
    if issued is not None and not entity and mount.startswith("auth/") and mount_type not in _TOKEN_TYPES:
        entity, name = issued.entity_id, name or issued.display_name
    error = ""
    if failed:
        # The pipeline found that it failed: without a text, the body was the error.
        error = (error_class(entry, b"", partial(_same, entry)) or ErrorClass.INVALID_REQUEST).value
    time = entry.time
    return Use(
        time.timestamp() if time is not None else 0.0,
        request.id,
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
        issued,
        request.data,
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
