"""The unit tests of the alerts: they pass with each promtool that is there, and each can fail."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.alerts.promtool import ALERTS, RULES, UNIT_TESTS, Rule, firing, isolated, promtool, seconds
from tests.lab.tools import versions

CATEGORIES: Final = sorted({path.stem for path, _ in RULES.values()})


@pytest.mark.parametrize("program", versions("promtool").values(), ids=versions("promtool"))
@pytest.mark.parametrize("category", CATEGORIES)
def test_they_pass(category: str, program: str, tmp_path: Path) -> None:
    _, tests = isolated(tmp_path, [name for name, (path, _) in RULES.items() if path.stem == category])
    run = promtool("test", "rules", *tests, program=program)
    assert run.returncode == 0, run.stdout


def test_one_passes_with_the_files_as_they_are() -> None:
    run = promtool("test", "rules", ALERTS / "tests" / "VaultClusterSealed.yml")
    assert run.returncode == 0, run.stdout


def test_they_are_one_to_one() -> None:
    assert {path.stem for path in UNIT_TESTS} == set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_they_fire_and_stay_silent(name: str) -> None:
    test = yaml.safe_load((ALERTS / "tests" / f"{name}.yml").read_text())
    assert f"../rules/{RULES[name][0].name}" in test["rule_files"]
    cases = [
        (one["name"], case["exp_alerts"])
        for one in test["tests"]
        for case in one["alert_rule_test"]
        if case["alertname"] == name
    ]
    expected = [alert for _, alerts in cases for alert in alerts]
    assert expected
    if name == "VaultWatchdog":
        return  # it fires always
    assert any(not alerts for _, alerts in cases)
    assert any("silent on a healthy" in test or "silent below" in test for test, alerts in cases if not alerts)
    for alert in expected:
        assert {"severity", "category", "cluster", "instance"} <= set(alert["exp_labels"])
        assert set(alert["exp_annotations"]) - {"nodes"} == {"summary", "description", "runbook_url", "dashboard_url"}


@pytest.mark.parametrize("category", CATEGORIES)
def test_they_fire_where_two_prometheus_share_a_store(category: str, tmp_path: Path) -> None:
    """Each series is there twice, as in Thanos and Mimir: no rule fails for that, and the same alerts fire."""
    names = sorted(name for name, (path, _) in RULES.items() if path.stem == category)
    _, tests = isolated(tmp_path, names)
    expected: dict[tuple[str, int], set[str]] = {}
    for path in tests:
        document = yaml.safe_load(path.read_text())
        for number, one in enumerate(document["tests"]):
            one["name"] = f"{path.stem} {number}"
            one["input_series"] = [
                {**series, "series": _with_label(series["series"], f'prometheus_replica="{replica}"')}
                for series in one["input_series"]
                for replica in "ab"
            ]
            for case in one["alert_rule_test"]:
                if case["exp_alerts"]:
                    expected.setdefault((one["name"], seconds(case["eval_time"])), set()).add(case["alertname"])
                case["exp_alerts"] = []
        path.write_text(yaml.safe_dump(document, sort_keys=False, width=10000))
    assert firing(promtool("test", "rules", *tests).stdout) == expected


def _with_label(series: str, label: str) -> str:
    return series.replace("{", f"{{{label},", 1) if "{" in series else f"{series}{{{label}}}"


def _never(rule: Rule) -> None:
    rule["expr"] = "vector(1) > 1"


def _at_once(rule: Rule) -> None:
    rule.pop("for", None)


def _first_line_only(rule: Rule) -> None:
    rule["expr"] = re.split(r"\nor\n", rule["expr"])[0]


def _only_this_moment(rule: Rule) -> None:
    rule["expr"] = re.sub(r"last_over_time\((\w+\{[^}]*\})\[\w+\]\)", r"\1", rule["expr"])


def _changed(mutate: Callable[[Rule], None], rule: Rule) -> Rule:
    after = copy.deepcopy(rule)
    mutate(after)
    return after


MUTATIONS: Final = [
    pytest.param(mutate, names, id=f"{mutate.__name__}-{category}")
    for mutate in (_never, _at_once, _first_line_only, _only_this_moment)
    for category in CATEGORIES
    if (names := {n for n, (path, rule) in RULES.items() if path.stem == category and _changed(mutate, rule) != rule})
]


@pytest.mark.parametrize(("mutate", "names"), MUTATIONS)
def test_they_notice(mutate: Callable[[Rule], None], names: set[str], tmp_path: Path) -> None:
    """The rules are changed, and the tests of each must fail."""
    rules, tests = isolated(tmp_path, sorted(names), lambda rule: _changed(mutate, rule))
    check = promtool("check", "rules", *rules)
    assert check.returncode == 0, check.stdout
    run = promtool("test", "rules", *tests)
    parts = re.split(r"^Unit Testing: +", run.stdout, flags=re.MULTILINE)[1:]
    assert {_stem(part) for part in parts if f"alertname: {_stem(part)}" in part} == names


def _stem(part: str) -> str:
    return Path(part.splitlines()[0]).stem
