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
SINCE_10_3: Final = {"wideLayout"}
"""Options that Grafana 10.4 has and the SDK, of 10.1, does not know. `make pictures` asks Grafana's own schemas."""
CONFIGURED: Final = [
    "Secrets, backups and canary",
    "PKI and credentials",
    "Vault Enterprise: license and replication",
]
SHAPES: Final = {"stat", "timeseries", "state-timeline", "table", "text"}
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

    file.write_text(file.read_text().replace("Members", "Nodes"))
    (tmp_path / "old.json").write_text("{}")
    assert generate.main(["--folder", str(tmp_path), "--check"]) == 1
    assert capsys.readouterr().err == (
        f"{file} is not what the code generates: run `make generate` and commit it\n"
        f"{tmp_path / 'old.json'} comes from no code: remove it\n"
    )


def written_by_grafanalib() -> Json:
    plain: Json = json.loads(json.dumps(vault_overview.overview().to_json_data(), cls=DashboardEncoder))
    return plain


def test_normalise_leaves_its_argument_alone() -> None:
    plain = written_by_grafanalib()
    before = json.dumps(plain)
    normalise(plain)
    assert json.dumps(plain) == before


def first_panel(dashboard: Json, kind: str) -> Json:
    return next(panel for panel in panels(dashboard) if panel["type"] == kind)


@pytest.mark.parametrize(
    ("key", "value"), [("repeat", "instance"), ("interval", "30s"), ("maxDataPoints", 500), ("timeFrom", "2h")]
)
def test_normalise_passes_settings_that_grafana_knows(key: str, value: object) -> None:
    plain = written_by_grafanalib()
    first_panel(plain, "stat")[key] = value
    assert first_panel(normalise(plain), "stat")[key] == value


def test_normalise_passes_the_order_of_a_table() -> None:
    table = first_panel(normalise(written_by_grafanalib()), "table")
    assert table["options"]["sortBy"] == [{"desc": True, "displayName": "Severity"}]
    assert "footer" not in table["options"]


@pytest.mark.parametrize(("key", "value"), [("libraryPanel", {"uid": "x"}), ("editable", False), ("fontSize", "80%")])
def test_normalise_refuses_settings_that_it_would_lose(key: str, value: object) -> None:
    plain = written_by_grafanalib()
    first_panel(plain, "table")[key] = value
    with pytest.raises(ValueError, match=f"Alerts: normalise\\(\\) does not know {key}="):
        normalise(plain)


def test_normalise_refuses_settings_of_queries_that_it_would_lose() -> None:
    plain = written_by_grafanalib()
    first_panel(plain, "stat")["targets"][0]["intervalFactor"] = 10
    with pytest.raises(ValueError, match="A: normalise"):
        normalise(plain)


def test_normalise_refuses_settings_around_panels_that_it_would_lose() -> None:
    for place, key, value, said in (
        ([], "timepicker", {"hidden": True}, "Vault / Overview"),
        ([], "panelsOf", "another", "Vault / Overview"),
        (["templating", "list", 0], "allValue", ".+", "datasource"),
        (["templating", "list", 1], "useTags", True, "job"),
        (["panels", 0], "height", "250px", "Now"),
    ):
        plain = written_by_grafanalib()
        inner: Any = plain
        for step in place:
            inner = inner[step]
        inner[key] = value
        with pytest.raises(ValueError, match=f"{said}: normalise\\(\\) does not know {key}="):
            normalise(plain)


def test_normalise_refuses_settings_of_a_tables_cells_that_it_would_lose() -> None:
    plain = written_by_grafanalib()
    first_panel(plain, "table")["fieldConfig"]["defaults"]["custom"]["displayMode"] = "gauge"
    with pytest.raises(ValueError, match="displayMode='gauge'"):
        normalise(plain)


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
            elif value is not None and key not in ANNOTATION_KEYS | SINCE_10_3:  # no id is the same as id null
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
    if dashboard["uid"] == "vault-overview":
        *others, runbooks = others
        assert (runbooks["name"], runbooks["type"], runbooks["query"]) == (
            *("runbooks", "textbox"),
            "http://vault-exporter:9410/runbooks",
        )
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
    assert (alerts["name"], alerts["iconColor"]) == ("Alerts", "semi-dark-red")
    # What always fires, or only informs, would colour every graph for ever.
    assert {'alertstate="firing"', 'alertname!="VaultWatchdog"', 'severity=~"critical|warning"'} <= set(
        re.findall(r'\w+[!=~]+"[^"]*"', alerts["expr"])
    )
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
        if panel["type"] == "text":
            continue
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
            assert panel["options"]["legend"]["sortBy"] == "Last *"
            assert panel["options"]["legend"]["sortDesc"] is True
            assert defaults["color"] == {"mode": "palette-classic-by-name"}


