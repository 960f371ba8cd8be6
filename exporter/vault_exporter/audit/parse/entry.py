"""One entry of an audit log: the few fields that are used.

Every field may be absent. The schema: https://developer.hashicorp.com/vault/docs/audit/schema and
https://openbao.org/docs/audit/.

There are four depths, since each decoded field costs time for each of hundreds of thousands of lines a second.
:data:`Entry` has the fields that every entry is counted by. :class:`SentRequestEntry` adds who sends a request, as far
as ``audit.exclude`` asks, and :class:`IdentifiedRequestEntry` all that observers of clients ask. :data:`Detail` has all
fields, for the few entries that need more than the others have. Requests and responses are two classes for the same
reason: a response is counted by what its request says.

:class:`OtherEntry` is an entry of another type, such as those of Vault Enterprise's KMIP engine.
"""

from datetime import datetime
from typing import Annotated, ClassVar, TypeAlias

import msgspec

__all__ = [
    "Auth",
    "Detail",
    "DetailAuth",
    "DetailRequest",
    "DetailedRequestEntry",
    "DetailedResponseEntry",
    "Entry",
    "ErrorBody",
    "IdentifiedRequestEntry",
    "Identity",
    "Label",
    "Lease",
    "Namespace",
    "NewAuth",
    "OtherEntry",
    "Request",
    "RequestEntry",
    "RequestRef",
    "Response",
    "ResponseEntry",
    "Sent",
    "SentRequest",
    "SentRequestEntry",
    "Short",
    "WrapInfo",
]


Short = Annotated[str, msgspec.Meta(max_length=64)]
Label = Annotated[str, msgspec.Meta(max_length=256)]
"""Texts of bounded length, to be kept."""
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Namespace(msgspec.Struct, frozen=True, gc=False):
    """Where the mount is; the root namespace has no path."""

    path: Label = ""


class RequestRef(msgspec.Struct, frozen=True, gc=False):
    """Which request a response belongs to; an empty string is a field that the entry does not have."""

    id: Short = ""
    path: str = ""


class Request(RequestRef, frozen=True, gc=False):
    """What is requested. Texts may be of any length, since checking each costs time: who keeps one cuts it."""

    operation: str = ""
    mount_point: str = ""
    mount_type: str = ""
    mount_class: str = ""
    namespace: Namespace | None = None


class Auth(msgspec.Struct, frozen=True, gc=False):
    """Who sends a request. The token is hashed, unless the device has ``log_raw`` set."""

    client_token: str = ""
    policies: msgspec.Raw = msgspec.Raw()
    """The JSON list. The same few lists recur, so what they mean is looked up by their bytes."""


class NewAuth(msgspec.Struct, frozen=True, gc=False):
    """The token that a login, a token's creation or its renewal gave."""

    client_token: str = ""
    """Hashed, unless the device writes it as it is; empty where a second factor is still to come."""
    token_type: str = ""
    policies: msgspec.Raw = msgspec.Raw()
    token_ttl: float = 0
    """Seconds; 0 is a token that does not expire."""


class Lease(msgspec.Struct, frozen=True, gc=False):
    """What a secret is leased as."""

    lease_id: str = ""


class WrapInfo(msgspec.Struct, frozen=True, gc=False):
    """That the response is wrapped."""

    wrapped_accessor: str = ""
    """Of the token that is in the wrapped response, if one is."""


class ErrorBody(msgspec.Struct, frozen=True, gc=False):
    """The data of a response, as far as it may be an error; the error's text is hashed."""

    error: str | None = None


class Response(msgspec.Struct, frozen=True, gc=False):
    """What was answered."""

    auth: NewAuth | None = None
    secret: Lease | None = None
    wrap_info: WrapInfo | None = None
    data: ErrorBody | None = None


class RequestEntry(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="request"):
    """The entry of a request, as far as every one is looked at."""

    is_request: ClassVar[bool] = True

    time: _Moment | None = None
    """To the microsecond; None where the entry states none."""
    request: Request | None = None
    error: str = ""


class ResponseEntry(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="response"):
    """The entry of a response, as far as every one is looked at."""

    is_request: ClassVar[bool] = False

    time: _Moment | None = None
    """To the microsecond; None where the entry states none."""
    auth: Auth | None = None
    request: RequestRef | None = None
    response: Response | None = None
    error: str = ""


class SentRequest(Request, frozen=True, gc=False):
    """What is requested, and from where."""

    remote_address: str = ""


class DetailRequest(SentRequest, frozen=True, gc=False):
    """What is requested, from where, and for whom."""

    client_id: str = ""


class DetailAuth(Auth, frozen=True, gc=False):
    """Who asked, by name."""

    display_name: str = ""
    entity_id: str = ""
    token_type: str = ""
    policy_results: msgspec.Raw = msgspec.Raw()


class DetailedRequestEntry(RequestEntry, frozen=True, gc=False, tag_field="type", tag="request"):
    """The entry of a request with all fields that are ever looked at."""

    request: DetailRequest | None = None
    auth: DetailAuth | None = None


class DetailedResponseEntry(ResponseEntry, frozen=True, gc=False, tag_field="type", tag="response"):
    """The entry of a response with all fields that are ever looked at."""

    request: DetailRequest | None = None
    auth: DetailAuth | None = None


class Identity(msgspec.Struct, frozen=True, gc=False):
    """Who sends a request, by name."""

    entity_id: str = ""
    display_name: str = ""


class SentRequestEntry(RequestEntry, frozen=True, gc=False, tag_field="type", tag="request"):
    """The entry of a request with who sends it, as far as ``audit.exclude`` asks."""

    request: SentRequest | None = None
    auth: Identity | None = None


class IdentifiedRequestEntry(SentRequestEntry, frozen=True, gc=False, tag_field="type", tag="request"):
    """The entry of a request with who sends it."""

    request: DetailRequest | None = None


class OtherEntry(msgspec.Struct, frozen=True, gc=False):
    """The entry of neither a request nor a response."""

    type: Short = ""
    time: _Moment | None = None
    request: DetailRequest | None = None
    auth: DetailAuth | None = None


Entry: TypeAlias = RequestEntry | ResponseEntry
Sent: TypeAlias = IdentifiedRequestEntry | DetailedRequestEntry
"""A request with who sends it."""
Detail: TypeAlias = DetailedRequestEntry | DetailedResponseEntry
