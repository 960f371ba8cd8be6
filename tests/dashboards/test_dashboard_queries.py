"""The queries of the dashboards: they name what exists, use the variables, and show what their unit and legend say."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import promql_parser
import pytest

from dashboards import native
from dashboards import queries as q
from dashboards.native import METRICS, Native
from dashboards.sections import runtime, slo
from tests.alerts.promql import COUNTERS, nodes, result_labels, selectors, unknown
from tests.dashboards.dashboards import DASHBOARDS, DATASOURCE, Json, each_dashboard, panels, queries
from vault_exporter.metrics import catalogue as c

ROOT: Final = Path(__file__).parents[2]

GROWTH: Final = {"rate", "increase"}
UNITS: Final = {
    "short", "none", "s", "percentunit", "bytes", "Bps", "ops", "reqps", "dateTimeFromNow",
}  # fmt: skip


def matchers(selector: promql_parser.VectorSelector) -> set[str]:
    return {str(matcher) for matcher in selector.matchers.matchers}


def annotations(dashboard: Json) -> list[str]:
    return [annotation["expr"] for annotation in dashboard["annotations"]["list"]]


@each_dashboard
def test_name_only_what_exists(dashboard: Json) -> None:
    for panel, target in queries(dashboard):
        assert not unknown(target["expr"]), panel["title"]
    for expr in annotations(dashboard):
        assert not unknown(expr)


@each_dashboard
def test_use_the_variables(dashboard: Json) -> None:
    for panel, target in queries(dashboard):
        assert target["datasource"] == DATASOURCE
        for selector in selectors(target["expr"]):
            if selector.name in {"ALERTS", "ALERTS_FOR_STATE"}:
                # An alert has the labels of its rule: always a cluster, but not always a job and an instance.
                ours = {'cluster=~"$cluster"', 'alertname=~"Vault.+"', 'alertname!="VaultWatchdog"'}
                # The watchdog is about Prometheus, so its cluster need not be one of Vault's.
                assert ours <= matchers(selector) or 'alertname="VaultWatchdog"' in matchers(selector)
                continue
            assert {'job=~"$job"', 'cluster=~"$cluster"', 'instance=~"$instance"'} <= matchers(selector), panel["title"]
            names = {variable["name"] for variable in dashboard["templating"]["list"]}
            assert ("$vault_namespace" in target["expr"]) <= ("vault_namespace" in names), panel["title"]


def growing(expr: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the window of everything that a rate or an increase is taken of."""
    # The parser saw 5m for each of Grafana's variables, so the window is read off the text.
    for _, name, window in re.findall(r"\b(rate|increase)\((\w+)\{[^}]*\}\[([^\]]+)\]\)", expr):
        yield name, window


@each_dashboard
def test_counters_are_seen_by_their_growth_and_nothing_else_is(dashboard: Json) -> None:
    for panel, target in queries(dashboard):
        windows = list(growing(target["expr"]))
        calls = [node for node in nodes(target["expr"]) if isinstance(node, promql_parser.Call)]
        assert len(windows) == sum(call.func.name in GROWTH for call in calls), panel["title"]
        named = [selector.name for selector in selectors(target["expr"]) if selector.name in COUNTERS]
        assert sorted(named) == sorted(name for name, _ in windows), f"{panel['title']}: a bare counter, or no counter"


@each_dashboard
def test_rates_are_over_a_window_that_suits_the_panel(dashboard: Json) -> None:
    for panel, target in queries(dashboard):
        windows = {window for _, window in growing(target["expr"])}
        allowed = {"$__rate_interval"}
        if panel["title"] == "Burn rate":
            allowed = set(slo.BURN_WINDOWS)  # these windows are what a burn rate is
        elif panel["type"] in {"stat", "table"}:
            allowed = {"5m", "$__range"}  # one number is of now or of the time shown, not of the graph's resolution
        assert windows <= allowed, panel["title"]


@each_dashboard
def test_legends_use_labels_that_the_result_has(dashboard: Json) -> None:
    for panel, target in queries(dashboard):
        labels = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"]))
        assert labels <= result_labels(target["expr"]), panel["title"]
        assert target["legendFormat"] or panel["type"] == "table", panel["title"]


@each_dashboard
def test_legends_of_a_panel_differ(dashboard: Json) -> None:
    for panel in panels(dashboard):
        if panel["type"] not in {"table", "text"}:
            legends = [target["legendFormat"] for target in panel["targets"]]
            assert len(set(legends)) == len(legends), panel["title"]


@each_dashboard
def test_tables_show_columns_that_their_results_have(dashboard: Json) -> None:
    for panel in panels(dashboard):
        if panel["type"] != "table":
            continue
        has = set().union(*(result_labels(target["expr"]) for target in panel["targets"]))
        has |= {f"Value #{target['refId']}" for target in panel["targets"]} if len(panel["targets"]) > 1 else {"Value"}
        merge, keep, arrange = panel["transformations"]
        assert merge["id"] == "merge"
        shown = keep["options"]["include"]["names"]
        assert set(shown) <= has, panel["title"]
        assert sorted(shown, key=arrange["options"]["indexByName"].__getitem__) == shown
        assert set(arrange["options"]["renameByName"]) == set(shown)
        heads = set(arrange["options"]["renameByName"].values())
        assert {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]} <= heads
        assert {target["format"] for target in panel["targets"]} == {"table"}


