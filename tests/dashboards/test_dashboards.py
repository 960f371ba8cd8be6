"""The generated dashboards: current, as Grafana's own schema has it, and laid out for people."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from grafanalib import core
from grafanalib._gen import DashboardEncoder

from dashboards import generate, vault_overview
from dashboards.layout import Section, layout
from dashboards.normalise import normalise
from tests.alerts.promql import KNOWN, result_labels, unknown
from tests.dashboards.dashboards import DASHBOARDS, DATASOURCE, Json, each_dashboard, panels

ROOT: Final = Path(__file__).parents[2]

FIRST_SCREEN: Final = 26
"""Rows of the grid that 1920 by 1080 points show."""
ANNOTATION_KEYS: Final = {"titleFormat", "textFormat", "useValueForTime"}
"""What the data source makes of an annotation query; Grafana's schema of a dashboard leaves that to it."""
CONFIGURED: Final = [
    "Secrets, backups and canary",
    "PKI and credentials",
    "Vault Enterprise: license and replication",
]
SHAPES: Final = {"stat", "timeseries", "state-timeline", "table"}
"""Types of panels whose shape in today's Grafana normalise() knows."""


# The file.


def test_committed_files_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0, capsys.readouterr().err


def test_check_says_what_is_not_current(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--folder", str(tmp_path)]) == 0
    file = tmp_path / "vault-overview.json"
    assert capsys.readouterr().out.splitlines() == [f"wrote {tmp_path / uid}.json" for uid in generate.DASHBOARDS]
    assert generate.main(["--folder", str(tmp_path), "--check"]) == 0
    assert generate.main(["--folder", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""

    file.write_text(file.read_text().replace("Goroutines", "Goroutine"))
    (tmp_path / "old.json").write_text("{}")
    assert generate.main(["--folder", str(tmp_path), "--check"]) == 1
    assert capsys.readouterr().err == (
        f"{file} is not what the code generates: run `make generate` and commit it\n"
        f"{tmp_path / 'old.json'} comes from no code: remove it\n"
    )


def test_normalise_leaves_its_argument_alone() -> None:
    plain = json.loads(json.dumps(vault_overview.overview().to_json_data(), cls=DashboardEncoder))
    before = json.dumps(plain)
    normalise(plain)
    assert json.dumps(plain) == before


def test_no_name_is_written_in_the_code() -> None:
    names = {name for name in KNOWN if name.startswith("vault_")}
    for path in (ROOT / "dashboards").rglob("*.py"):
        written = {name for name in re.findall(r"\bvault_\w+", path.read_text()) if name in names}
        assert not written or path.name == "native.py", path.name


@each_dashboard
def test_grafanas_own_schema_reads_all_of_it(dashboard: Json) -> None:
    plugins.register_default_plugins()
    read = json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))
    assert list(_lost(dashboard, read, "")) == []


def _lost(written: Any, read: Any, place: str) -> Iterator[str]:
    if isinstance(written, dict) and isinstance(read, dict):
        for key, value in written.items():
            if key in read:
                yield from _lost(value, read[key], f"{place}.{key}")
            elif value is not None and key not in ANNOTATION_KEYS:  # no id is the same as id null
                yield f"{place}.{key}: lost"
    elif isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        for number, (value, other) in enumerate(zip(written, read, strict=True)):
            yield from _lost(value, other, f"{place}[{number}]")
    elif written != read:
        yield f"{place}: {written!r} was read as {read!r}"


def test_a_key_that_grafana_does_not_know_is_noticed() -> None:
    assert list(_lost({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {}]}}, "")) == [".a.b[1].c: lost"]


# What Grafana asks of a dashboard.


@each_dashboard
def test_imports_by_ui_and_by_file(dashboard: Json) -> None:
    assert dashboard["id"] is None
    assert dashboard["uid"] in generate.DASHBOARDS
    assert dashboard["editable"] is False
    assert dashboard["schemaVersion"] == 39
    assert dashboard["title"]
    assert dashboard["description"]
    assert {"__inputs", "__requires", "rows", "style", "hideControls", "sharedCrosshair"}.isdisjoint(dashboard)
    assert "${DS_" not in json.dumps(dashboard)


@each_dashboard
def test_variables(dashboard: Json) -> None:
    source, *others = dashboard["templating"]["list"]
    assert (source["name"], source["label"], source["type"]) == ("datasource", "Data source", "datasource")
    assert source["query"] == "prometheus"
    names = ["job", "cluster", "instance"]
    if dashboard["uid"] in {"vault-overview", "vault-audit"}:
        names.append("vault_namespace")
    assert [variable["name"] for variable in others] == names
    for variable in others:
        assert (variable["multi"], variable["includeAll"], variable["refresh"]) == (True, True, 2)
        assert variable["datasource"] == DATASOURCE
        assert variable["label"]
        series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()  # type: ignore[union-attr]
        assert label == variable["name"]
        several = re.search(r'__name__=~"([^"]+)"', series)
        named = [several.group(1)] if several else [re.split(r"\{", series)[0]]
        assert not any(unknown(name) for name in named[0].split("|"))
        # All matches every value; for the cluster also none, since that label is the operator's to set, and for the
        # namespace since the root has no name.
        assert variable["allValue"] == (".*" if label in {"cluster", "vault_namespace"} else ".+")


