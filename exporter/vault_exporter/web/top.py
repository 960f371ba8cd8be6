"""The most frequent clients and paths of the audit log, for authenticated users: JSON, and part of the status page."""

from typing import Final

import msgspec
from aiohttp import web

from vault_exporter.audit.count.pipeline import Pipeline
from vault_exporter.audit.top.sketches import TopObserver, TopResult
from vault_exporter.web.auth import Guard

__all__ = ["PATH", "TopPage"]

PATH: Final = "/audit/top"

_DEFAULT_NUMBER: Final = 20
_LARGEST_NUMBER: Final = 1000
_MOST_DIGITS: Final = 4
_ON_THE_PAGE: Final = 10
_NOT_PROTECTED: Final = (
    "The most frequent clients are shown only to authenticated users: set web_config_file to a file with "
    "basic_auth_users, or with client_auth_type: RequireAndVerifyClientCert and client_ca_file.\n"
)
_NOT_ENABLED: Final = "The most frequent clients are not counted: set audit.top.enabled: true.\n"


class TopPage:
    """The most frequent clients, entities, addresses and paths, behind the guard."""

    def __init__(self, pipeline: Pipeline, guard: Guard) -> None:
        self._observer = next((one for one in pipeline.observers if isinstance(one, TopObserver)), None)
        self._guard = guard

    async def handle(self, request: web.Request) -> web.Response:
        """Answer ``GET /audit/top?limit=20`` with JSON."""
        if not self._guard.knows_clients(request):
            return web.Response(status=403, text=_NOT_PROTECTED)
        if self._observer is None:
            return web.Response(status=404, text=_NOT_ENABLED)
        number = _number(request.query.get("limit", str(_DEFAULT_NUMBER)))
        if number is None:
            text = f"limit is a number from 1 to {_LARGEST_NUMBER}.\n"
            return web.Response(status=400, text=text)
        body = msgspec.json.encode(self._observer.top(number))
        return web.Response(body=body, content_type="application/json")

    @property
    def is_counted(self) -> bool:
        """Whether the most frequent clients are counted."""
        return self._observer is not None

    def status(self, request: web.Request) -> TopResult | None:
        """Return what the status page shows; None if nothing is counted or the client may not see it."""
        if self._observer is None or not self._guard.knows_clients(request):
            return None
        return self._observer.top(_ON_THE_PAGE)


def _number(given: str) -> int | None:
    if not given.isascii() or not given.isdigit() or len(given) > _MOST_DIGITS:
        return None
    return int(given) if 0 < int(given) <= _LARGEST_NUMBER else None
