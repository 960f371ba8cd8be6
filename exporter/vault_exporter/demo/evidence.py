"""Evidence about the exporter: its pages, the audit log itself, and the state of Prometheus."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec

from vault_exporter.demo.traffic import Sent

__all__ = ["EntryLabels", "Evidence", "Logged", "PrometheusView", "RuleView", "recount"]

EntryLabels = tuple[str, str, str, str]
"""Type, operation, mount type and mount point of an audit entry."""


class Logged(msgspec.Struct, frozen=True):
    """Entries in a part of the audit log, counted independently of the exporter."""

    lines: int = 0
    entries: Mapping[EntryLabels, int] = {}


class RuleView(msgspec.Struct, frozen=True):
    """An alert rule as Prometheus sees it."""

    name: str
    health: str
    """``ok``, ``err``, or ``unknown`` before its first evaluation."""
    state: str
    """``inactive``, ``pending`` or ``firing``."""
    severity: str = "critical"

    @property
    def tells(self) -> bool:
        """Whether the alert is pending or firing and notifies somebody; alerts of severity info do not."""
        return self.state != "inactive" and self.severity != "info"


class PrometheusView(msgspec.Struct, frozen=True):
    """The state of Prometheus."""

    up: float | None = None
    vault_up: float | None = None
    new_entries: float | None = None
    """``increase()`` of audit entries over the last minute."""
    rules: tuple[RuleView, ...] = ()


class Evidence(msgspec.Struct, frozen=True):
    """Everything that the verdict uses, gathered after the traffic ended."""

    text: bytes
    """The exporter's page in text format 0.0.4."""
    openmetrics: bytes
    """The page in OpenMetrics 1.0, from a scrape of its own."""
    log_bytes: int
    """Size of the audit log just before the scrape of ``text``."""
    logged: Logged
    """Entries in the part of the log that the exporter had read for ``text``."""
    sent: Sent
    rules: tuple[str, ...] = ()
    """Names of the alerts in the rule files."""
    prometheus: PrometheusView | None = None
    """None without Prometheus."""


def recount(log: Path, end: int) -> Logged:
    """Count the complete lines in the first ``end`` bytes of an audit log, and the entries by their labels.

    Raises:
        OSError: the log cannot be read.
        ValueError: a line is no JSON object.
    """
    lines, entries = 0, Counter[EntryLabels]()
    with log.open("rb") as file:
        for line in file:
            end -= len(line)
            if end < 0:
                break
            lines += 1
            entry = json.loads(line)
            request = entry.get("request") or {}
            entries[
                entry["type"],
                request.get("operation", ""),
                request.get("mount_type", ""),
                request.get("mount_point", ""),
            ] += 1
    return Logged(lines, dict(entries))
