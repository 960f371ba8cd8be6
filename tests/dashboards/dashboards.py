"""The committed dashboards, and what is in them."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from dashboards import generate

Json = dict[str, Any]

DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
DASHBOARDS: Final = {path.stem: json.loads(path.read_text()) for path in sorted(generate.FOLDER.glob("*.json"))}

each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)


def panels(dashboard: Json) -> list[Json]:
    """Every panel but the rows; those of collapsed rows, too."""
    every = [inner for panel in dashboard["panels"] for inner in (panel, *panel.get("panels", ()))]
    return [panel for panel in every if panel["type"] != "row"]


def queries(dashboard: Json) -> Iterator[tuple[Json, Json]]:
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            yield panel, target
