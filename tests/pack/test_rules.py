"""The alert rules: sound in form, each with a runbook and with unit tests that can fail."""

import copy
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.pack.promql import KNOWN, RECORDED, RULE_FILES, selectors, unknown

ALERTS: Final = Path(__file__).parents[2] / "alerts"
UNIT_TESTS: Final = sorted((ALERTS / "tests").glob("*.yml"))

Rule = dict[str, Any]

CLUSTER: Final = '{{ or $labels.cluster $externalLabels.cluster "default" }}'
JOBS: Final = {'job=~"vault"', 'job=~"vault-exporter"', 'job=~"vault|vault-exporter"'}
"""Nodes; the exporter's own page where it has a job of its own; what either of them shows."""
TABLES: Final = {"vault_kv_store", "vault_ha_locks"}
"""Of Vault in PostgreSQL, which runbooks name."""
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


def _promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it; stdout has both of its outputs, as one reads them."""
    return subprocess.run(
        ["promtool", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=120
    )


def test_the_first_three_are_there() -> None:
    meaning = {name: (rule["labels"]["severity"], rule.get("for")) for name, (_, rule) in RULES.items()}
    assert meaning["VaultDown"] == ("critical", "1m")
    assert meaning["VaultSealed"] == ("critical", "1m")
    assert meaning["VaultHighMemoryUsage"] == ("warning", "5m")
    assert "1073741824" in RULES["VaultHighMemoryUsage"][1]["expr"]


def test_promtool_finds_nothing() -> None:
    check = _promtool("check", "rules", *RULE_FILES)
    assert check.returncode == 0, check.stdout


def test_unit_tests_pass() -> None:
    run = _promtool("test", "rules", *UNIT_TESTS)
    assert run.returncode == 0, run.stdout


@each_rule
def test_names_only_what_exists(path: Path, rule: Rule) -> None:
    assert not unknown(rule["expr"])
    # Templates query, too.
    text = " ".join(rule["annotations"].values())
    for query in re.findall(r'printf "((?:[^"\\]|\\.)*)"[^|}]*\| query', text):
        assert not unknown(query.replace('\\"', '"').replace("%q", '"x"')), f"{path.name}: {query}"
    assert set(re.findall(r"\b(vault_\w+)\b", text)) <= set(KNOWN)


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_looks_at_the_jobs(path: Path) -> None:
    for group in yaml.safe_load(path.read_text())["groups"]:
        for rule in group["rules"]:
            for selector in selectors(rule["expr"]):
                if selector.name not in RECORDED:
                    jobs = [str(matcher) for matcher in selector.matchers.matchers if matcher.name == "job"]
                    assert len(jobs) == 1, rule
                    assert jobs[0] in JOBS, rule


@each_rule
def test_labels(path: Path, rule: Rule) -> None:
    assert set(rule["labels"]) - {"instance"} == {"severity", "category", "cluster"}
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["labels"]["category"] == path.stem
    assert rule["labels"]["cluster"] == CLUSTER
    # What is said of a whole cluster has it for its instance: Alertmanager takes a label that is missing for equal.
    assert rule["labels"].get("instance") == (CLUSTER if _is_of_a_cluster(rule) else None)


@each_rule
def test_annotations(path: Path, rule: Rule) -> None:  # noqa: ARG001 - one decorator for all
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert re.fullmatch(r"[A-Z][^{}]+\.", notes["summary"]), "a sentence, the same for every alert"
    start = f"Cluster {CLUSTER}" if _is_of_a_cluster(rule) else f"{{{{ $labels.instance }}}} of cluster {CLUSTER}"
    assert notes["description"].startswith(start)
    assert notes["runbook_url"] == f"{{{{ $externalURL }}}}/user/vault/runbooks/{rule['alert']}.md"
    # README.md tells how to change the address in one stroke: it has to be the same everywhere.
    assert notes["dashboard_url"] == (
        "http://grafana/d/vault-overview{{ with $labels.cluster }}?var-cluster={{ . | urlquery }}{{ end }}"
    )


def _is_of_a_cluster(rule: Rule) -> bool:
    """Whether its alerts have no label `instance` of their own."""
    return re.match(r"[\s(]*(\w+ by \(cluster\)|cluster:|vector)", rule["expr"]) is not None


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
    named = set(re.findall(r"\b(vault_\w+)\b", text)) - {"vault_exporter", *TABLES}
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
    if name == "VaultWatchdog":
        return  # it fires always
    assert any(not alerts for _, alerts in cases)
    assert any("silent on a healthy" in test or "silent below" in test for test, alerts in cases if not alerts)
    for alert in expected:
        assert {"severity", "category", "cluster", "instance"} <= set(alert["exp_labels"])
        assert set(alert["exp_annotations"]) == {"summary", "description", "runbook_url", "dashboard_url"}


def _never(rule: Rule) -> None:
    rule["expr"] = "vector(1) > 1"


def _at_once(rule: Rule) -> None:
    rule.pop("for", None)


def _first_line_only(rule: Rule) -> None:
    rule["expr"] = re.split(r"\nor\n", rule["expr"])[0]


def _only_this_moment(rule: Rule) -> None:
    rule["expr"] = re.sub(r"last_over_time\((\w+\{[^}]*\})\[\w+\]\)", r"\1", rule["expr"])


@pytest.mark.parametrize("mutate", [_never, _at_once, _first_line_only, _only_this_moment], ids=lambda m: m.__name__)
def test_unit_tests_notice(mutate: Callable[[Rule], None], tmp_path: Path) -> None:
    """Every rule is changed at once, and the tests of every rule that is now another one must fail."""
    changed = set()
    for folder in ("rules", "tests"):
        (tmp_path / folder).mkdir()
    for path in RULE_FILES:
        rules = yaml.safe_load(path.read_text())
        for rule in (rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule):
            before = copy.deepcopy(rule)
            mutate(rule)
            if rule != before:
                changed.add(rule["alert"])
        (tmp_path / "rules" / path.name).write_text(yaml.safe_dump(rules))
    for path in UNIT_TESTS:
        (tmp_path / "tests" / path.name).write_text(path.read_text())
    assert changed
    check = _promtool("check", "rules", *sorted((tmp_path / "rules").iterdir()))
    assert check.returncode == 0, check.stdout
    run = _promtool("test", "rules", *(tmp_path / "tests" / f"{name}.yml" for name in sorted(changed)))
    parts = re.split(r"^Unit Testing: +", run.stdout, flags=re.MULTILINE)[1:]
    assert {Path(part.splitlines()[0]).stem for part in parts if f"alertname: {_stem(part)}" in part} == changed


def _stem(part: str) -> str:
    return Path(part.splitlines()[0]).stem
