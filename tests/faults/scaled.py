"""The pack's rules and the user's three as first written, with their times scaled so that a fault takes seconds."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from vault_exporter.assets import alert_rules

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}

PLAIN: Final = """
groups:
  - name: as first written
    rules:
      - {alert: VaultDown, expr: 'up{job="vault"} == 0', for: 1m, labels: {severity: critical}}
      - {alert: VaultSealed, expr: 'vault_core_unsealed == 0', for: 1m, labels: {severity: critical}}
      - {alert: VaultHighMemoryUsage, expr: 'vault_runtime_alloc_bytes > LIMIT', for: 5m, labels: {severity: warning}}
"""


class Pace(NamedTuple):
    """How durations are scaled."""

    speed: float = 40.0
    """What they are divided by: the one parameter."""
    shortest: int = 8
    """Seconds that no ``for`` is shorter than: a few scrapes."""
    window: int = 15
    """Seconds that no window is shorter than. What happens once is seen in it for so long, and Alertmanager never tells
    of an alert that is over by the end of its wait for the group, 6 s here."""

    def waits(self, duration: str) -> int:
        """How long a ``for`` of the rules is here."""
        return max(self.shortest, self._scaled(duration))

    def looks_back(self, duration: str) -> int:
        """How long a window or offset of the rules is here."""
        return max(self.window, self._scaled(duration))

    def steps(self, duration: str) -> int:
        """How far apart a subquery looks here."""
        return max(1, self._scaled(duration))

    def _scaled(self, duration: str) -> int:
        parts = re.findall(r"(\d+)([smhd])", duration)
        return round(sum(int(number) * _UNITS[unit] for number, unit in parts) / self.speed)


PATIENT: Final = Pace(shortest=25, window=25)
"""When the active node is killed, leadership takes up to 16 s to move, since its lock in PostgreSQL must run out first,
and a minute in the rules waits that out."""


def scale(text: str, pace: Pace) -> str:
    """Scale what rules wait for: ``for``, windows and offsets."""
    text = re.sub(r"(for: )((?:\d+[smhd])+)", lambda found: f"{found[1]}{pace.waits(found[2])}s", text)
    text = re.sub(r":((?:\d+[smhd])+)\]", lambda found: f":{pace.steps(found[1])}s]", text)
    return re.sub(r"(\[|offset )((?:\d+[smhd])+)", lambda found: f"{found[1]}{pace.looks_back(found[2])}s", text)


def ours(folder: Path, pace: Pace, literals: Mapping[str, str]) -> tuple[Path, ...]:
    """Write the pack's rules, scaled, with other thresholds: a literal and what takes its place."""
    written = []
    for path in alert_rules():
        text = scale(path.read_text(), pace)
        for old, new in literals.items():
            text = text.replace(old, new)
        written.append(folder / path.name)
        written[-1].write_text(text)
    return tuple(written)


def plain(folder: Path, pace: Pace, limit: str) -> Path:
    """Write the three rules as first written, with the same memory limit."""
    path = folder / "plain.yml"
    path.write_text(scale(PLAIN, pace).replace("LIMIT", limit))
    return path
