"""The alert rules: sound in form, each with a runbook and with unit tests that can fail."""

import copy
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.pack.promql import KNOWN, selectors, unknown

ALERTS: Final = Path(__file__).parents[2] / "alerts"
RULE_FILES: Final = sorted((ALERTS / "rules").glob("*.yml"))
UNIT_TESTS: Final = sorted((ALERTS / "tests").glob("*.yml"))

Rule = dict[str, Any]

CLUSTER: Final = '{{ or $labels.cluster $externalLabels.cluster "default" }}'
SECTIONS: Final = ["Meaning", "Impact", "Diagnosis", "Mitigation", "False positives"]


def _rules() -> dict[str, tuple[Path, Rule]]:
    return {
        rule["alert"]: (path, rule)
        for path in RULE_FILES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }


RULES: Final = _rules()
each_rule = pytest.mark.parametrize(("path", "rule"), RULES.values(), ids=RULES)


def _promtool(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=60)


def test_the_first_three_are_there() -> None:
    meaning = {name: (rule["labels"]["severity"], rule["for"]) for name, (_, rule) in RULES.items()}
    assert meaning["VaultDown"] == ("critical", "1m")
    assert meaning["VaultSealed"] == ("critical", "1m")
    assert meaning["VaultHighMemoryUsage"] == ("warning", "5m")
    assert "1073741824" in RULES["VaultHighMemoryUsage"][1]["expr"]


def test_promtool_finds_nothing() -> None:
    check = _promtool("check", "rules", *RULE_FILES)
    assert check.returncode == 0, check.stdout + check.stderr


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_unit_tests_pass(path: Path) -> None:
    run = _promtool("test", "rules", path)
    assert run.returncode == 0, run.stdout + run.stderr


@each_rule
def test_names_only_what_exists(path: Path, rule: Rule) -> None:
    assert not unknown(rule["expr"])
    # Templates query, too.
    text = " ".join(rule["annotations"].values())
    for query in re.findall(r'printf "(.*?[^\\])" ', text):
        assert not unknown(query.replace('\\"', '"').replace("%q", '"x"')), f"{path.name}: {query}"
    assert set(re.findall(r"\b(vault_\w+)\b", text)) <= set(KNOWN)


@each_rule
def test_looks_at_the_one_job(path: Path, rule: Rule) -> None:
    jobs = [
        [matcher.value for matcher in selector.matchers.matchers if matcher.name == "job"]
        for selector in selectors(rule["expr"])
    ]
    assert jobs == [["vault"]] * len(jobs), path.name


@each_rule
def test_labels(path: Path, rule: Rule) -> None:
    assert set(rule["labels"]) == {"severity", "category", "cluster"}
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["labels"]["category"] == path.stem
    assert rule["labels"]["cluster"] == CLUSTER


@each_rule
def test_annotations(path: Path, rule: Rule) -> None:  # noqa: ARG001 - one decorator for all
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert re.fullmatch(r"[A-Z][^{}]+\.", notes["summary"]), "a sentence, the same for every alert"
    assert notes["description"].startswith(f"{{{{ $labels.instance }}}} of cluster {CLUSTER}")
    assert notes["runbook_url"] == f"{{{{ $externalURL }}}}/user/vault/runbooks/{rule['alert']}.md"
    # README.md tells how to change the address in one stroke: it has to be the same everywhere.
    assert notes["dashboard_url"] == (
        "http://grafana/d/vault-overview{{ with $labels.cluster }}?var-cluster={{ . | urlquery }}{{ end }}"
    )


@each_rule
def test_name(path: Path, rule: Rule) -> None:  # noqa: ARG001 - one decorator for all
    assert re.fullmatch(r"Vault([A-Z][a-z]+)+", rule["alert"])


def test_runbooks_are_one_to_one() -> None:
    assert {path.stem for path in (ALERTS / "runbooks").iterdir()} == set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_runbook(name: str) -> None:
    text = (ALERTS / "runbooks" / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    bodies = re.split(r"^## .*$", text, flags=re.MULTILINE)[1:]
    assert all(body.strip() for body in bodies)
    assert "bao " in text
    assert "vault " in text
    named = set(re.findall(r"\b(vault_\w+)\b", text)) - {"vault_exporter"}
    assert named <= set(KNOWN), "metrics that do not exist"
    # Neither a token nor a key: of OpenBao (s., b.), of Vault (hvs., hvb.), or a share (44 characters of base64).
    assert not re.search(r"\b(hv[sb]|[sb])\.[A-Za-z0-9]{20,}|[A-Za-z0-9+/]{43}=", text)


def test_unit_tests_are_one_to_one() -> None:
    assert {path.stem for path in UNIT_TESTS} == set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_unit_tests_fire_and_stay_silent(name: str) -> None:
    cases = [
        (test["name"], case["exp_alerts"])
        for test in yaml.safe_load((ALERTS / "tests" / f"{name}.yml").read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["alertname"] == name
    ]
    expected = [alert for _, alerts in cases for alert in alerts]
    assert expected
    assert any(not alerts for _, alerts in cases)
    assert any("silent on a healthy" in test or "silent below" in test for test, alerts in cases if not alerts)
    for alert in expected:
        assert {"severity", "category", "cluster", "instance"} <= set(alert["exp_labels"])
        assert set(alert["exp_annotations"]) == {"summary", "description", "runbook_url", "dashboard_url"}


def _never(rule: Rule) -> None:
    rule["expr"] = "vector(1) > 1"


def _at_once(rule: Rule) -> None:
    del rule["for"]


def _late(rule: Rule) -> None:
    rule["for"] = "30m"


def _first_line_only(rule: Rule) -> None:
    rule["expr"] = re.split(r"\bor\b", rule["expr"])[0].replace("last_over_time", "").replace("[2m]", "")


def _without_cluster(rule: Rule) -> None:
    del rule["labels"]["cluster"]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("mutate", [_never, _at_once, _late, _first_line_only, _without_cluster])
def test_unit_tests_notice(name: str, mutate: Callable[[Rule], None], tmp_path: Path) -> None:
    path, rule = RULES[name]
    changed = copy.deepcopy(rule)
    mutate(changed)
    rules = yaml.safe_load(path.read_text())
    for group in rules["groups"]:
        group["rules"] = [changed if other.get("alert") == name else other for other in group["rules"]]
    (tmp_path / "rules").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "rules" / path.name).write_text(yaml.safe_dump(rules))
    (tmp_path / "tests" / "test.yml").write_text((ALERTS / "tests" / f"{name}.yml").read_text())
    assert _promtool("check", "rules", tmp_path / "rules" / path.name).returncode == 0
    run = _promtool("test", "rules", tmp_path / "tests" / "test.yml")
    assert run.returncode == 1
    assert f"alertname: {name}" in run.stdout + run.stderr
