"""Decode a line of an audit log to its entry.

Vault writes the fields in alphabetical order and OpenBao in the order of its structs, and a device may put a prefix
before the JSON. Searching a line for a text costs more than decoding a field of it.
"""

import enum
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

import msgspec

from vault_exporter.audit.parse.entry import (
    Detail,
    DetailAuth,
    DetailedRequestEntry,
    DetailedResponseEntry,
    DetailRequest,
    Entry,
    ErrorBody,
    IdentifiedRequestEntry,
    Label,
    Lease,
    Namespace,
    NewAuth,
    OtherEntry,
    RequestEntry,
    Response,
    ResponseEntry,
    SentRequestEntry,
    Short,
    WrapInfo,
)
from vault_exporter.audit.parse.report_entry import (
    ReportAuth,
    ReportNewAuth,
    ReportRequest,
    ReportRequestEntry,
    ReportResponse,
    ReportResponseEntry,
)
from vault_exporter.util.json import UNREADABLE

__all__ = [
    "COUNTED",
    "IDENTIFIED",
    "REPORTED",
    "SENT",
    "Details",
    "Found",
    "Quick",
    "Reject",
    "decode",
    "is_alphabetical",
    "resynchronise",
]


class Reject(enum.StrEnum):
    """Why a line is not an entry: the value of the ``reason`` label."""

    NOT_JSON = "not_json"
    """Not JSON, cut short, not UTF-8, or nested too deeply."""
    NOT_AN_ENTRY = "not_an_entry"
    """JSON, but no object with an entry's fields."""
    TOO_LONG = "too_long"
    """Longer than ``audit.max_line_bytes``; skipped unread."""
    INCOMPLETE = "incomplete"
    """The file or the connection ended before the line did."""
    NOT_SYSLOG = "not_syslog"
    """No message of RFC 3164 or RFC 5424, from an input for these."""


_Word = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z][A-Za-z0-9._-]*\Z", max_length=64)]


class _Lenient(msgspec.Struct, frozen=True, gc=False):
    """What makes an object an entry; the other fields are then decoded one by one."""

    type: _Word
    time: msgspec.Raw = msgspec.Raw()
    request: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()


Found: TypeAlias = tuple[Detail | OtherEntry, bytes]
"""An entry, and its line without the device's prefix."""

_DETAIL: Final[msgspec.json.Decoder[Detail]] = msgspec.json.Decoder(Detail)
_REPORT: Final[msgspec.json.Decoder[Detail]] = msgspec.json.Decoder(ReportRequestEntry | ReportResponseEntry)
_LENIENT: Final = msgspec.json.Decoder(_Lenient)
_ANY: Final = msgspec.json.Decoder(msgspec.Raw)

_ALPHABETICAL: Final = (b'{"auth":', b'{"error":', b'{"request":')
"""How lines start that have their fields in alphabetical order, ``type`` last."""
_REQUEST_ENDS: Final = b',"type":"request"}\n'
_RESPONSE_ENDS: Final = b'"type":"response"}\n'
_END: Final = slice(-len(_RESPONSE_ENDS), None)
"""As much of a line's end; comparing it twice costs less than looking twice how the line ends."""

_STARTS: Final = (b'{"time":"', b'{"auth":{', b'{"request":{')
"""How entries start: OpenBao's, and Vault's with and without ``auth``."""
_SHORTEST_ENTRY: Final = len('{"type":"request"}')
_RESYNCHRONISATIONS: Final = 8
"""How many times to look for an entry within a broken line."""


def is_alphabetical(line: bytes) -> bool:
    """Whether the line's fields are in alphabetical order, so that decoders that look for its end are quicker.

    A decoder of both types goes through a line twice whose type comes last.
    """
    return line.startswith(_ALPHABETICAL)


class Quick(NamedTuple):
    """Decoders of one depth. They raise one of :data:`UNREADABLE` for other lines; :func:`decode` then tells why."""

    request: type[RequestEntry]
    """The type of its requests."""
    decode: Callable[[bytes], Entry]
    """Decodes a line with the expected fields."""
    decode_alphabetical: Callable[[bytes], Entry]
    """Does the same, quicker where the type comes last."""


def _quick(request: type[RequestEntry], response: type[ResponseEntry]) -> Quick:
    of_request, of_response = msgspec.json.Decoder(request).decode, msgspec.json.Decoder(response).decode
    either: Callable[[bytes], Entry] = msgspec.json.Decoder(request | response).decode

    def by_last_field(line: bytes) -> Entry:
        end = line[_END]
        if end == _RESPONSE_ENDS:
            return of_response(line)
        return of_request(line) if end == _REQUEST_ENDS else either(line)

    return Quick(request, either, by_last_field)


