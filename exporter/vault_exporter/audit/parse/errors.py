"""What kind of error a request ended with: its response tells, or it does itself where Vault logs nothing more.

Error texts: those of OpenBao 2.7.2, recorded in ``tests/data/audit``, and of ``sdk/logical/errors.go`` in Vault and
OpenBao.
"""

import enum
from functools import lru_cache
from typing import Final

import msgspec

from vault_exporter.audit.parse.decode import detail
from vault_exporter.audit.parse.entry import ResponseEntry
from vault_exporter.util.json import UNREADABLE

__all__ = ["ErrorClass", "error_class", "refusal"]


class ErrorClass(enum.StrEnum):
    """What kind of error a request ended with: the value of the ``class`` label.

    The error's text holds paths, names and addresses, so it is never published; this is.
    """

    PERMISSION_DENIED = "permission_denied"
    """A valid token whose policies do not allow it, or a login refused for a locked user."""
    INVALID_TOKEN = "invalid_token"  # noqa: S105 - a class of error, not a secret
    """No token, an unknown, expired or revoked one, or a wrapping token that is used up."""
    INVALID_PATH = "invalid_path"
    """Nothing is mounted there, or the mount has no such path."""
    INVALID_REQUEST = "invalid_request"
    """Vault did not accept what was asked: parameters, operation, or credentials of a login."""
    RATE_LIMITED = "rate_limited"
    """A rate limit or lease count quota. Vault logs these only with ``enable_rate_limit_audit_logging``."""
    SEALED = "sealed"
    """The node is sealed, or was while it worked on the request."""
    READ_ONLY_STANDBY = "read_only_standby"
    """A write tried on a standby, which logs it and passes it on to the active node."""
    INTERNAL = "internal"
    """Vault could not do it: mostly its storage failed."""
    OTHER = "other"
    """A text that is none of the above."""


_PATTERNS: Final = (
    # In this order: a text may name what failed and then why, and what a caller chose (a path) comes first or in full.
    ("rate limit quota exceeded", ErrorClass.RATE_LIMITED),
    ("lease count quota exceeded", ErrorClass.RATE_LIMITED),
    ("upstream rate limited", ErrorClass.RATE_LIMITED),
    ("path is already in use at", ErrorClass.INVALID_REQUEST),
    ("no handler for route", ErrorClass.INVALID_PATH),
    ("readonly storage", ErrorClass.READ_ONLY_STANDBY),
    ("read-only storage", ErrorClass.READ_ONLY_STANDBY),
    ("please forward to the active node", ErrorClass.READ_ONLY_STANDBY),
    ("is in standby mode", ErrorClass.READ_ONLY_STANDBY),
    ("is sealed", ErrorClass.SEALED),
    ("invalid token", ErrorClass.INVALID_TOKEN),
    ("bad token", ErrorClass.INVALID_TOKEN),
    ("wrapping token is not valid", ErrorClass.INVALID_TOKEN),
    ("permission denied", ErrorClass.PERMISSION_DENIED),
    ("unsupported path", ErrorClass.INVALID_PATH),
    ("namespace not found", ErrorClass.INVALID_PATH),
    ("relative paths not supported", ErrorClass.INVALID_PATH),
    ("parent references", ErrorClass.INVALID_PATH),
    ("unsupported operation", ErrorClass.INVALID_REQUEST),
    ("invalid request", ErrorClass.INVALID_REQUEST),
    ("invalid credentials", ErrorClass.INVALID_REQUEST),
    ("invalid accessor", ErrorClass.INVALID_REQUEST),
    ("missing ", ErrorClass.INVALID_REQUEST),
    ("internal error", ErrorClass.INTERNAL),
    ("read failed", ErrorClass.INTERNAL),
    ("failed to read", ErrorClass.INTERNAL),
    ("failed to write", ErrorClass.INTERNAL),
    ("failed to persist", ErrorClass.INTERNAL),
    ("failed to connect", ErrorClass.INTERNAL),
    ("connection refused", ErrorClass.INTERNAL),
    ("connection reset", ErrorClass.INTERNAL),
    ("unexpected eof", ErrorClass.INTERNAL),
    ("i/o timeout", ErrorClass.INTERNAL),
    ("context deadline exceeded", ErrorClass.INTERNAL),
    ("storage during setup", ErrorClass.INTERNAL),
)

_TOLD_BY: Final = 1024
"""Characters of an error's text that are looked at."""

_UNANSWERED: Final = ("rate limit quota exceeded", "wrapping token is not valid or does not exist")
"""Ends of the errors that Vault logs with the request and then answers without logging a response."""


def refusal(error: str) -> ErrorClass | None:
    """Tell the class of error of a request that ends with it, or None if its response is still to come.

    Args:
        error: what the entry of the request says.
    """
    return _classify(error[-_TOLD_BY:]) if error.rstrip().endswith(_UNANSWERED) else None


def error_class(entry: ResponseEntry, line: bytes) -> ErrorClass | None:
    """Tell the class of error of the request that this response ends, or None if it does not end one in error.

    A response may also fail without ``error``: then its data is the error, hashed, which is how Vault answers HTTP
    400.

    Args:
        entry: the entry.
        line: the line it was decoded from, for what only few entries need.
    """
    if error := entry.error:
        kind = _classify(error[:_TOLD_BY])
        # OpenBao gives a denied and an unknown token the same text, in the form of a list. Only the former has an
        # identity in auth. The bare text comes from a login, which never has one: the user is locked.
        if kind is ErrorClass.PERMISSION_DENIED and "*" in error and not _known_token(entry, line):
            return ErrorClass.INVALID_TOKEN
        return kind
    if entry.response is not None and entry.response.data is not None and entry.response.data.error is not None:
        return ErrorClass.INVALID_REQUEST if _is_error_body(line) else None
    return None


@lru_cache(maxsize=1024)
def _classify(text: str) -> ErrorClass:
    text = text.lower()
    return next((kind for pattern, kind in _PATTERNS if pattern in text), ErrorClass.OTHER)


def _known_token(entry: ResponseEntry, line: bytes) -> bool:
    """Whether a token was found: Vault then names it, or at least what its policies said."""
    if entry.auth is None or entry.auth.client_token:
        return entry.auth is not None
    full = detail(line)
    return full is not None and full.auth is not None and bool(full.auth.policy_results)


class _ErrorBody(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    error: msgspec.Raw


class _ErrorResponse(msgspec.Struct, gc=False):
    data: _ErrorBody


class _ErrorEntry(msgspec.Struct, gc=False):
    response: _ErrorResponse


_ERROR_ENTRY: Final = msgspec.json.Decoder(_ErrorEntry)


def _is_error_body(line: bytes) -> bool:
    """Whether the data of the response is an error and nothing else, as Vault tells an error from a secret."""
    try:
        _ERROR_ENTRY.decode(line)
    except UNREADABLE:
        return False
    return True
