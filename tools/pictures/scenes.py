"""The scenes that pictures are taken of: one hour of made series each, the same every time.

Recorded pages give the series and their rates; a scene says which page each node shows when, and which alerts fire.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from dashboards import native
from tools.pictures.pages import load
from vault_exporter.metrics import catalogue as c

__all__ = ["END", "SCENES", "STEP", "Alert", "Scene", "open_metrics"]

END: Final = 1772452200
"""2026-03-02 11:50 UTC, when each scene ends. Its hour is in one block of Prometheus' storage."""
MINUTES: Final = 60
STEP: Final = 30
"""Seconds between scrapes."""
SINCE: Final = 14
"""Minutes before the end at which each incident begins."""

_EXPORTER: Final = "exporter:9410"
_PRESENT: Final = 2
"""Seconds: a time of a page as recent as this goes along with the clock."""
_LONG_AGO: Final = 1e9
"""A Unix time, in seconds; what is less is a duration."""
_UP_FOR: Final = 3 * 86400
"""Seconds that everything is older than when it was recorded, right after its start."""
_LAST: Final = "healthy-last-"
_READ: Final = c.COLLECTOR_LAST_SUCCESS.name
_STARTED: Final = native.PROCESS_START_TIME.name


class Alert(NamedTuple):
    """An alert that fires since the incident began."""

    name: str
    severity: str
    category: str = "availability"
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens in the hour.

    ``nodes`` and ``incident`` give the role or the recorded page of each target before and since the incident. A target
    that is not in ``incident`` goes on as before.
    """

    title: str
    nodes: Mapping[str, str] = field(default_factory=dict)
    incident: Mapping[str, str] = field(default_factory=dict)
    alerts: Sequence[Alert] = ()
    traffic: float = 1.0
    """Share of the traffic that goes on in the incident."""
    cluster: Mapping[str, str] = field(default_factory=dict)
    """Cluster of the targets that are not of ``prod``."""


_NODES: Final = {"vault-1": "active", "vault-2": "standby", "vault-3": "standby", _EXPORTER: "exporter"}

SCENES: Final = {
    "healthy": Scene("All is well", _NODES),
    "one-down": Scene(
        "One standby is killed",
        _NODES,
        {"vault-3": "down-node"},
        [Alert("VaultDown", "critical", "availability", "vault-3"), Alert("VaultNodesMissing", "warning")],
    ),
    "all-sealed": Scene(
        "Every node is sealed; one has been given a key share",
        _NODES,
        {"vault-1": "sealed-node", "vault-2": "unsealing-node", "vault-3": "sealed-node"},
        [Alert("VaultClusterSealed", "critical")],
        traffic=0,
    ),
    "one-sealed": Scene(
        "One standby is down, and another one is sealed after a restart",
        _NODES,
        {"vault-2": "unsealing-node", "vault-3": "down-node"},
        [
            Alert("VaultSealed", "critical", "availability", "vault-2"),
            Alert("VaultDown", "critical", "availability", "vault-3"),
            Alert("VaultBarrierKeyRotationOverdue", "warning", "lifecycle"),
            Alert("VaultExporterTokenExpiring", "warning", "lifecycle", "vault-1"),
        ],
    ),
    "no-active": Scene(
        "The active node is killed, and no standby takes over",
        _NODES,
        {"vault-1": "down-node", "vault-2": "no-active-standby", "vault-3": "no-active-standby"},
        [Alert("VaultNoActiveNode", "critical"), Alert("VaultDown", "critical", "availability", "vault-1")],
        traffic=0,
    ),
    "storage-gone": Scene(
        "PostgreSQL is stopped",
        _NODES,
        {
            "vault-1": "storage-gone-active",
            "vault-2": "storage-gone-standby",
            "vault-3": "storage-gone-standby",
            _EXPORTER: "storage-gone-exporter",
        },
        [Alert("VaultClusterUnavailable", "critical"), Alert("VaultStorageUnavailable", "critical")],
        traffic=0,
    ),
    "every-kind": Scene(
        "Beside the cluster one on raft, and Vault Enterprise",
        {**_NODES, "raft-1": "raft", "enterprise-1": "enterprise"},
        cluster={"raft-1": "raft", "enterprise-1": "enterprise"},
    ),
    "empty": Scene("A Prometheus without Vault"),
}
"""By their names."""


def open_metrics(scene: Scene) -> Iterator[str]:
    """Yield the lines of the scene's samples, for ``promtool tsdb create-blocks-from openmetrics``."""
    for target, role in scene.nodes.items():
        job = "vault-exporter" if target == _EXPORTER else "vault"
        labels = f'cluster="{scene.cluster.get(target, "prod")}",instance="{target}",job="{job}"'
        yield from _target(scene, target, role, labels)
    for when in _times() if scene.nodes else ():
        watchdog = 'alertname="VaultWatchdog",alertstate="firing",cluster="default",severity="info"'
        yield _line("ALERTS", watchdog, 1, when)
        yield from _alerts(scene, when)
    if not scene.nodes:
        yield _line("up", 'instance="localhost:9090",job="prometheus"', 1, END)
    yield "# EOF\n"