COUNTED: Final = _quick(RequestEntry, ResponseEntry)
"""The fields that every entry is counted by."""
SENT: Final = _quick(SentRequestEntry, ResponseEntry)
"""The same, with what ``audit.exclude`` asks of the sender of a request."""
IDENTIFIED: Final = _quick(IdentifiedRequestEntry, ResponseEntry)
"""The same, with all of the sender."""
REPORTED: Final = _quick(IdentifiedRequestEntry, ReportResponseEntry)
"""The same, with the fields of reports in responses: these repeat their requests, so reports read nothing else."""


def decode(line: bytes, *, for_reports: bool = False) -> Found | Reject:
    """Decode one line, whatever it holds.

    Args:
        line: the bytes of the line, with or without its newline.
        for_reports: whether to decode the fields of reports too.

    Returns:
        the entry, and the line without the device's prefix; or why the line is no entry.
    """
    try:
        if not line.startswith(b"{"):
            start = line.find(b'{"')  # behind the device's prefix
            if start < 0:
                return Reject.NOT_AN_ENTRY if _is_json(line) else Reject.NOT_JSON
            line = line[start:]
        try:
            return (_REPORT if for_reports else _DETAIL).decode(line), line
        except msgspec.ValidationError:
            found = _field_by_field(line, _REPORT_CLASSES if for_reports else _CLASSES)
            return Reject.NOT_AN_ENTRY if found is None else (found, line)
    except msgspec.ValidationError:
        return Reject.NOT_AN_ENTRY
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Reject.NOT_JSON


class Details:
    """Decodes entries in full where the first depth is not enough, and each line once at most.

    Attributes:
        for_reports: whether to decode the fields of reports too.
    """

    __slots__ = ("_found", "_line", "for_reports")

    def __init__(self, *, for_reports: bool = False) -> None:
        self.for_reports = for_reports
        self._line: bytes | None = None
        self._found: Detail | None = None

    def of(self, entry: Entry, line: bytes) -> Detail | None:
        """Return an entry in full.

        Args:
            entry: what the line was decoded to.
            line: the line. None is returned if a field that ``entry`` does not have is no UTF-8.
        """
        if isinstance(entry, DetailedRequestEntry | DetailedResponseEntry):
            return entry
        if line is not self._line:
            found = decode(line, for_reports=self.for_reports)
            self._line = line
            self._found = None if isinstance(found, Reject) or isinstance(found[0], OtherEntry) else found[0]
        return self._found

    def forget(self) -> None:
        """Let go of the last line."""
        self._line = self._found = None


def resynchronise(line: bytes, *, for_reports: bool = False) -> Found | None:
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
        entry = decode(line[start:], for_reports=for_reports)
        if not isinstance(entry, Reject):
            return entry
    return None


def _is_json(line: bytes) -> bool:
    try:
        _ANY.decode(line)  # checks without building it
    except UNREADABLE:
        return False
    return True


def _field_by_field(line: bytes, classes: dict[str, Any]) -> Detail | OtherEntry | None:
    """Make an entry of a line some of whose fields are not as expected: these are cut, or left out."""
    lenient = _LENIENT.decode(line)
    kind = classes.get(lenient.type, OtherEntry)
    if kind is OtherEntry and not (lenient.time or lenient.request or lenient.response):
        return None
    entry: Detail | OtherEntry = _struct(kind, line)
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


_CLASSES: Final[dict[str, Any]] = {"request": DetailedRequestEntry, "response": DetailedResponseEntry}
_REPORT_CLASSES: Final[dict[str, Any]] = {"request": ReportRequestEntry, "response": ReportResponseEntry}
_INNER: Final = {
    (ReportRequestEntry, "request"): ReportRequest,
    (ReportRequestEntry, "auth"): ReportAuth,
    (ReportResponseEntry, "request"): ReportRequest,
    (ReportResponseEntry, "response"): ReportResponse,
    (ReportResponseEntry, "auth"): ReportAuth,
    (ReportRequest, "namespace"): Namespace,
    (ReportResponse, "auth"): ReportNewAuth,
    (ReportResponse, "secret"): Lease,
    (ReportResponse, "wrap_info"): WrapInfo,
    (ReportResponse, "data"): ErrorBody,
    (DetailedRequestEntry, "request"): DetailRequest,
    (DetailedRequestEntry, "auth"): DetailAuth,
    (DetailedResponseEntry, "request"): DetailRequest,
    (DetailedResponseEntry, "response"): Response,
    (DetailedResponseEntry, "auth"): DetailAuth,
    (OtherEntry, "request"): DetailRequest,
    (OtherEntry, "auth"): DetailAuth,
    (DetailRequest, "namespace"): Namespace,
    (Response, "auth"): NewAuth,
    (Response, "secret"): Lease,
    (Response, "wrap_info"): WrapInfo,
    (Response, "data"): ErrorBody,
}
_LIMITS: Final = {Short: 64, Label: 256}
"""What is kept of a text that is too long for its field."""
