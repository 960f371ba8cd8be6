"""The generated dashboards: current, as Grafana's own schema has it, and as the field's lint rules want them."""

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

from dashboards import generate, panels, vault_overview
from dashboards.native import Native
from dashboards.normalise import normalise
from tests.pack.promql import KNOWN, TARGET_LABELS, nodes, selectors, unknown

ROOT: Final = Path(__file__).parents[2]
DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}

Json = dict[str, Any]

DASHBOARDS: Final = {path.stem: json.loads(path.read_text()) for path in sorted(generate.FOLDER.glob("*.json"))}
each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)


def _panels(dashboard: Json) -> list[Json]:
    """Every panel but the rows."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def _queries(dashboard: Json) -> Iterator[tuple[Json, Json]]:
    for panel in _panels(dashboard):
        for target in panel["targets"]:
            yield panel, target


# The file.


def test_committed_files_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0, capsys.readouterr().err


def test_check_says_what_is_not_current(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--folder", str(tmp_path)]) == 0
    file = tmp_path / "vault-overview.json"
    assert capsys.readouterr().out == f"wrote {file}\n"
    assert generate.main(["--folder", str(tmp_path), "--check"]) == 0
    assert generate.main(["--folder", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""

    file.write_text(file.read_text().replace("Goroutines", "Goroutine"))
    (tmp_path / "old.json").write_text("{}")
    assert generate.main(["--folder", str(tmp_path), "--check"]) == 1
    assert capsys.readouterr().err == (
        f"{file} is not what the code generates: run `make dashboards` and commit it\n"
        f"{tmp_path / 'old.json'} comes from no code: remove it\n"
    )


def test_normalise_leaves_its_argument_alone() -> None:
    plain = json.loads(json.dumps(vault_overview.dashboard().to_json_data(), cls=DashboardEncoder))
    before = json.dumps(plain)
    normalise(plain)
    assert json.dumps(plain) == before


def test_no_name_is_written_in_the_code() -> None:
    names = {name for name in KNOWN if name.startswith("vault_")}
    for path in (ROOT / "dashboards").glob("*.py"):
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
            elif value is not None:  # no id is the same as id null
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
    assert [variable["name"] for variable in others] == ["job", "cluster", "instance"]
    for variable in others:
        assert (variable["multi"], variable["includeAll"], variable["refresh"]) == (True, True, 2)
        assert variable["datasource"] == DATASOURCE
        assert variable["label"]
        metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()  # type: ignore[union-attr]
        assert label == variable["name"]
        assert not unknown(metric)
        # All matches every value; for the cluster also none, since that label is the operator's to set.
        assert variable["allValue"] == (".*" if label == "cluster" else ".+")


@each_dashboard
def test_panels(dashboard: Json) -> None:
    titles = [panel["title"] for panel in _panels(dashboard)]
    assert len(set(titles)) == len(titles)
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    for panel in _panels(dashboard):
        assert panel["type"] in {"stat", "timeseries", "state-timeline", "table", "text", "logs"}, panel["title"]
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"] == DATASOURCE
        assert panel["targets"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)


@each_dashboard
def test_layout(dashboard: Json) -> None:
    filled: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        columns, lines = (range(place[at], place[at] + place[size]) for at, size in (("x", "w"), ("y", "h")))
        cells = set(itertools.product(columns, lines))
        assert cells
        assert not filled & cells, panel["title"]
        filled |= cells
    height = max(line for _, line in filled) + 1
    assert filled == set(itertools.product(range(24), range(height))), "no overlap, no hole, 24 columns"


# Queries.


@each_dashboard
def test_queries_name_only_what_exists(dashboard: Json) -> None:
    for panel, target in _queries(dashboard):
        assert not unknown(target["expr"]), panel["title"]


@each_dashboard
def test_queries_use_the_variables(dashboard: Json) -> None:
    for panel, target in _queries(dashboard):
        assert target["datasource"] == DATASOURCE
        for selector in selectors(target["expr"]):
            used = {str(matcher) for matcher in selector.matchers.matchers}
            assert {'job=~"$job"', 'cluster=~"$cluster"', 'instance=~"$instance"'} <= used, panel["title"]


@each_dashboard
def test_rates_are_of_counters_over_the_rate_interval(dashboard: Json) -> None:
    for panel, target in _queries(dashboard):
        for called in re.findall(r"\b(?:rate|increase|irate)\((\w+)\{[^}]*\}\[([^\]]+)\]", target["expr"]):
            assert re.search(r"_(total|count|sum)$", called[0]), panel["title"]
            assert called[1] == "$__rate_interval", panel["title"]
        names = {selector.name or "" for selector in selectors(target["expr"])}
        if any(re.search(r"_(total|count|sum)$", name) for name in names):
            assert "rate(" in target["expr"], f"{panel['title']}: a bare counter"


@each_dashboard
def test_legends_use_labels_that_the_result_has(dashboard: Json) -> None:
    for panel, target in _queries(dashboard):
        labels = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"]))
        outer = re.match(r"\(?(?:sum|max|min|count) by \(([^)]*)\)", target["expr"])
        has = set(outer.group(1).split(", ")) if outer else set()
        assert labels <= has, panel["title"]
        assert target["legendFormat"]


@each_dashboard
def test_units_tell_the_truth(dashboard: Json) -> None:
    for panel, target in _queries(dashboard):
        names = {selector.name or "" for selector in selectors(target["expr"])}
        unit = panel["fieldConfig"]["defaults"]["unit"]
        assert (unit == "bytes") == any(name.endswith("_bytes") for name in names), panel["title"]
        if unit == "s":
            assert target["expr"].endswith("/ 1000"), f"{panel['title']}: Vault's summaries are milliseconds"
        if unit in {"ops", "reqps"}:
            assert "rate(" in target["expr"], panel["title"]


def test_memory_limit_is_the_alerts() -> None:
    rules = (ROOT / "alerts" / "rules" / "saturation.yml").read_text()
    assert f"> {vault_overview.MEMORY_LIMIT}\n" in rules
    (panel,) = (panel for panel in _panels(DASHBOARDS["vault-overview"]) if panel["title"] == "Memory")
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1] == {
        "color": "red",
        "value": vault_overview.MEMORY_LIMIT,
    }


def test_the_alerts_link_leads_to_the_dashboard() -> None:
    for path in (ROOT / "alerts" / "rules").glob("*.yml"):
        linked = set(re.findall(r"http://grafana/d/([\w-]+)", path.read_text()))
        assert linked <= set(DASHBOARDS)


def test_native_list_has_no_metric_that_nothing_names() -> None:
    used = {name for dashboard in DASHBOARDS.values() for _, target in _queries(dashboard) for name in _names(target)}
    text = "".join(path.read_text() for path in (ROOT / "alerts").glob("r*/*.*"))
    native = {name for name, labels in KNOWN.items() if labels == TARGET_LABELS} & _native()
    assert {name for name in native if name not in used and name not in text} == set()


def _names(target: Json) -> set[str]:
    return {selector.name or "" for selector in selectors(target["expr"])}


def _native() -> set[str]:
    from dashboards.native import METRICS  # noqa: PLC0415

    return {metric.name for metric in METRICS}


# Building blocks.


def test_select() -> None:
    metric = Native("x_total")
    assert panels.select(metric) == 'x_total{job=~"$job",cluster=~"$cluster",instance=~"$instance"}'
    assert panels.rate(metric, 'a="b"') == (
        'rate(x_total{a="b",job=~"$job",cluster=~"$cluster",instance=~"$instance"}[$__rate_interval])'
    )
    assert len(list(nodes(panels.rate(metric)))) == 3


def test_layout_refuses_lines_that_leave_a_hole() -> None:
    section = panels.Section("Five", [(4, [core.Stat(title=str(number)) for number in range(5)])])
    with pytest.raises(ValueError, match="Five: 5 panels do not share 24 columns evenly"):
        panels.layout([section])
