"""Servers that answer what no server of the chain does: the doctor ends, and says what it did not get."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from tests.doctor.stage import Report, examined
from tests.doctor.test_reach import OK, server, vector

UNENDING = "(a+)+$"
RULE = {"name": "VaultSealed", "type": "alerting", "query": 'vault_up{job=~"vault"} == 0'}
ALIASES = "\n".join(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12))
NO_FORM = "Alertmanager: /api/v2/status: a configuration of an unexpected form"


def doctored(answers: Mapping[str, Any], *, date: str = "", timeout: int = 30) -> Report:
    """What the doctor says of a server that is all servers of the chain; a path without an answer is not there."""

    def answer(path: str, _: Mapping[str, str], query: str) -> tuple[int, Any]:
        if path == "/api/v1/query" and query == "vector(1)":
            return 200, vector()
        return (200, answers[path]) if path in answers else (404, "")

    with server(answer, headers={"Date": date} if date else {}) as address:
        url = f"http://{address}"
        return examined(
            *("--prometheus", url, "--alertmanager", url, "--grafana", url, "--timeout", str(timeout)),
        )


def of_alertmanager(config: str) -> dict[str, Any]:
    status = {"config": {"original": config}, "cluster": {}}
    return {
        "/api/v1/query": vector(),
        "/api/v1/rules": {"status": OK, "data": {"groups": [{"name": "g", "rules": [RULE]}]}},
        "/api/v2/status": status,
        "/api/v2/alerts": [],
        "/api/v2/silences": [],
    }


def of_prometheus(config: str) -> dict[str, Any]:
    return {"/api/v1/query": vector(), "/api/v1/status/config": {"status": OK, "data": {"yaml": config}}}


def problems(report: Report) -> set[str]:
    return {str(one["problem"]) for one in report.findings}


@pytest.mark.parametrize(
    "date", ["Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Mon, 01 Jan 2026 00:00:00 +99999999999"]
)
def test_a_date_that_no_clock_has_says_nothing(date: str) -> None:
    report = doctored({"/api/v1/query": vector()}, date=date)
    assert "no-targets" in report.checks
    assert "clock-skew" not in report.checks


@pytest.mark.parametrize(
    "config",
    [
        pytest.param("route: 2026-13-99", id="no date"),
        pytest.param("route: &r {receiver: x, routes: [*r]}", id="a route within itself"),
        pytest.param(f"a0: &a0 {{receiver: x}}\n{ALIASES}\nroute: {{receiver: x, routes: *a11}}", id="many aliases"),
        pytest.param(f"route: {'[' * 5000}{']' * 5000}", id="deep"),
        pytest.param(f"route: {{receiver: x, group_by: {'1:' * 100_000}1}}", id="a number in base 60"),
        pytest.param("route: {receiver: x, routes: [5]}", id="a route that is a number"),
        pytest.param("route: {receiver: x, routes: [{match: 5}]}", id="a matcher that is a number"),
        pytest.param("route: {receiver: x}\ninhibit_rules: [{source_match: [1]}]", id="an inhibition that is a list"),
    ],
)
def test_a_configuration_of_alertmanager_that_is_none(config: str) -> None:
    assert NO_FORM in problems(doctored(of_alertmanager(config)))


@pytest.mark.parametrize("value", ["2026-13-99", f"{'1:' * 100_000}1", "&a [*a]"], ids=["date", "number", "alias"])
def test_a_configuration_of_prometheus_that_is_none(value: str) -> None:
    report = doctored(of_prometheus(f"global: {{evaluation_interval: {value}}}"))
    assert any(note.startswith("/api/v1/status/config: an unexpected form") for note in report.notes)


@pytest.mark.parametrize("matcher", ["a" * 200_000, f"a={' ' * 200_000}b", f'a="{chr(92) * 200_001}'])
def test_a_long_matcher_ends(matcher: str) -> None:
    config = yaml.safe_dump({"route": {"receiver": "x", "routes": [{"matchers": [matcher]}]}})
    assert NO_FORM not in problems(doctored(of_alertmanager(config)))


@pytest.mark.parametrize(
    "page",
    [
        "alertmanager_notifications_total{\n" * 50_000,
        "alertmanager_notifications_total{" + ',integration="x"' * 50_000,
    ],
)
def test_metrics_without_an_end_of_labels(page: str) -> None:
    report = doctored({**of_alertmanager("route: {receiver: x}"), "/metrics": page.encode()})
    assert any("no alertmanager_notifications_total" in note for note in report.notes)


def test_a_regular_expression_that_never_ends_costs_its_checks_only() -> None:
    rule = {**RULE, "query": f'vault_up{{job=~"{UNENDING}"}} == 0'}
    report = doctored(
        {
            "/api/v1/query": vector({"job": f"{'a' * 60}!", "instance": "n1"}),
            "/api/v1/rules": {"status": OK, "data": {"groups": [{"name": "g", "rules": [rule]}]}},
        },
        timeout=3,
    )
    assert {"check-unfinished", "rules-incomplete"} <= report.checks


def test_series_without_the_labels_that_were_asked_for() -> None:
    assert "cluster-label-missing" in doctored({"/api/v1/query": vector({}, {})}).checks


@pytest.mark.parametrize(
    "dashboard",
    [
        {"panels": 5},
        {"panels": [5]},
        {"templating": [1]},
        {"templating": {"list": [7]}},
        {"templating": {"list": [{"name": "datasource", "current": [1]}]}},
    ],
    ids=json.dumps,
)
def test_a_dashboard_of_another_form(dashboard: Any) -> None:
    class Dashboards(dict[str, Any]):
        def __contains__(self, path: object) -> bool:
            return str(path).startswith("/api/dashboards/uid/") or super().__contains__(path)

        def __missing__(self, _: str) -> Any:
            return {"dashboard": dashboard}

    report = doctored(Dashboards({"/api/v1/query": vector(), "/api/search": [], "/api/datasources": []}))
    assert "grafana-unreachable" in report.checks
    assert any(one.endswith("a dashboard of an unexpected form") for one in problems(report))


def test_more_series_than_are_kept_cost_the_checks_that_need_them() -> None:
    """One query has too many series in one answer, and one too many bytes; the other checks are made."""

    def answer(path: str, _: Mapping[str, str], query: str) -> tuple[int, Any]:
        if path != "/api/v1/query":
            return 404, ""
        if query == "vault_clock_skew_seconds":
            return 200, vector(*({"instance": str(number)} for number in range(50_001)))
        if query == "vault_exporter_build_info":
            return 200, vector({"instance": "n" * (16 << 20)})
        return 200, vector()

    with server(answer) as address:
        report = examined("--prometheus", f"http://{address}")
    (found,) = [one for one in report.findings if one["check"] == "too-many-series"]
    assert found["level"] == "critical"
    assert "7 checks were not made" in found["problem"]
    assert {"nodes", "versions"} <= set(found["subjects"])
    assert "no-targets" in report.checks
    assert report.status == 2


def test_the_series_of_all_queries_are_bounded_together() -> None:
    """Each answer alone would be kept. The first four fill the room, so the later queries have none."""
    many = json.dumps(vector(*({"job": "vault", "instance": str(number)} for number in range(50_000)))).encode()

    def answer(path: str, _: Mapping[str, str], query: str) -> tuple[int, Any]:
        return (200, vector() if query == "vector(1)" else many) if path == "/api/v1/query" else (404, "")

    with server(answer) as address:
        report = examined("--prometheus", f"http://{address}")
    (found,) = [one for one in report.findings if one["check"] == "too-many-series"]
    assert "missing_clusters" not in found["subjects"]
    assert "cluster-label-missing" in report.checks  # from vault_up, among the first
    assert "tokens" in found["subjects"]
