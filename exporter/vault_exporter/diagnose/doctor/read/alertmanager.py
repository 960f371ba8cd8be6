"""What Alertmanager knows: its configuration, its alerts, its silences and its cluster.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

import asyncio
import re
from collections import defaultdict
from typing import Any, Final, NamedTuple

import msgspec
import yaml

from vault_exporter.diagnose.doctor.read.api import Api, ApiError
from vault_exporter.util.yaml_loader import load_simple

__all__ = ["Alertmanager", "Matcher", "Notifications", "Received", "Receiver", "Silence", "read_alertmanager"]

_NOTIFICATIONS: Final = re.compile(r"^alertmanager_notifications_(failed_)?total\{([^}\n]*+)\} +(\S+)", re.MULTILINE)
_INTEGRATION: Final = re.compile(r'(?:^|,)integration="([^"]*)"')


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
    webhooks: tuple[str, ...] = ()
    """URLs of its webhooks, or ``<secret>``: Alertmanager hides them since 0.26."""


class Notifications(NamedTuple):
    """How often an integration was to notify somebody since Alertmanager started."""

    tried: float
    failed: float


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
    notifications: dict[str, Notifications]
    """By integration, such as ``pagerduty``; empty where they could not be read."""
    notes: tuple[str, ...]
    """What could not be read."""


class _Original(msgspec.Struct, frozen=True):
    original: str


class _Cluster(msgspec.Struct, frozen=True):
    status: str = ""
    peers: tuple[dict[str, Any], ...] | None = None


class _Route(msgspec.Struct, frozen=True):
    """The form of a route, as far as it is read."""

    routes: tuple["_Route", ...] | None = None
    match: dict[str, Any] | None = None
    match_re: dict[str, Any] | None = None
    matchers: tuple[str, ...] | str | None = None


class _Inhibition(msgspec.Struct, frozen=True):
    source_match: dict[str, Any] | None = None
    source_match_re: dict[str, Any] | None = None
    source_matchers: tuple[str, ...] | str | None = None


class _Config(msgspec.Struct, frozen=True):
    """The form of the configuration, which nothing else is read of."""

    route: _Route
    inhibit_rules: tuple[_Inhibition, ...] | None = None


class _Status(msgspec.Struct, frozen=True):
    config: _Original
    cluster: _Cluster = _Cluster()


async def read_alertmanager(api: Api) -> Alertmanager:
    """Read everything.

    Raises:
        ApiError: it does not answer, or its configuration has an unexpected form.
    """
    status, alerts, silences, (notifications, notes) = await asyncio.gather(
        api.get("/api/v2/status", _Status),
        api.get("/api/v2/alerts", tuple[Received, ...], {"filter": 'alertname=~"Vault.+"'}),
        api.get("/api/v2/silences", tuple[Silence, ...]),
        _notifications(api),
    )
    try:
        config = load_simple(status.config.original)
        msgspec.convert(config, _Config)
        return Alertmanager(
            skew=api.skew,
            route=msgspec.convert(config["route"], dict[str, Any]),
            inhibit_rules=msgspec.convert(config.get("inhibit_rules") or (), tuple[dict[str, Any], ...]),
            receivers={one["name"]: _receiver(one) for one in config.get("receivers") or ()},
            alerts=alerts,
            silences=tuple(one for one in silences if one.status.state == "active"),
            peers=len(status.cluster.peers or ()),
            notifications=notifications,
            notes=notes,
        )
    except (yaml.YAMLError, msgspec.ValidationError, AttributeError, KeyError, TypeError):
        raise ApiError("Alertmanager: /api/v2/status: a configuration of an unexpected form", "") from None


async def _notifications(api: Api) -> tuple[dict[str, Notifications], tuple[str, ...]]:
    """Read the counters of notifications from Alertmanager's own metrics, and say if that is not possible."""
    try:
        text = await api.text("/metrics")
    except ApiError as error:
        return {}, (f"{error}: failed notifications were not checked",)
    tried: dict[str, float] = defaultdict(float)
    failed: dict[str, float] = defaultdict(float)
    try:
        for is_failed, labels, value in _NOTIFICATIONS.findall(text):  # one series a receiver, and a reason
            if integration := _INTEGRATION.search(labels):
                (failed if is_failed else tried)[integration[1]] += float(value)
    except ValueError:
        tried.clear()
    if not tried:
        return {}, (f"{api.name}: /metrics has no alertmanager_notifications_total: failed notifications not checked",)
    return {name: Notifications(number, failed[name]) for name, number in tried.items()}, ()


def _receiver(settings: dict[str, Any]) -> Receiver:
    kinds = (key.removesuffix("_configs") for key, value in settings.items() if key.endswith("_configs") and value)
    webhooks = tuple(str(one.get("url", "")) for one in settings.get("webhook_configs") or ())
    return Receiver(settings["name"], tuple(kinds), webhooks)
