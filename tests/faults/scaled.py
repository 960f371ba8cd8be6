"""The pack's rules and the user's three as first written, with their times scaled so that a fault takes seconds."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from vault_exporter.resources import alert_rules

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

    speed: float = 20.0
    """What they are divided by: the one parameter."""
    shortest: int = 25
    """Seconds that none is shorter than: when the active node is killed, leadership takes up to 16 s to move, since its
    lock in PostgreSQL must run out first, and a minute in the rules waits that out."""

    def seconds(self, duration: str) -> int:
        """How long a duration of the rules takes here."""
        parts = re.findall(r"(\d+)([smhd])", duration)
        return max(self.shortest, round(sum(int(number) * _UNITS[unit] for number, unit in parts) / self.speed))


def scale(text: str, pace: Pace) -> str:
    """Scale what rules wait for: ``for``, windows and offsets."""
    return re.sub(r"(for: |\[|offset )((?:\d+[smhd])+)", lambda found: f"{found[1]}{pace.seconds(found[2])}s", text)


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
