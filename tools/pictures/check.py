"""What must hold of a picture, from the report that the page makes while it draws."""

from collections.abc import Iterator
from typing import Any, Final

from dashboards import style

__all__ = ["problems"]

Json = dict[str, Any]

APART: Final = 20
"""Smallest CIE76 distance of the colours of two states, for everybody's eyes. From about 10 on, colours look different
side by side."""

_SERVES, _DARK = ("serves", style.GOOD), ("no active node", style.BAD)
_EXPECTED: Final[dict[str, list[tuple[str, str, str | None]]]] = {
    "healthy": [("Serving", *_SERVES), ("Nodes", "0", style.GOOD), ("Members", "Active", style.ACTIVE)],
    "one-down": [
        ("Serving", *_SERVES),
        ("Nodes", "1", style.DOWN),
        ("Members", "Down", style.DOWN),
        ("Members", "refused: nothing listens", None),
        ("Alerts", "critical", style.BAD),
    ],
    "all-sealed": [
        ("Serving", *_DARK),
        ("Nodes", "3", style.SEALED),
        ("Members", "Sealed", style.SEALED),
        ("Failure tolerance", "0", style.BAD),
    ],
    "one-sealed": [
        ("Serving", *_SERVES),
        ("Failure tolerance", "0", style.BAD),
        ("Members", "Sealed", style.SEALED),
        ("Members", "Down", style.DOWN),
    ],
    "no-active": [("Serving", *_DARK), ("Members", "Down", style.DOWN), ("Members", "Standby", style.STANDBY)],
    "storage-gone": [("Serving", *_DARK), ("Members", "storage out of reach", None), ("Nodes", "3", style.DOWN)],
    "every-kind": [("Serving", *_SERVES)],
    "empty": [
        ("Serving", "no targets", style.BAD),
        ("Nodes", "no targets", style.BAD),
        ("Error rate", "no requests", style.NEUTRAL),
    ],
}
"""Per scene, what the overview must show: panel, text, and its colour unless that does not matter."""


def problems(scene: str, report: Json) -> list[str]:
    """Return what is wrong with a picture."""
    return list(_problems(scene, report))


def _problems(scene: str, report: Json) -> Iterator[str]:
    if "fatal" in report:
        yield str(report["fatal"])
        return
    for one in report["problems"]:
        yield f"{one['panel']}: {one['problem']}"
    # On a phone a table scrolls sideways: its first columns say the most.
    always = (": title", ": value on its sparkline")
    yield from sorted({cut for cut in report["cut"] if "-390-" not in report["name"] or cut.endswith(always)})
    closest = report["colors"]
    if closest["distance"] < APART:
        yield f"colours of {closest['pair']} are {closest['distance']} apart with {closest['vision']}"
    for title, panel in report["panels"].items():
        if panel["type"] == "stat" and not all(value["text"].strip() for value in panel["values"]):
            yield f"{title}: an empty value"
    if "overview" in report["name"]:
        yield from _missing(scene, report)


def _missing(scene: str, report: Json) -> Iterator[str]:
    for title, text, color in _EXPECTED[scene]:
        values = report["panels"].get(title, {"values": []})["values"]
        shown = [(value["text"], report["names"].get(value["color"], style.NEUTRAL)) for value in values]
        if not any(text == said and color in {None, painted} for said, painted in shown):
            yield f"{title}: {text} in {color} is not among {sorted(set(shown))}"
