"""Colours and thresholds, the same everywhere."""

from collections.abc import Sequence
from typing import Any, Final

__all__ = [
    "ACTIVE",
    "BAD",
    "DATASOURCE",
    "DOWN",
    "GOOD",
    "NEUTRAL",
    "SEALED",
    "STANDBY",
    "STATES",
    "WARN",
    "colored",
    "link",
    "mapping",
    "painted",
    "step",
]

DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}

ACTIVE: Final = "green"
STANDBY: Final = "blue"
SEALED: Final = "orange"
DOWN: Final = "red"
GOOD: Final = ACTIVE
WARN: Final = SEALED
BAD: Final = DOWN
NEUTRAL: Final = "text"

STATES: Final = (("Down", DOWN), ("Sealed", SEALED), ("Standby", STANDBY), ("Active", ACTIVE))
"""Name and colour of a node's state, by its number."""

_SAME_VIEW: Final = "${datasource:queryparam}&${job:queryparam}&${cluster:queryparam}&${__url_time_range}"


def step(color: str, start: float | None = None) -> dict[str, Any]:
    """Return one step of thresholds: the colour from ``start`` on; the first step has no start."""
    return {"color": color, "value": start}


def mapping(states: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Show the values 0, 1, 2, and so on as names in colours."""
    options = {str(value): {"color": color, "index": value, "text": name} for value, (name, color) in enumerate(states)}
    return {"type": "value", "options": options}


def colored(name: str, *steps: dict[str, Any]) -> dict[str, Any]:
    """Give the field of that name thresholds of its own."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": "thresholds", "value": {"mode": "absolute", "steps": list(steps)}}],
    }


def painted(pattern: str, color: str) -> dict[str, Any]:
    """Draw the series whose names match a regular expression in one colour."""
    return {
        "matcher": {"id": "byRegexp", "options": f"/{pattern}/"},
        "properties": [{"id": "color", "value": {"fixedColor": color, "mode": "fixed"}}],
    }


def link(title: str, uid: str, instance: str = "") -> dict[str, Any]:
    """Link to another dashboard for the same time and choice; ``instance`` is a template of the one to show there."""
    narrowed = f"&var-instance={instance}" if instance else "&${instance:queryparam}"
    return {"title": title, "url": f"/d/{uid}?{_SAME_VIEW}{narrowed}", "targetBlank": False}
