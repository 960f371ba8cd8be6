"""Which class of error a request ended with.

Error texts: those of OpenBao 2.7.2, recorded in ``tests/data/audit``; those of ``sdk/logical/errors.go`` in Vault and
OpenBao; and those of Go's ``net`` package and of database drivers, which secrets engines and auth methods pass on.
"""

import enum
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec

from vault_exporter.audit.parse.entry import Detail, Entry, ResponseEntry
from vault_exporter.util.json import UNREADABLE

__all__ = ["ErrorClass", "error_class"]


class ErrorClass(enum.StrEnum):
    """The class of error that a request ended with: the value of the ``class`` label.

    The error's text holds paths, names and addresses, so only its class is published.
    """

    PERMISSION_DENIED = "permission_denied"
    """The token is valid and its policies do not allow the request, or the user of a login is locked."""
    INVALID_TOKEN = "invalid_token"  # noqa: S105 - a class of error, not a secret
    """The token is missing, unknown, expired or revoked, or a wrapping token was used already."""
    INVALID_PATH = "invalid_path"
    """Nothing is mounted there, or the mount has no such path."""
    INVALID_REQUEST = "invalid_request"
    """Vault does not accept the request: its parameters, its operation, or the credentials of a login."""
    RATE_LIMITED = "rate_limited"
    """A rate limit or lease count quota. Vault logs these only with ``enable_rate_limit_audit_logging``."""
    SEALED = "sealed"
    """The node is sealed, or was sealed while it worked on the request."""
    READ_ONLY_STANDBY = "read_only_standby"
    """A write on a standby, which logs it and forwards it to the active node."""
    INTERNAL = "internal"
    """Vault cannot do it: its storage failed, or the system behind a secrets engine or auth method did."""
    OTHER = "other"
    """Any other text."""


_BEHIND_VAULT: Final = (
    # The network between Vault and what is behind it: its storage, a database, a directory, an API.
    "broken pipe",
    "connection refused",
    "connection reset",
    "timed out",
    "connection is shut down",
    "closed network connection",
    "bad connection",
    "no such host",
    "no route to host",
    "network is unreachable",
    "host is down",
    "server misbehaving",
    "temporary failure in name resolution",
    "i/o timeout",
    "handshake timeout",
    "selection timeout",
    "timeout expired",
    "client.timeout exceeded",
    "deadline exceeded",
    "unexpected eof",
    ": eof",
    "* eof",
    # TLS to the system behind. The text follows a URL, since the certificate of a caller may be at fault as well.
    "failed to verify certificate",
    '"": x509: ',
    "remote error: tls",
    "handshake failure",
    "look like a tls handshake",
    "server gave http response to https client",
    # Errors of the systems behind: databases, directories, Consul, clouds.
    "too many connections",
    "too many clients",
    "remaining connection slots",
    "no space left on device",
    "database system is ",
    "database is closed",
    "terminating connection",
    "password authentication failed",
    "access denied for user",
    "no hosts available",
    "no reachable servers",
    "ora-125",
    "no cluster leader",
    "ldap result code 51",
    "ldap result code 52",
    "ldap result code 200",
    "internal server error",
    "bad gateway",
    "service unavailable",
    "serviceunavailable",
    "gateway timeout",
    "gateway time-out",
    "unexpected response code: 5",
    "code = unavailable",
    "code = internal",
    "code = deadlineexceeded",
)
"""What Vault passes on if its storage, or the system behind a secrets engine or auth method, fails."""