@each_dashboard
def test_nothing_has_a_text_and_a_colour_of_its_own(dashboard: Json) -> None:
    for panel in panels(dashboard):
        if panel["type"] != "stat":
            continue
        defaults = panel["fieldConfig"]["defaults"]
        (nothing,) = (one["options"] for one in defaults["mappings"] if one["type"] == "special")
        assert nothing["match"] == "null+nan"
        assert nothing["result"]["text"] == defaults["noValue"]
        assert nothing["result"]["color"] in {"text", "orange", "semi-dark-red"}, panel["title"]
        assert panel["options"]["textMode"] != "name", f"{panel['title']}: nothing would be an empty title"


@each_dashboard
def test_a_sparkline_shows_no_old_value(dashboard: Json) -> None:
    for panel in panels(dashboard):
        if panel["type"] == "stat" and panel["options"]["graphMode"] != "none":
            assert panel["options"]["reduceOptions"]["calcs"] == ["last"]
            assert all(target["expr"].endswith(" or vector(NaN)") for target in panel["targets"]), panel["title"]


def test_headlines_lead_to_the_dashboard_that_says_more() -> None:
    headlines = [panel for panel in panels(DASHBOARDS["vault-overview"]) if panel["type"] == "stat"]
    alone = {panel["title"] for panel in headlines if not panel["fieldConfig"]["defaults"].get("links")}
    # Alerts stand below it, and leases are in the dashboard that the row's others lead to.
    assert alone == {"Firing alerts", "Irrevocable leases", "Service tokens"}


def test_numbers_of_panels_come_from_their_titles() -> None:
    def numbers(title: str) -> dict[str, int]:
        section = Section("Row", [(4, [core.Stat(title=title), core.Stat(title="Stays")])])
        return {panel.title: panel.id for panel in layout([section])}

    assert numbers("One")["Stays"] == numbers("Other")["Stays"]
    assert numbers("One")["One"] != numbers("Other")["Other"]


@each_dashboard
def test_each_says_how_to_read_it(dashboard: Json) -> None:
    row = dashboard["panels"][-1]
    (guide,) = row["panels"]
    assert (row["title"], guide["type"], guide["options"]["mode"]) == ("How to read this", "text", "markdown")
    # It names panels and rows as they are.
    named = set(re.findall(r"(?<![*])\*([^*]+)\*(?![*])", guide["options"]["content"].replace("\n", " ")))
    titles = {panel["title"] for panel in [*dashboard["panels"], *panels(dashboard)]}
    others = {variable["label"] for variable in dashboard["templating"]["list"]}
    columns = {"Why down"} | {"internal", "sealed", "read_only_standby"}
    assert named <= titles | others | columns


@each_dashboard
def test_a_state_has_one_colour(dashboard: Json) -> None:
    meaning = {"Active": "light-green", "Standby": "blue", "Sealed": "orange", "Down": "semi-dark-red"}
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
    whether = {"Serving", "Nodes", "Firing alerts", "Requests", "Error rate", "Latency p99", "SLO budget"}
    where = {"Alerts", "Members", "State of each node"}
    assert whether | where <= seen


def test_the_overview_is_short_and_ordered_for_an_incident() -> None:
    overview = DASHBOARDS["vault-overview"]
    assert len(panels(overview)) <= 42
    assert [row["title"] for row in overview["panels"] if row["type"] == "row"] == [
        *("Now", "Traffic and errors", "Needs attention soon"),
        *("Storage and leases", "Security", "Processes", "How to read this"),
    ]


@pytest.mark.parametrize(
    ("uid", "collapsed"),
    [
        ("vault-overview", ["Storage and leases", "Security", "Processes"]),
        ("vault-storage", ["PostgreSQL storage", "Raft storage", *CONFIGURED]),
        ("vault-node", []),
        ("vault-audit", ["Who asks for what", "Entries over the network"]),
        ("vault-exporter", ["Discovery"]),
        ("vault-agents", []),
    ],
)
def test_what_not_every_deployment_has_is_collapsed(uid: str, collapsed: list[str]) -> None:
    rows = [row for row in DASHBOARDS[uid]["panels"] if row["type"] == "row"]
    assert [row["title"] for row in rows if row["collapsed"]] == [*collapsed, "How to read this"]


def test_layout_refuses_lines_that_leave_a_hole() -> None:
    section = Section("Five", [(4, [core.Stat(title=str(number)) for number in range(5)])])
    with pytest.raises(ValueError, match="Five: 5 panels do not share 24 columns evenly"):
        layout([section])
    section = Section("Two", [(4, [core.Stat(title="1"), core.Stat(title="2")], (10, 13))])
    with pytest.raises(ValueError, match=r"Two: panels of \(10, 13\) columns do not fill 24"):
        layout([section])
