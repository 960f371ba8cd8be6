"""Places of panels on Grafana's grid."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafanalib import core

__all__ = ["WIDTH", "Line", "Section", "layout"]

WIDTH: Final = 24
"""Columns of Grafana's grid."""

Line = tuple[int, Sequence[Any]]
"""Panels side by side with equal widths, and their height."""


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
    """Give every panel its place and number, from top to bottom and left to right.

    Raises:
        ValueError: the panels of a line do not share the 24 columns evenly.
    """
    numbers, top, result = itertools.count(1), 0, []
    for section in sections:
        place = core.GridPos(h=1, w=WIDTH, x=0, y=top)
        row = core.RowPanel(title=section.title, id=next(numbers), gridPos=place, collapsed=section.collapsed)
        panels = list(_placed(section, top + 1, numbers))
        result.append(row)
        if section.collapsed:
            # Grafana makes the room when the row is opened: what follows stands right below its title.
            row.panels, top = panels, top + 1
        else:
            result += panels
            top += 1 + sum(height for height, _ in section.lines)
    return result


def _placed(section: Section, top: int, numbers: Iterator[int]) -> Iterator[Any]:
    for height, panels in section.lines:
        width, rest = divmod(WIDTH, len(panels))
        if rest:
            raise ValueError(f"{section.title}: {len(panels)} panels do not share {WIDTH} columns evenly")
        for column, panel in enumerate(panels):
            panel.id = next(numbers)
            panel.gridPos = core.GridPos(h=height, w=width, x=column * width, y=top)
            yield panel
        top += height
