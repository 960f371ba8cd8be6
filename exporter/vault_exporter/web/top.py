"""The most frequent clients and paths of the audit log, for authenticated users: JSON, and part of the status page."""

from collections.abc import Iterator
from html import escape
from typing import Final

import msgspec
from aiohttp import web

from vault_exporter.audit.count.pipeline import Pipeline
from vault_exporter.audit.top.sketches import Ranked, Top, TopObserver
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

    def section(self, request: web.Request) -> str:
        """Render the section of the status page, if the client may see it."""
        if self._observer is None:
            return ""
        if not self._guard.knows_clients(request):
            return f"<h2>Who asks</h2><p>{escape(_NOT_PROTECTED)}</p>"
        return "".join(_section(self._observer.top(_ON_THE_PAGE)))


def _number(given: str) -> int | None:
    if not given.isascii() or not given.isdigit() or len(given) > _MOST_DIGITS:
        return None
    return int(given) if 0 < int(given) <= _LARGEST_NUMBER else None


def _section(top: Top) -> Iterator[str]:
    yield f"<h2>Who asks</h2><p>In the last {(top.window_seconds or 0) / 60:g} minutes: "
    yield f"{top.distinct_clients} clients, "
    yield f'{top.distinct_entities} entities, {top.distinct_addresses} addresses. <a href="{PATH}">More</a></p>'
    yield from _table("Client", top.clients)
    yield from _table("Address", top.addresses)
    yield from _table("Path", top.paths)


def _table(title: str, ranked: tuple[Ranked, ...]) -> Iterator[str]:
    if not ranked:
        return
    yield f"<table><thead><tr><th>{title}</th><th>Requests</th></tr></thead><tbody>"
    for one in ranked:
        name = f"{escape(one.name)} " if one.name else ""
        requests = str(one.at_least) if one.at_least == one.at_most else f"{one.at_least} to {one.at_most}"
        yield f"<tr><td>{name}<code>{escape(one.value)}</code></td><td>{requests}</td></tr>"
    yield "</tbody></table>"