def _times() -> range:
    return range(END - MINUTES * 60, END + 1, STEP)


def _alerts(scene: Scene, when: int) -> Iterator[str]:
    since = END - (SINCE - 1) * 60
    if when < since:
        return
    for alert in scene.alerts:
        labels = f'alertname="{alert.name}",category="{alert.category}",cluster="prod",severity="{alert.severity}"'
        labels += f',instance="{alert.instance or "prod"}"'  # as rules about a cluster have it
        yield _line("ALERTS", f'alertstate="firing",{labels}', 1, when)
        yield _line("ALERTS_FOR_STATE", labels, since - 60, when)


def _target(scene: Scene, target: str, role: str, labels: str) -> Iterator[str]:
    first, last = load(f"healthy-first-{role}"), load(f"{_LAST}{role}")
    later = load(scene.incident[target]) if target in scene.incident else None
    moved = END - last.taken
    phase = sum(map(ord, target)) % 7
    breaks = END - SINCE * 60
    counted: dict[tuple[str, str], float] = {}
    for when in _times():
        broken = when >= breaks
        page = later if broken and later is not None else last
        share = (scene.traffic if broken else 1) * (1 + 0.3 * math.sin(when / 400 + phase))
        yield _line("up", labels, 1, when)
        yield _line("scrape_duration_seconds", labels, 0.04, when)
        yield _line("scrape_samples_scraped", labels, len(page.samples), when)
        for series, value in page.samples.items():
            name, own = series
            before = first.samples.get(series, value)
            if name in last.counters:
                rate = (last.samples.get(series, value) - before) / (last.taken - first.taken)
                shown = counted[series] = counted.get(series, before) + rate * share * STEP
            elif name == _STARTED and value > last.samples.get(series, value):
                shown = breaks  # the incident began with a restart
            elif _is_time(name, value):  # either goes along with the clock, or stays
                age = _UP_FOR if "backup" not in name else 0
                follows = abs(page.taken - value) < _PRESENT or (page is last and value != before) or name == _READ
                shown = value + (when - page.taken if follows else moved - (age if value < page.taken else 0))
            else:
                shown = value
            if math.isfinite(shown):
                yield _line(name, f"{_exported(own)},{labels}" if own else labels, shown, when)


def _is_time(name: str, value: float) -> bool:
    return value > _LONG_AGO and name.endswith(("_timestamp_seconds", "_time_seconds", "_since_seconds"))


def _exported(own: str) -> str:
    """Rename labels that a target has, too, as Prometheus does."""
    return re.sub(r"\b(cluster|instance|job)=", r"exported_\1=", own)


def _line(name: str, labels: str, value: float, when: int) -> str:
    return f"{name}{{{labels}}} {value!r} {when}\n"