def unit_of(panel: Json, target: Json) -> str:
    """The unit of the panel, or, of a table, of the column."""
    unit: str = panel["fieldConfig"]["defaults"]["unit"]
    if panel["type"] == "table":
        value = "Value" if len(panel["targets"]) == 1 else f"Value #{target['refId']}"
        head = panel["transformations"][2]["options"]["renameByName"].get(value)
        for override in panel["fieldConfig"]["overrides"]:
            if override["matcher"]["options"] == head:
                unit = {one["id"]: one["value"] for one in override["properties"]}.get("unit", unit)
    return unit


@each_dashboard
def test_units_tell_the_truth(dashboard: Json) -> None:
    for panel, target in queries(dashboard):
        expr, unit = target["expr"], unit_of(panel, target)
        assert unit in UNITS, panel["title"]
        names = {selector.name or "" for selector in selectors(expr)}
        assert all(unit in {"bytes", "percentunit"} for name in names if name.endswith("_bytes")), panel["title"]
        if unit in {"bytes", "Bps"}:
            assert all(name.endswith(("_bytes", "_bytes_total")) for name in names), panel["title"]
        if unit == "s":
            milliseconds = any(
                re.fullmatch(r"vault_(?!audit_request|exporter|go)\w+_(sum|ms_bucket)", name) for name in names
            )
            assert milliseconds == expr.endswith("/ 1000"), f"{panel['title']}: Vault's summaries are milliseconds"
            seconds = any("_seconds" in name or name == native.ALERTS_SINCE.name for name in names)
            assert milliseconds or seconds, panel["title"]
        if unit in {"ops", "reqps"}:
            assert list(growing(expr)), panel["title"]
        if unit == "dateTimeFromNow":
            assert expr.endswith("* 1000"), f"{panel['title']}: Grafana's dates are milliseconds"
        if any(name.endswith("_timestamp_seconds") for name in names):
            assert "time()" in expr or unit == "dateTimeFromNow", f"{panel['title']}: a bare time"


def test_memory_limit_is_the_alerts() -> None:
    rules = (ROOT / "alerts" / "rules" / "saturation.yml").read_text()
    assert f"> {runtime.MEMORY_LIMIT}\n" in rules
    (panel,) = (panel for panel in panels(DASHBOARDS["vault-overview"]) if panel["title"] == "Memory")
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1] == {
        "color": "semi-dark-red",
        "value": runtime.MEMORY_LIMIT,
    }


def test_service_level_is_the_alerts() -> None:
    rules = (ROOT / "alerts" / "rules" / "slo.yml").read_text()
    assert slo.SERVER_FAULTS in rules
    assert set(re.findall(r"> [\d.]+ \* ([\d.]+)$", rules, re.MULTILINE)) == {f"{1 - slo.OBJECTIVE:.3g}"}
    assert set(slo.BURN_WINDOWS) <= set(re.findall(r"ratio_rate(\w+)", rules))


def test_the_alerts_link_leads_to_the_dashboard() -> None:
    for path in (ROOT / "alerts" / "rules").glob("*.yml"):
        linked = set(re.findall(r"http://grafana/d/([\w-]+)", path.read_text()))
        assert linked <= set(DASHBOARDS)


def test_native_list_has_no_metric_that_nothing_names() -> None:
    shown = {
        selector.name
        for dashboard in DASHBOARDS.values()
        for expr in [*(target["expr"] for _, target in queries(dashboard)), *annotations(dashboard)]
        for selector in selectors(expr)
    }
    text = "".join(path.read_text() for path in (ROOT / "alerts").glob("r*/*.*"))
    alone = {metric.name for metric in METRICS if metric.name not in shown and metric.name not in text}
    assert {name for name in alone if not name.endswith("_sum")} == set()


# Building blocks.


def test_select() -> None:
    metric = Native("x_total", counter=True)
    assert q.select(metric) == 'x_total{job=~"$job",cluster=~"$cluster",instance=~"$instance"}'
    assert q.rate(metric, 'a="b"') == (
        'rate(x_total{a="b",job=~"$job",cluster=~"$cluster",instance=~"$instance"}[$__rate_interval])'
    )
    assert len(list(nodes(q.rate(metric)))) == 3


def test_what_only_the_active_node_says_is_taken_from_the_active_node() -> None:
    metric = Native("x")
    assert q.if_active(metric) == f"({q.select(metric)} and on (cluster, instance) {q.select(c.ACTIVE)} == 1)"


def test_labels_that_may_be_empty_get_a_word() -> None:
    named = q.by("vault_namespace", "x")
    assert named == 'label_replace(sum by (vault_namespace) (x), "vault_namespace", "root", "vault_namespace", "")'
    assert q.by("operation", "x") == "sum by (operation) (x)"


@pytest.mark.parametrize(
    ("expr", "labels"),
    [
        ('label_replace(vault_up, "why", "$1", "job", "(.*)")', {"why", "job", "cluster", "instance"}),
        ("vault_up_failure_reason == 1", {"reason", "job", "cluster", "instance"}),
        ("sum(vault_up)", set()),
        ("time() - max by (cluster) (vault_up)", {"cluster"}),
        ("sum by (a, b) (vault_up) or sum by (a) (vault_up)", {"a"}),
        ("sum by (a) (vault_up) and on () vault_up", {"a"}),
        ("max by (a) (vault_up) - on (a) group_right () max by (a, b) (vault_up)", {"a", "b"}),
        ("histogram_quantile(0.5, sum by (le, mount_type) (rate(vault_audit_request_duration_seconds_bucket[1m])))",
         {"mount_type"}),
    ],
)  # fmt: skip
def test_result_labels(expr: str, labels: set[str]) -> None:
    assert result_labels(expr) == labels
