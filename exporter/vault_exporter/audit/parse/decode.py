"""From one line of an audit log to its entry.

Vault writes the fields in alphabetical order and OpenBao in the order of its structs, and a device may put a prefix
before the JSON. Searching a line for a text costs more than decoding a field of it.
"""

import enum
from functools import cache
from typing import Any, Final, Literal

import msgspec

from vault_exporter.audit.parse.entry import (
    Detail,
    DetailAuth,
    DetailedRequestEntry,
    DetailedResponseEntry,
    DetailRequest,
    Entry,
    ErrorBody,
    Label,
    Lease,
    Namespace,
    NewAuth,
    RequestEntry,
    Response,
    ResponseEntry,
    Short,
    WrapInfo,
)
from vault_exporter.util.json import UNREADABLE

__all__ = [
    "Reject",
    "decode",
    "detail",
    "is_alphabetical",
    "quick",
    "quick_alphabetical",
    "quick_detail",
    "quick_detail_alphabetical",
    "resynchronise",
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
    """The file or the connection ended, for good, before the line did."""
    NOT_SYSLOG = "not_syslog"
    """No message of RFC 3164 or RFC 5424, from an input for these."""


class _Lenient(msgspec.Struct, frozen=True, gc=False):
    """What makes an object an entry; for the rest, wrong types and lengths are seen to field by field."""

    type: Literal["request", "response"]


_ENTRY: Final[msgspec.json.Decoder[Entry]] = msgspec.json.Decoder(Entry)
_ASKED: Final = msgspec.json.Decoder(RequestEntry)
_ANSWERED: Final = msgspec.json.Decoder(ResponseEntry)
_DETAIL: Final[msgspec.json.Decoder[Detail]] = msgspec.json.Decoder(Detail)
_ASKED_IN_DETAIL: Final[msgspec.json.Decoder[Detail]] = msgspec.json.Decoder(DetailedRequestEntry)
_ANSWERED_IN_DETAIL: Final[msgspec.json.Decoder[Detail]] = msgspec.json.Decoder(DetailedResponseEntry)
_LENIENT: Final = msgspec.json.Decoder(_Lenient)
_ANY: Final = msgspec.json.Decoder(msgspec.Raw)

_ALPHABETICAL: Final = (b'{"auth":', b'{"error":', b'{"request":')
"""How lines start whose fields are in alphabetical order, with ``type`` at the end."""
_REQUEST_ENDS: Final = b'"type":"request"}\n'
_RESPONSE_ENDS: Final = b'"type":"response"}\n'

_STARTS: Final = (b'{"time":"', b'{"auth":{', b'{"request":{')
"""How entries start: OpenBao's, and Vault's with and without ``auth``."""
_SHORTEST_ENTRY: Final = len('{"type":"request"}')
_RESYNCHRONISATIONS: Final = 8
"""How many times to look for an entry within a broken line."""

quick: Final = _ENTRY.decode
"""Decode a line that is as it should be, or raise one of :data:`UNREADABLE`; then :func:`decode` says more."""
quick_detail: Final = _DETAIL.decode
"""The same with all fields."""


def is_alphabetical(line: bytes) -> bool:
    """Whether the line's fields are in alphabetical order, so that decoders that look for its end are quicker.

    :data:`quick` goes through a line twice whose type comes last.
    """
    return line.startswith(_ALPHABETICAL)


def quick_alphabetical(line: bytes) -> Entry:
    """Decode a line as :data:`quick` does, quicker where its type comes last."""
    if line.endswith(_RESPONSE_ENDS):
        return _ANSWERED.decode(line)
    if line.endswith(_REQUEST_ENDS):
        return _ASKED.decode(line)
    return quick(line)


def quick_detail_alphabetical(line: bytes) -> Detail:
    """Decode a line as :data:`quick_detail` does, quicker where its type comes last."""
    if line.endswith(_RESPONSE_ENDS):
        return _ANSWERED_IN_DETAIL.decode(line)
    if line.endswith(_REQUEST_ENDS):
        return _ASKED_IN_DETAIL.decode(line)
    return quick_detail(line)


def decode(line: bytes) -> tuple[Detail, bytes] | Reject:
    """Decode one line; whatever it holds, this returns.

    Args:
        line: the bytes of the line, with or without its newline.

    Returns:
        the entry, and the line without the device's prefix; or why it is none.
    """
    try:
        if not line.startswith(b"{"):
            start = line.find(b'{"')  # behind the device's prefix
            if start < 0:
                return Reject.NOT_AN_ENTRY if _is_json(line) else Reject.NOT_JSON
            line = line[start:]
        try:
            return _DETAIL.decode(line), line
        except msgspec.ValidationError:
            return _patched(_LENIENT.decode(line).type, line), line
    except msgspec.ValidationError:
        return Reject.NOT_AN_ENTRY
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Reject.NOT_JSON


def detail(line: bytes) -> Detail | None:
    """Decode a line again, for the fields that few entries need; None only for a line that is no entry."""
    found = decode(line)
    return None if isinstance(found, Reject) else found[0]


def resynchronise(line: bytes) -> tuple[Detail, bytes] | None:
    """Find the whole entry at the end of a line that begins with a torn one.

    A write cut short by a crash has no newline, so the next entry follows on the same line. An entry's start cannot
    stand inside a JSON string, where quotes are escaped, and what is found must be a whole entry to the end.
    """
    if len(line) < _SHORTEST_ENTRY:
        return None
    start = 0
    for _ in range(_RESYNCHRONISATIONS):
        found = [at for at in (line.find(begin, start + 1) for begin in _STARTS) if at >= 0]
        if not found:
            return None
        start = min(found)
        entry = decode(line[start:])
        if not isinstance(entry, Reject):
            return entry
    return None


def _is_json(line: bytes) -> bool:
    try:
        _ANY.decode(line)  # checks without building it
    except UNREADABLE:
        return False
    return True


def _patched(type_: str, line: bytes) -> Detail:
    """Make an entry of a line some of whose fields are not as they should be: those are cut, or left out."""
    entry: Detail = _struct(DetailedRequestEntry if type_ == "request" else DetailedResponseEntry, line)
    return entry


def _struct(kind: Any, data: bytes | msgspec.Raw) -> Any:  # noqa: ANN401 - one of the structs above, and it
    good = {}
    for name, decoders in _fields(kind).items():
        for decoder, limit in decoders:
            try:
                value = getattr(decoder.decode(data), name)
            except UNREADABLE:
                continue
            if limit is not None:
                value = value[:limit]
            elif (kind, name) in _INNER:
                value = _struct(_INNER[kind, name], value) if bytes(memoryview(value)[:1]) == b"{" else None
            if value is not None:
                good[name] = value
            break
    return kind(**good)


@cache
def _fields(kind: Any) -> dict[str, tuple[tuple[msgspec.json.Decoder[Any], int | None], ...]]:  # noqa: ANN401
    """For each field, decoders of this field alone, the strict one first, then one whose text is cut to a length.

    One by one, since a bad line must not cost more memory than a good one.
    """
    decoders = {}
    for field in msgspec.structs.fields(kind):
        tries: list[tuple[Any, int | None]] = [(field.type, None)]
        if (kind, field.name) in _INNER:
            tries = [(msgspec.Raw, None)]
        elif field.type in _LIMITS:
            tries.append((str, _LIMITS[field.type]))
        default = msgspec.Raw() if tries[0][0] is msgspec.Raw else field.default
        decoders[field.name] = tuple(
            (msgspec.json.Decoder(msgspec.defstruct("One", [(field.name, type_, default)], gc=False)), limit)
            for type_, limit in tries
        )
    return decoders


_INNER: Final = {
    (DetailedRequestEntry, "request"): DetailRequest,
    (DetailedRequestEntry, "auth"): DetailAuth,
    (DetailedResponseEntry, "request"): DetailRequest,
    (DetailedResponseEntry, "response"): Response,
    (DetailedResponseEntry, "auth"): DetailAuth,
    (DetailRequest, "namespace"): Namespace,
    (Response, "auth"): NewAuth,
    (Response, "secret"): Lease,
    (Response, "wrap_info"): WrapInfo,
    (Response, "data"): ErrorBody,
}
_LIMITS: Final = {Short: 64, Label: 256}
"""What is kept of a text that is too long for its field."""
