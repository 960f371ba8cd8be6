"""The depth of decoding that reports need: who, with which token, from where, and what a login gave.

Only a replay with reports decodes it, so that following a log costs what it did.
"""

import msgspec

from vault_exporter.audit.parse.entry import (
    DetailAuth,
    DetailedRequestEntry,
    DetailedResponseEntry,
    DetailRequest,
    NewAuth,
    Response,
)

__all__ = [
    "ReportAuth",
    "ReportNewAuth",
    "ReportRequest",
    "ReportRequestEntry",
    "ReportResponse",
    "ReportResponseEntry",
]


class ReportRequest(DetailRequest, frozen=True, gc=False):
    """What is requested, with the token's accessor and the data."""

    client_token_accessor: str = ""
    data: msgspec.Raw = msgspec.Raw()
    """The JSON object; its texts are hashed."""


class ReportAuth(DetailAuth, frozen=True, gc=False):
    """Who asks, with the token's accessor and TTL."""

    accessor: str = ""
    token_ttl: float = 0
    """In seconds; 0 if the token has none."""


class ReportNewAuth(NewAuth, frozen=True, gc=False):
    """The token that a login gave, and whose it is."""

    accessor: str = ""
    display_name: str = ""
    entity_id: str = ""
    metadata: msgspec.Raw = msgspec.Raw()
    """The JSON object of the auth method, as the role and the service account."""


class ReportResponse(Response, frozen=True, gc=False):
    """What was answered."""

    auth: ReportNewAuth | None = None


class ReportRequestEntry(DetailedRequestEntry, frozen=True, gc=False, tag_field="type", tag="request"):
    """The entry of a request, for reports."""

    request: ReportRequest | None = None
    auth: ReportAuth | None = None


class ReportResponseEntry(DetailedResponseEntry, frozen=True, gc=False, tag_field="type", tag="response"):
    """The entry of a response, for reports."""

    request: ReportRequest | None = None
    response: ReportResponse | None = None
    auth: ReportAuth | None = None
