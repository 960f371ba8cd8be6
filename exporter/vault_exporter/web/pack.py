"""The alert rules and dashboards of this version, to download: ``/rules/`` and ``/dashboards/``."""

import itertools
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec
from aiohttp import web

from vault_exporter.assets import alert_rules, resource
from vault_exporter.web.auth import Guard
from vault_exporter.web.status.words import counted
from vault_exporter.web.templates import page

__all__ = ["DASHBOARDS", "RULES", "PackPages"]

RULES: Final = "/rules/"
DASHBOARDS: Final = "/dashboards/"


class _Item(NamedTuple):
    """A file to download."""

    path: Path
    about: str


class _Titled(msgspec.Struct, frozen=True):
    """The part of a dashboard that the list shows."""

    title: str
    description: str


class PackPages:
    """The handlers."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the endpoints."""
        for index, list_all, get in (
            (RULES, self._rules, self._rule_file),
            (DASHBOARDS, self._dashboards, self._dashboard),
        ):
            router.add_get(index.rstrip("/"), _moved)
            router.add_get(index, list_all)
            router.add_get(f"{index}{{name}}", get)

    async def _rules(self, request: web.Request) -> web.Response:
        """Serve the list of the files with rules."""
        return self._list(request, "Alert rules", RULES, _rules())

    async def _dashboards(self, request: web.Request) -> web.Response:
        """Serve the list of the dashboards."""
        return self._list(request, "Dashboards", DASHBOARDS, _dashboards())

    async def _rule_file(self, request: web.Request) -> web.Response:
        """Serve a file with rules, as Prometheus loads it."""
        return _file(request, RULES, _rules(), "application/yaml")

    async def _dashboard(self, request: web.Request) -> web.Response:
        """Serve a dashboard, as Grafana imports it."""
        return _file(request, DASHBOARDS, _dashboards(), "application/json")

    def _list(self, request: web.Request, title: str, index: str, items: Mapping[str, _Item]) -> web.Response:
        return page("pack.html", title=title, index=index, items=items, known=self._guard.knows_clients(request))


async def _moved(request: web.Request) -> web.Response:
    return web.Response(status=308, headers={"Location": f"{request.path}/"})


def _file(request: web.Request, index: str, items: Mapping[str, _Item], content_type: str) -> web.Response:
    item = items.get(request.match_info["name"])
    if item is None:
        # The answer does not quote the path, which is untrusted.
        return web.Response(status=404, text=f"There is no such file. {index} lists them.\n")
    headers = {"Content-Disposition": f'attachment; filename="{item.path.name}"'}
    return web.Response(body=item.path.read_bytes(), content_type=content_type, charset="utf-8", headers=headers)


@cache
def _rules() -> Mapping[str, _Item]:
    return MappingProxyType({path.name: _Item(path, _comment(path)) for path in alert_rules()})


@cache
def _dashboards() -> Mapping[str, _Item]:
    paths = sorted(resource("dashboards").glob("*.json"))
    said = {path: msgspec.json.decode(path.read_bytes(), type=_Titled) for path in paths}
    return MappingProxyType({path.name: _Item(path, f"{one.title}: {one.description}") for path, one in said.items()})


def _comment(path: Path) -> str:
    """Return the number of a file's alerts, and the first sentence of its comment."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("#"), lines)
    text = " ".join(line.lstrip("# ") for line in comment if not line.startswith("# Built from")).strip()
    number = sum(line.lstrip().startswith("- alert:") for line in lines)
    return f"{counted(number, 'alert')}. {re.split(r'(?<=[.?]) ', text, maxsplit=1)[0]}"
