"""What the scrapes of a target have in common: since when the node is in its state, and how often it is scraped."""

from typing import Final

import msgspec

from vault_exporter.scrape.node_state import Mode, NodeState

__all__ = ["Cadence", "History"]

_SHORTEST_GAP: Final = 1.0
_LONGEST_GAP: Final = 300.0
"""Longest scrape interval that Prometheus can have without taking the series for gone. Longer gaps are outages."""
_GAPS: Final = 3


class History(msgspec.Struct, frozen=True):
    """The state of a node over time. Times are Unix times in seconds, by the exporter's clock."""

    mode: Mode | None = None
    since: float | None = None
    """Time of the first scrape that saw this mode."""
    changed: bool = False
    """Whether an earlier scrape saw another mode; else the node may have been in this one for longer."""
    active_until: float | None = None
    """Time of the scrape that first saw the node no longer active; None if it is active, or was not seen active."""
    storage: str = ""
    """Type of the storage, as the node last said it: a node without its storage does not say it."""

    def after(self, state: NodeState, now: float) -> "History":
        """Return the history with one more scrape."""
        mode = state.mode
        storage = (state.seal.storage_type if state.seal is not None else None) or self.storage
        if mode is self.mode:
            return self if storage == self.storage else msgspec.structs.replace(self, storage=storage)
        active_until = now if self.mode is Mode.ACTIVE else self.active_until
        return History(mode, now, self.mode is not None, None if mode is Mode.ACTIVE else active_until, storage)


class Cadence:
    """The interval at which others scrape a target, from the last scrapes. Two Prometheus servers may alternate."""

    def __init__(self) -> None:
        self._gaps: tuple[float, ...] = ()
        self._last: float | None = None

    @property
    def interval(self) -> float | None:
        """The longest recent gap between two scrapes, in seconds; None before the second scrape."""
        return max(self._gaps, default=None)

    def note(self, now: float) -> None:
        """Note a scrape at this time, in seconds."""
        if self._last is not None and _SHORTEST_GAP <= now - self._last <= _LONGEST_GAP:
            self._gaps = (*self._gaps, now - self._last)[-_GAPS:]
        self._last = now
