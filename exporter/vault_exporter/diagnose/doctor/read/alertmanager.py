"""What Alertmanager knows: its configuration, its alerts, its silences and its cluster.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

import asyncio
from typing import Any

import msgspec
import yaml

from vault_exporter.diagnose.doctor.read.api import Api, ApiError

__all__ = ["Alertmanager", "Matcher", "Received", "Receiver", "Silence", "read_alertmanager"]


class Matcher(msgspec.Struct, frozen=True, rename="camel"):
    """A matcher of a silence."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


class _State(msgspec.Struct, frozen=True):
    state: str = ""


class Silence(msgspec.Struct, frozen=True, rename="camel"):
    """A silence."""

    id: str
    matchers: tuple[Matcher, ...] = ()
    status: _State = _State()
    ends_at: str = ""


class Received(msgspec.Struct, frozen=True):
    """An alert that it holds."""

    labels: dict[str, str]


class Receiver(msgspec.Struct, frozen=True):
    """A receiver, and the kinds of its integrations, such as ``pagerduty``."""

    name: str
    integrations: tuple[str, ...]


class Alertmanager(msgspec.Struct, frozen=True):
    """What was read."""

    skew: float | None
    route: dict[str, Any]
    inhibit_rules: tuple[dict[str, Any], ...]
    receivers: dict[str, Receiver]
    alerts: tuple[Received, ...]
    silences: tuple[Silence, ...]
    peers: int
    """Members of its cluster, with itself; 0 where it is not clustered."""


class _Original(msgspec.Struct, frozen=True):
    original: str


class _Cluster(msgspec.Struct, frozen=True):
    status: str = ""
    peers: tuple[dict[str, Any], ...] | None = None


class _Status(msgspec.Struct, frozen=True):
    config: _Original
    cluster: _Cluster = _Cluster()


async def read_alertmanager(api: Api) -> Alertmanager:
    """Read everything.

    Raises:
        ApiError: it does not answer, or its configuration has an unexpected form.
    """
    status, alerts, silences = await asyncio.gather(
        api.get("/api/v2/status", _Status),
        api.get("/api/v2/alerts", tuple[Received, ...], {"filter": 'alertname=~"Vault.+"'}),
        api.get("/api/v2/silences", tuple[Silence, ...]),
    )
    try:
        config = yaml.safe_load(status.config.original)
        return Alertmanager(
            skew=api.skew,
            route=msgspec.convert(config["route"], dict[str, Any]),
            inhibit_rules=msgspec.convert(config.get("inhibit_rules") or (), tuple[dict[str, Any], ...]),
            receivers={one["name"]: _receiver(one) for one in config.get("receivers") or ()},
            alerts=alerts,
            silences=tuple(one for one in silences if one.status.state == "active"),
            peers=len(status.cluster.peers or ()),
        )
    except (yaml.YAMLError, msgspec.ValidationError, AttributeError, KeyError, TypeError):
        raise ApiError("Alertmanager: /api/v2/status: a configuration of an unexpected form", "") from None


def _receiver(settings: dict[str, Any]) -> Receiver:
    kinds = (key.removesuffix("_configs") for key, value in settings.items() if key.endswith("_configs") and value)
    return Receiver(settings["name"], tuple(kinds))