_PATTERNS: Final = (
    # The first one that is found decides. A text that holds what a caller chose, such as a path, comes first.
    ("existing mount at", ErrorClass.INVALID_REQUEST),
    ("path is already in use at", ErrorClass.INVALID_REQUEST),
    ("rate limit quota exceeded", ErrorClass.RATE_LIMITED),
    ("lease count quota exceeded", ErrorClass.RATE_LIMITED),
    ("upstream rate limited", ErrorClass.RATE_LIMITED),
    ("no handler for route", ErrorClass.INVALID_PATH),
    ("readonly storage", ErrorClass.READ_ONLY_STANDBY),
    ("read-only storage", ErrorClass.READ_ONLY_STANDBY),
    ("please forward to the active node", ErrorClass.READ_ONLY_STANDBY),
    ("is in standby mode", ErrorClass.READ_ONLY_STANDBY),
    ("is sealed", ErrorClass.SEALED),
    ("missing client token", ErrorClass.INVALID_TOKEN),
    ("invalid token", ErrorClass.INVALID_TOKEN),
    ("bad token", ErrorClass.INVALID_TOKEN),
    ("wrapping token is not valid", ErrorClass.INVALID_TOKEN),
    *((text, ErrorClass.INTERNAL) for text in _BEHIND_VAULT),
    ("permission denied", ErrorClass.PERMISSION_DENIED),
    ("unsupported path", ErrorClass.INVALID_PATH),
    ("namespace not found", ErrorClass.INVALID_PATH),
    ("relative paths not supported", ErrorClass.INVALID_PATH),
    ("parent references", ErrorClass.INVALID_PATH),
    ("unsupported operation", ErrorClass.INVALID_REQUEST),
    ("invalid request", ErrorClass.INVALID_REQUEST),
    ("invalid credentials", ErrorClass.INVALID_REQUEST),
    ("invalid accessor", ErrorClass.INVALID_REQUEST),
    ("already exists", ErrorClass.INVALID_REQUEST),
    ("missing ", ErrorClass.INVALID_REQUEST),
    ("internal error", ErrorClass.INTERNAL),
    ("read failed", ErrorClass.INTERNAL),
    ("failed to read", ErrorClass.INTERNAL),
    ("failed to write", ErrorClass.INTERNAL),
    ("failed to persist", ErrorClass.INTERNAL),
    ("failed to connect", ErrorClass.INTERNAL),
    ("storage during setup", ErrorClass.INTERNAL),
)
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
"""What a caller chose is mostly in quotes, and no pattern is looked for in there."""
_HALF: Final = 512
"""Characters at each end of an error's text that are looked at."""

_FINAL: Final = ("rate limit quota exceeded", "wrapping token is not valid or does not exist")
"""Ends of the errors that Vault logs with the request only: it logs no response."""


def error_class(entry: Entry, line: bytes, full: Callable[[], Detail | None]) -> ErrorClass | None:
    """Return the class of error that this entry ends its request with.

    A response may fail without ``error``: then its data is the error, hashed, which is how Vault answers HTTP 400.

    Args:
        entry: the entry.
        line: the line it was decoded from.
        full: returns the entry with all fields.

    Returns:
        None for a response without an error, and for a request whose response is still to come.
    """
    error = entry.error
    if not isinstance(entry, ResponseEntry):
        return _of_text(_ends(error)) if error and error.rstrip().endswith(_FINAL) else None
    if error:
        kind = _of_text(_ends(error))
        # OpenBao gives a denied and an unknown token the same text, in the form of a list. Only the former has an
        # identity in auth. The bare text comes from a login, which never has one: the user is locked.
        if kind is ErrorClass.PERMISSION_DENIED and "*" in error and not _is_token_known(entry, full):
            return ErrorClass.INVALID_TOKEN
        return kind
    if entry.response is not None and entry.response.data is not None and entry.response.data.error is not None:
        return ErrorClass.INVALID_REQUEST if _is_error_body(entry.response.data.error, line) else None
    return None


def _ends(text: str) -> str:
    return text if len(text) <= 2 * _HALF else f"{text[:_HALF]} {text[-_HALF:]}"


@lru_cache(maxsize=1024)
def _of_text(text: str) -> ErrorClass:
    text = _QUOTED.sub('""', text).lower()
    return next((kind for pattern, kind in _PATTERNS if pattern in text), ErrorClass.OTHER)


def _is_token_known(entry: ResponseEntry, full: Callable[[], Detail | None]) -> bool:
    """Whether Vault found the token: then it names the token, or at least what its policies say."""
    if entry.auth is None or entry.auth.client_token:
        return entry.auth is not None
    detailed = full()
    return detailed is not None and detailed.auth is not None and bool(detailed.auth.policy_results)


class _ErrorBody(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    error: msgspec.Raw


class _ErrorResponse(msgspec.Struct, gc=False):
    data: _ErrorBody


class _ErrorEntry(msgspec.Struct, gc=False):
    response: _ErrorResponse


_ERROR_ENTRY: Final = msgspec.json.Decoder(_ErrorEntry)
_encode: Final = msgspec.json.Encoder().encode


def _is_error_body(error: str, line: bytes) -> bool:
    """Whether the data of the response is an error and nothing else, as Vault tells an error from a secret.

    Servers write entries without spaces, so looking for the text finds it; decoding again takes ten times as long.
    """
    if b'"data":{"error":' + _encode(error) + b"}" in line:
        return True
    try:
        _ERROR_ENTRY.decode(line)
    except UNREADABLE:
        return False
    return True