def test_every_dashboard_can_be_reached() -> None:
    for dashboard in DASHBOARDS.values():
        (link,) = dashboard["links"]
        assert (link["type"], link["includeVars"], link["keepTime"]) == ("dashboards", True, True)
        assert all(set(link["tags"]) <= set(other["tags"]) for other in DASHBOARDS.values())
        for uid in re.findall(r'"url": "/d/([\w-]+)', json.dumps(dashboard)):
            assert uid in DASHBOARDS


@each_dashboard
def test_annotations(dashboard: Json) -> None:
    alerts, leadership = dashboard["annotations"]["list"]
    assert (alerts["name"], alerts["iconColor"]) == ("Alerts", "red")
    assert 'alertstate="firing"' in alerts["expr"]
    assert (leadership["name"], leadership["useValueForTime"]) == ("Leadership", True)
    assert leadership["expr"].endswith("* 1000")
    for annotation in (alerts, leadership):
        assert annotation["datasource"] == DATASOURCE
        labels = set(re.findall(r"\{\{(\w+)\}\}", annotation["titleFormat"] + annotation["textFormat"]))
        assert labels <= result_labels(annotation["expr"]) | {"instance"}


@each_dashboard
def test_panels(dashboard: Json) -> None:
    titles = [panel["title"] for panel in panels(dashboard)]
    assert len(set(titles)) == len(titles)
    numbers = [panel["id"] for panel in [*dashboard["panels"], *panels(dashboard)] if panel["type"] != "row"]
    assert len(set(numbers)) == len(titles)
    for panel in panels(dashboard):
        assert panel["type"] in SHAPES, panel["title"]
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"], panel["title"]
        assert defaults["thresholds"]["steps"][0]["value"] is None, panel["title"]
        assert panel["datasource"] == DATASOURCE
        assert panel["targets"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
        if panel["type"] == "timeseries":
            assert panel["options"]["legend"]["calcs"] == ["lastNotNull", "max"]
            assert panel["options"]["legend"]["showLegend"] is True


@each_dashboard
def test_a_state_has_one_colour(dashboard: Json) -> None:
    meaning = {"Active": "green", "Standby": "blue", "Sealed": "orange", "Down": "red"}
    text = json.dumps(dashboard)
    shown = re.findall(r'\{"color": "(\w+)", "index": \d, "text": "(\w+)"\}', text)
    assert all(color == meaning[name] for color, name in shown if name in meaning)
    colors = set(re.findall(r'"(?:color|fixedColor)": "([\w-]+)"', text))
    assert colors <= {*meaning.values(), "text"}


@each_dashboard
def test_layout(dashboard: Json) -> None:
    assert covered(dashboard["panels"], 0)
    for row in dashboard["panels"]:
        if row.get("panels"):
            assert row["collapsed"] is True
            assert covered(row["panels"], row["gridPos"]["y"] + 1), row["title"]


def covered(places: list[Json], top: int) -> bool:
    """Whether panels share all 24 columns from a line on, without an overlap or a hole."""
    filled: set[tuple[int, int]] = set()
    for panel in places:
        place = panel["gridPos"]
        columns, lines = (range(place[at], place[at] + place[size]) for at, size in (("x", "w"), ("y", "h")))
        cells = set(itertools.product(columns, lines))
        assert cells
        assert not filled & cells, panel["title"]
        filled |= cells
    return filled == set(itertools.product(range(24), range(top, max(line for _, line in filled) + 1)))


def test_the_first_screen_says_whether_vault_is_all_right_and_where_it_is_not() -> None:
    seen = {
        panel["title"]
        for panel in DASHBOARDS["vault-overview"]["panels"]
        if panel["gridPos"]["y"] + panel["gridPos"]["h"] <= FIRST_SCREEN
    }
    whether = {"Nodes", "Seals", "Active node", "Firing alerts", "Request rate", "Failed requests", "Latency p99"}
    soon = {"Nodes that may fail", "Barrier key age", "Backup age", "Certificate expires in"}
    where = {"Why down", "State of each node", "Members", "Alerts that fire", "Questions that fail"}
    assert whether | soon | where <= seen


@pytest.mark.parametrize(
    ("uid", "collapsed"),
    [
        ("vault-overview", ["PostgreSQL storage", "Raft storage", *CONFIGURED]),
        ("vault-storage", ["PostgreSQL storage", "Raft storage", *CONFIGURED]),
        ("vault-node", []),
        ("vault-audit", ["Who asks for what", "Entries over the network"]),
        ("vault-exporter", ["Discovery"]),
    ],
)
def test_what_not_every_deployment_has_is_collapsed(uid: str, collapsed: list[str]) -> None:
    rows = [row for row in DASHBOARDS[uid]["panels"] if row["type"] == "row"]
    assert [row["title"] for row in rows if row["collapsed"]] == collapsed


def test_layout_refuses_lines_that_leave_a_hole() -> None:
    section = Section("Five", [(4, [core.Stat(title=str(number)) for number in range(5)])])
    with pytest.raises(ValueError, match="Five: 5 panels do not share 24 columns evenly"):
        layout([section])
