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
    "SEVERITIES",
    "STANDBY",
    "STATES",
    "WARN",
    "colored",
    "link",
    "mapping",
    "nothing",
    "painted",
    "step",
]

DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}

# The colour-blind can tell these four apart, in Grafana's dark and light themes; `make pictures` measures it. Plain
# green and red are too close.
ACTIVE: Final = "light-green"
STANDBY: Final = "blue"
SEALED: Final = "orange"
DOWN: Final = "semi-dark-red"
GOOD: Final = ACTIVE
WARN: Final = SEALED
BAD: Final = DOWN
NEUTRAL: Final = "text"

STATES: Final = (("Down", DOWN), ("Sealed", SEALED), ("Standby", STANDBY), ("Active", ACTIVE))
"""Name and colour of a node's state, by its number."""
SEVERITIES: Final = (("info", NEUTRAL), ("warning", WARN), ("critical", BAD))
"""Name and colour of an alert's severity, by its rank."""

_SAME_VIEW: Final = "${datasource:queryparam}&${job:queryparam}&${cluster:queryparam}&${__url_time_range}"


def step(color: str, start: float | None = None) -> dict[str, Any]:
    """Return one step of thresholds: the colour from ``start`` on; the first step has no start."""
    return {"color": color, "value": start}


def mapping(states: Sequence[tuple[str, str]], first: int = 0) -> dict[str, Any]:
    """Show the values from ``first`` on as names in colours."""
    options = {str(first + at): {"color": color, "index": at, "text": name} for at, (name, color) in enumerate(states)}
    return {"type": "value", "options": options}


def nothing(text: str, color: str = NEUTRAL) -> dict[str, Any]:
    """Show no value, or NaN, as this text in this colour, whatever the thresholds say of numbers."""
    result = {"color": color, "index": 99, "text": text}
    return {"type": "special", "options": {"match": "null+nan", "result": result}}


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
