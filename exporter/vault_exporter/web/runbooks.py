"""The runbooks of the alerts as HTML pages: ``/runbooks/`` and ``/runbooks/NAME``."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from aiohttp import web
from markupsafe import Markup

from vault_exporter.assets import resource
from vault_exporter.web.auth import Guard
from vault_exporter.web.templates import page

__all__ = ["INDEX", "Runbook", "RunbookPages", "runbook_path"]

INDEX: Final = "/runbooks/"

_FILE: Final = ".md"
_MENTION: Final = re.compile(r"(?<![\w/\[(`])(Vault[A-Za-z]+)\.md\b")
"""A runbook's file that is named in the text without a link."""
_LINK: Final = re.compile(r'href="(Vault[A-Za-z]+)\.md"')


class Runbook(NamedTuple):
    """One runbook."""

    name: str
    """The name of its alert."""
    html: Markup


def runbook_path(name: str) -> str:
    """Return the path of a runbook's page."""
    return f"{INDEX}{name}"


class RunbookPages:
    """The handlers."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the endpoints."""
        router.add_get(INDEX.rstrip("/"), self._moved)
        router.add_get(INDEX, self._index)
        router.add_get(f"{INDEX}{{name}}", self._one)

    async def _moved(self, _: web.Request) -> web.Response:
        return web.Response(status=308, headers={"Location": INDEX})

    async def _index(self, request: web.Request) -> web.Response:
        """Serve the list of the runbooks."""
        return page("runbooks.html", runbooks=_files(), known=self._guard.knows_clients(request))

    async def _one(self, request: web.Request) -> web.Response:
        """Serve one runbook. Its name may end in ``.md``, as the names of the files do."""
        path = _files().get(request.match_info["name"].removesuffix(_FILE))
        if path is None:
            return web.Response(status=404, text=f"There is no such runbook. {INDEX} lists them.\n")
        return page("runbook.html", runbook=_rendered(path), known=self._guard.knows_clients(request))


@cache
def _files() -> Mapping[str, Path]:
    """Return the files by the names of their alerts."""
    files = sorted(resource("alerts", "runbooks").glob(f"*{_FILE}"))
    return MappingProxyType({path.stem: path for path in files})


@cache
def _rendered(path: Path) -> Runbook:
    text = _MENTION.sub(r"[\1](\1.md)", path.read_text(encoding="utf-8"))
    from markdown_it import MarkdownIt  # noqa: PLC0415 - only this page needs it

    html: str = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    # The HTML comes from a file of this package, and Markdown's own HTML is off.
    return Runbook(path.stem, Markup(_LINK.sub(rf'href="{INDEX}\1"', html)))  # noqa: S704
