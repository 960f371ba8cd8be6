"""Places of panels on Grafana's grid."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafanalib import core

__all__ = ["WIDTH", "Line", "Section", "layout", "number"]

WIDTH: Final = 24
"""Columns of Grafana's grid."""
_NUMBERS: Final = 1_000_000

Line = tuple[int, Sequence[Any]] | tuple[int, Sequence[Any], Sequence[int]]
"""Height, panels side by side, and their widths; without those, all are as wide."""


@dataclass(frozen=True, slots=True)
class Section:
    """A titled row of the dashboard: lines of panels.

    ``collapsed`` is for what many deployments cannot feed: the title shows that it exists, and its queries are not sent
    until somebody opens it.
    """

    title: str
    lines: Sequence[Line]
    collapsed: bool = False


def layout(sections: Iterable[Section]) -> list[Any]:
    """Give every panel its place, from top to bottom and left to right, and a number that stays when others move.

    Raises:
        ValueError: the panels of a line do not share the 24 columns evenly, or two panels have the same number.
    """
    top, result = 0, []
    for section in sections:
        place = core.GridPos(h=1, w=WIDTH, x=0, y=top)
        row = core.RowPanel(
            title=section.title, id=number(f"row {section.title}"), gridPos=place, collapsed=section.collapsed
        )
        panels = list(_placed(section, top + 1))
        result.append(row)
        if section.collapsed:
            # Grafana makes the room when the row is opened: what follows stands right below its title.
            row.panels, top = panels, top + 1
        else:
            result += panels
            top += 1 + sum(line[0] for line in section.lines)
    _check_numbers(result)
    return result


def number(title: str) -> int:
    """Return the number of the panel with this title, so that links to a panel keep when others come and go."""
    return zlib.crc32(title.encode()) % _NUMBERS + 1


def _check_numbers(panels: Iterable[Any]) -> None:
    titles: dict[int, str] = {}
    for panel in (inner for outer in panels for inner in (outer, *getattr(outer, "panels", ()))):
        other = titles.setdefault(panel.id, panel.title)
        if other != panel.title:
            raise ValueError(f"{panel.title} and {other} have the same number {panel.id}: rename one")


def _placed(section: Section, top: int) -> Iterator[Any]:
    for line in section.lines:
        height, panels = line[0], line[1]
        column = 0
        for panel, width in zip(panels, _widths(section, line), strict=True):
            panel.id = number(panel.title)
            panel.gridPos = core.GridPos(h=height, w=width, x=column, y=top)
            column += width
            yield panel
        top += height


def _widths(section: Section, line: Line) -> Sequence[int]:
    match line:
        case (_, _, widths):
            if sum(widths) != WIDTH:
                raise ValueError(f"{section.title}: panels of {widths} columns do not fill {WIDTH}")
            return widths
    width, rest = divmod(WIDTH, len(line[1]))
    if rest:
        raise ValueError(f"{section.title}: {len(line[1])} panels do not share {WIDTH} columns evenly")
    return [width] * len(line[1])
