"""The alert rules: sound in form, each with a runbook and with unit tests that can fail."""

import re
from pathlib import Path
from typing import Final

import pytest
import yaml

from alerts.generate import main as generate
from tests.alerts.promql import KNOWN, RECORDED, RULE_FILES, selectors, unknown
from tests.alerts.promtool import RULES, Rule, promtool
from tests.dashboards.dashboards import DASHBOARDS, queries
from vault_exporter.alert_rules import Profile, load, said
from vault_exporter.alert_rules.rules import alerts

CLUSTER: Final = '{{ or $labels.cluster $externalLabels.cluster "default" }}'
NODE_OR_CLUSTER: Final = '{{ or $labels.instance $labels.cluster $externalLabels.cluster "default" }}'
CLUSTER_QUERY: Final = "{{ with $labels.cluster }}?var-cluster={{ . | urlquery }}{{ end }}"
NARROWED: Final = "?var-instance={{ $labels.instance | urlquery }}"
JOBS: Final = {
    'job=~"vault"',
    'job=~"vault-exporter"',
    'job=~"vault|vault-exporter"',
    'job=~"vault-agent"',
    'job=~"vault-agent-injector"',
}
"""Nodes; the exporter's own page where it has a job of its own; what either of them shows; agents; the injector."""


GROUPS: Final = load()
SHOWN: Final = {
    uid: {str(selector.name) for _, target in queries(dashboard) for selector in selectors(target["expr"])}
    for uid, dashboard in DASHBOARDS.items()
}
"""Each dashboard, and the series that it shows."""
each_rule = pytest.mark.parametrize(("path", "rule"), RULES.values(), ids=RULES)


def test_the_first_three_are_there() -> None:
    meaning = {name: (rule["labels"]["severity"], rule.get("for")) for name, (_, rule) in RULES.items()}
    assert meaning["VaultDown"] == ("critical", "1m")
    assert meaning["VaultSealed"] == ("critical", "1m")
    assert meaning["VaultHighMemoryUsage"] == ("warning", "5m")
    assert "1073741824" in RULES["VaultHighMemoryUsage"][1]["expr"]


def test_promtool_finds_nothing() -> None:
    check = promtool("check", "rules", *RULE_FILES)
    assert check.returncode == 0, check.stdout


def test_the_files_are_built_of_their_sources() -> None:
    assert generate(["--check"]) == 0


def test_profiles() -> None:
    by_name = alerts(GROUPS)
    core = {name for name, rule in by_name.items() if rule.profile is Profile.CORE}
    informing = {name for name, rule in by_name.items() if rule.labels["severity"] == "info"}
    assert {name for name in core if by_name[name].labels["severity"] != "critical"} == {
        "VaultWatchdog",
        "VaultInhibitor",
    }
    assert {name for name in informing if by_name[name].profile is not Profile.ALL} == {
        "VaultWatchdog",
        "VaultInhibitor",
    }
    assert len(core - {"VaultWatchdog", "VaultInhibitor"}) <= 17


@each_rule
def test_names_only_what_exists(path: Path, rule: Rule) -> None:
    assert not unknown(rule["expr"])
    # Templates query, too.
    text = " ".join(rule["annotations"].values())
    for query in re.findall(r'printf "((?:[^"\\]|\\.)*)"[^|}]*\| query', text):
        assert not unknown(query.replace('\\"', '"').replace("%q", '"x"')), f"{path.name}: {query}"
    assert set(re.findall(r"(?<!:)\b(vault_\w+)\b(?!:)", text)) <= set(KNOWN)


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
    of_a_cluster = {_is_of_a_cluster(part) for part in re.split(r"\n\s*or\n", rule["expr"])}
    expected = NODE_OR_CLUSTER if len(of_a_cluster) == 2 else CLUSTER if True in of_a_cluster else None
    assert rule["labels"].get("instance") == expected


def _is_of_a_cluster(expr: str) -> bool:
    """Whether what it finds has no label `instance` of its own."""
    return re.match(r"(\s|\w+_over_time|changes|\()*(\w+ by \(cluster[,)]|absent|cluster:|vector)", expr) is not None


@each_rule
def test_annotations(path: Path, rule: Rule) -> None:  # noqa: ARG001 - one decorator for all
    notes = rule["annotations"]
    assert set(notes) - {"nodes"} == {"summary", "description", "runbook_url", "dashboard_url"}
    assert re.fullmatch(r"[A-Z][^{}]+\.", notes["summary"]), "a sentence, the same for every alert"
    start = {
        None: "{{ $labels.instance }} of cluster",
        CLUSTER: "Cluster",
        NODE_OR_CLUSTER: "{{ with $labels.instance }}{{ . }} of cluster{{ else }}Cluster{{ end }}",
    }[rule["labels"].get("instance")]
    assert notes["description"].startswith(f"{start} {CLUSTER}")
    assert notes["runbook_url"] == f"http://vault-exporter:9410/runbooks/{rule['alert']}"


@each_rule
def test_dashboard_shows_what_it_is_about(path: Path, rule: Rule) -> None:  # noqa: ARG001 - one decorator for all
    url = rule["annotations"]["dashboard_url"]
    # README.md tells how to change the address in one stroke: it has to be the same everywhere.
    found = re.fullmatch(r"http://grafana/d/([\w-]+)(.*)", url)
    assert found, url
    uid, query = found.groups()
    narrowed = query.startswith(NARROWED)
    assert narrowed == (uid == "vault-node"), "that one is of the node that the alert names"
    var = "&var" if narrowed else "?var"
    assert query.removeprefix(NARROWED) == CLUSTER_QUERY.replace("?var", var)
    assert not (narrowed and "instance" in rule["labels"]), "no node's name is a cluster's"
    if uid != "vault-overview":
        assert _named(rule) & SHOWN[uid], f"{uid} shows nothing of what the alert is about"


def test_every_dashboard_is_led_to() -> None:
    urls = "".join(rule["annotations"]["dashboard_url"] for _, rule in RULES.values())
    assert set(re.findall(r"/d/([\w-]+)", urls)) == set(DASHBOARDS)


def _named(rule: Rule) -> set[str]:
    recorded = {one.record: one.expr for group in GROUPS for one in group.rules if one.record}
    return {
        str(selector.name)
        for expr in (
            rule["expr"],
            *(recorded[name] for name in re.findall(r"(?:cluster|instance):[\w:]+", rule["expr"])),
        )
        for selector in selectors(expr)
    }


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_what_each_needs_stands_before_it(path: Path) -> None:
    """As a comment: an annotation would go along with every alert."""
    by_name = alerts(GROUPS)
    before = ""
    for line in path.read_text().splitlines():
        if found := re.match(r"\s*- alert: (\w+)", line):
            needs = said(by_name[found[1]], GROUPS)
            comment = re.fullmatch(r"\s*# needs: (.*)", before)
            assert (comment[1] if comment else "") == needs, found[1]
        before = line


@each_rule
def test_name(path: Path, rule: Rule) -> None:  # noqa: ARG001 - one decorator for all
    assert re.fullmatch(r"Vault([A-Z][a-z]+)+", rule["alert"])
