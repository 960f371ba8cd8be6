"""One line of an audit log, as an entry of the few fields that are used.

Vault writes the fields in alphabetical order and OpenBao in the order of its structs, every field may be absent, and
a device may put a prefix before the JSON. The schema: https://developer.hashicorp.com/vault/docs/audit/schema and
https://openbao.org/docs/audit/. Error texts: those of OpenBao 2.7.2, recorded in ``tests/data/audit``, and of
``sdk/logical/errors.go`` in both projects.
"""

import enum
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Final, Literal

import msgspec

__all__ = [
    "Entry",
    "ErrorClass",
    "Reject",
    "Request",
    "Response",
    "decode",
    "error_class",
    "resynchronise",
    "timestamp",
]


class Reject(enum.StrEnum):
    """Why a line is no entry: the value of the ``reason`` label."""

    NOT_JSON = "not_json"
    """Not JSON, also when cut short, of bad UTF-8, or nested too deeply."""
    NOT_AN_ENTRY = "not_an_entry"
    """JSON, but no object with an entry's fields."""
    TOO_LONG = "too_long"
    """Longer than ``audit.max_line_bytes``; skipped unread."""
    INCOMPLETE = "incomplete"
    """The file ended, for good, before the line did."""


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


class Request(msgspec.Struct, frozen=True, gc=False):
    """What was asked; an empty string is a field that the entry does not have."""

    operation: str = ""
    mount_type: str = ""
    mount_point: str = ""


class Response(msgspec.Struct, frozen=True, gc=False):
    """What was answered; ``data`` is left undecoded, since it may be large and is mostly of no interest."""

    data: msgspec.Raw = msgspec.Raw()


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One audit entry. ``auth`` is left undecoded: it says who asked, and only errors need it."""

    type: Literal["request", "response"]
    time: str = ""
    request: Request | None = None
    response: Response | None = None
    auth: msgspec.Raw = msgspec.Raw()
    error: str = ""


class _Auth(msgspec.Struct, gc=False):
    """Whether a token was found: Vault then names it, or at least what its policies said."""

    client_token: msgspec.Raw = msgspec.Raw()
    policy_results: msgspec.Raw = msgspec.Raw()


class _ErrorBody(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The data of a response that is an error: this one field. Vault tells an error from a secret just so."""

    error: msgspec.Raw


_Moment = Annotated[datetime, msgspec.Meta(tz=True)]

_ENTRY: Final = msgspec.json.Decoder(Entry)
_ANY: Final = msgspec.json.Decoder(msgspec.Raw)
_AUTH: Final = msgspec.json.Decoder(_Auth | None)
_ERROR_BODY: Final = msgspec.json.Decoder(_ErrorBody)
_ERROR_BODY_START: Final = b'{"error":'

_STARTS: Final = (b'{"time":"', b'{"auth":{', b'{"request":{')
"""How entries start: OpenBao's, and Vault's with and without ``auth``."""
_RESYNCHRONISATIONS: Final = 8
"""How many times to look for an entry within a broken line."""

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


def decode(line: bytes) -> Entry | Reject:
    """Decode one line; whatever it holds, this returns.

    Args:
        line: the bytes of the line, with or without its newline.
    """
    try:
        if not line.startswith(b"{"):
            start = line.find(b'{"')  # behind the device's prefix
            if start < 0:
                return Reject.NOT_AN_ENTRY if _is_json(line) else Reject.NOT_JSON
            line = line[start:]
        return _ENTRY.decode(line)
    except msgspec.ValidationError:
        return Reject.NOT_AN_ENTRY
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Reject.NOT_JSON


def resynchronise(line: bytes) -> Entry | None:
    """Find the whole entry at the end of a line that begins with a torn one.

    A write cut short by a crash has no newline, so the next entry follows on the same line. An entry's start cannot
    stand inside a JSON string, where quotes are escaped, and what is found must be a whole entry to the end.
    """
    start = 0
    for _ in range(_RESYNCHRONISATIONS):
        found = [at for at in (line.find(begin, start + 1) for begin in _STARTS) if at >= 0]
        if not found:
            return None
        start = min(found)
        entry = decode(line[start:])
        if isinstance(entry, Entry):
            return entry
    return None


def error_class(entry: Entry) -> ErrorClass | None:
    """Tell the class of error of the request that this entry ends, or None if it does not end one in error.

    A failed request is told by one entry: its response, or the request itself where Vault refuses it and logs
    nothing more. A response may also fail without ``error``: then its data is the error, hashed, which is how Vault
    answers HTTP 400.
    """
    error = entry.error
    if entry.type == "request":
        return _classify(error[-_TOLD_BY:]) if error and error.rstrip().endswith(_UNANSWERED) else None
    if error:
        kind = _classify(error[:_TOLD_BY])
        # OpenBao gives a denied and an unknown token the same text, in the form of a list. Only the former has an
        # identity in auth. The bare text comes from a login, which never has one: the user is locked.
        if kind is ErrorClass.PERMISSION_DENIED and "*" in error and not _known_token(entry.auth):
            return ErrorClass.INVALID_TOKEN
        return kind
    if entry.response is not None and entry.response.data and _is_error_body(entry.response.data):
        return ErrorClass.INVALID_REQUEST
    return None


def timestamp(time: str) -> float | None:
    """Convert an entry's time to seconds since the epoch, or None if it is no RFC 3339 time with a zone."""
    try:
        moment: datetime = msgspec.convert(time, _Moment)
        return moment.timestamp()
    except (msgspec.ValidationError, ValueError, OverflowError):
        return None


def _is_json(line: bytes) -> bool:
    try:
        _ANY.decode(line)  # checks without building it
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


@lru_cache(maxsize=1024)
def _classify(text: str) -> ErrorClass:
    text = text.lower()
    return next((kind for pattern, kind in _PATTERNS if pattern in text), ErrorClass.OTHER)


def _known_token(auth: msgspec.Raw) -> bool:
    if not auth:
        return False
    try:
        known = _AUTH.decode(auth)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return known is not None and bool(known.client_token or known.policy_results)


def _is_error_body(data: msgspec.Raw) -> bool:
    # A view, since the data may be large. It is compared as an object: to mypy a view never equals bytes.
    start: object = memoryview(data)[: len(_ERROR_BODY_START)]
    if start != _ERROR_BODY_START:
        return False
    try:
        _ERROR_BODY.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True
