"""What Grafana knows: its data sources and the dashboards of the pack.

https://grafana.com/docs/grafana/latest/developers/http_api/
"""

import asyncio
from typing import Any, Final
from urllib.parse import quote

import msgspec

from vault_exporter.diagnose.doctor.read.api import Api, ApiError
from vault_exporter.metrics.catalogue import UP

__all__ = ["DataSource", "Found", "Grafana", "read_grafana"]

_TAG: Final = "vault-exporter"
_KIND: Final = "prometheus"
_LARGEST_DASHBOARD: Final = 4 * 1024 * 1024
"""Bytes. The pack's own have less than 200 kB."""


class DataSource(msgspec.Struct, frozen=True, rename="camel"):
    """A data source."""

    uid: str
    name: str = ""
    type: str = ""
    is_default: bool = False
    json_data: dict[str, Any] | None = None


class Found(msgspec.Struct, frozen=True):
    """A dashboard in the result of a search."""

    uid: str
    title: str = ""


class Grafana(msgspec.Struct, frozen=True):
    """What was read."""

    skew: float | None
    tagged: tuple[Found, ...]
    """The dashboards that have the tag of the pack."""
    dashboards: dict[str, dict[str, Any]]
    """Those with a uid of the pack, as Grafana has them."""
    sources: tuple[DataSource, ...] | None
    """Data sources of the type Prometheus."""
    with_vault: dict[str, bool]
    """Whether the data source has ``vault_up``, by uid; nothing of those that cannot be asked."""
    notes: tuple[str, ...]


class _Dashboard(msgspec.Struct, frozen=True):
    dashboard: msgspec.Raw


class _Panel(msgspec.Struct, frozen=True):
    targets: tuple[dict[str, Any], ...] | None = None
    panels: tuple["_Panel", ...] | None = None


class _Variable(msgspec.Struct, frozen=True):
    name: str = ""
    current: dict[str, Any] | None = None


class _Templating(msgspec.Struct, frozen=True):
    list: tuple[_Variable, ...] | None = None


class _Form(msgspec.Struct, frozen=True):
    """The form of a dashboard, as far as it is read."""

    panels: tuple[_Panel, ...] | None = None
    templating: _Templating | None = None


class _Result(msgspec.Struct, frozen=True):
    result: tuple[Any, ...] = ()


class _Answer(msgspec.Struct, frozen=True):
    data: _Result


async def read_grafana(api: Api, uids: tuple[str, ...]) -> Grafana:
    """Read everything.

    Args:
        api: Grafana.
        uids: the uids of the pack's dashboards.

    Raises:
        ApiError: it does not answer, or refuses the credentials.
    """
    tagged = await api.get("/api/search", tuple[Found, ...], {"type": "dash-db", "tag": _TAG})
    notes: list[str] = []
    read = await asyncio.gather(*(_dashboard(api, uid) for uid in uids))
    sources = await _sources(api, notes)
    asked = await asyncio.gather(*(_has_vault(api, source.uid, notes) for source in sources or ()))
    return Grafana(
        skew=api.skew,
        tagged=tagged,
        dashboards={uid: found for uid, found in zip(uids, read, strict=True) if found is not None},
        sources=sources,
        with_vault={one.uid: has for one, has in zip(sources or (), asked, strict=True) if has is not None},
        notes=tuple(notes),
    )


async def _dashboard(api: Api, uid: str) -> dict[str, Any] | None:
    path = f"/api/dashboards/uid/{uid}"
    try:
        found = (await api.get(path, _Dashboard, largest=_LARGEST_DASHBOARD)).dashboard
        msgspec.json.decode(found, type=_Form)
        read: dict[str, Any] = msgspec.json.decode(found)
    except ApiError as error:
        if error.absent:
            return None
        raise
    except (msgspec.DecodeError, RecursionError):
        raise ApiError(f"{api.name}: {path}: a dashboard of an unexpected form", "") from None
    return read


async def _sources(api: Api, notes: list[str]) -> tuple[DataSource, ...] | None:
    try:
        found = await api.get("/api/datasources", tuple[DataSource, ...])
    except ApiError as error:
        if not error.denied:
            raise
        notes.append(f"{error}: data sources were not checked; the token needs the permission datasources:read")
        return None
    return tuple(source for source in found if source.type == _KIND)


async def _has_vault(api: Api, uid: str, notes: list[str]) -> bool | None:
    """Ask a data source, through Grafana, whether it has a series of ours."""
    path = f"/api/datasources/proxy/uid/{quote(uid, safe='')}/api/v1/query"
    try:
        answer = await api.get(path, _Answer, {"query": f"count({UP.name})"})
    except ApiError as error:
        notes.append(f"{error}: whether that data source has Vault's metrics was not checked")
        return None
    return bool(answer.data.result)
