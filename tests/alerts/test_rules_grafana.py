"""`vault-exporter rules --format grafana`, read as Grafana's provisioning reads it.

https://grafana.com/docs/grafana/latest/alerting/set-up/provision-alerting-resources/file-provisioning/
"""

import json
import re
from typing import Any, Final

import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import alerting, expr, prometheus

from tests.alerts.promql import nodes
from vault_exporter.alert_rules import Form, apply, load, render
from vault_exporter.alert_rules.rules import alerts

Json = dict[str, Any]

GROUPS: Final = load()
TEXT: Final = render(GROUPS, Form.GRAFANA, "uid-of-it")
FILE: Final[Json] = yaml.safe_load(TEXT)
RULES: Final[list[tuple[Json, Json]]] = [(group, rule) for group in FILE["groups"] for rule in group["rules"]]
KEYS: Final = {"uid", "title", "condition", "data", "noDataState", "execErrState", "for", "annotations", "labels"}
BASE_INTERVAL: Final = 10
"""Seconds: Grafana takes multiples of it, as long as nobody changes its scheduler."""

each_rule = pytest.mark.parametrize(("group", "rule"), RULES, ids=[rule["title"] for _, rule in RULES])


@pytest.fixture(scope="module", autouse=True)
def _kinds_of_queries() -> None:
    plugins.register_default_plugins()


def test_the_file() -> None:
    assert FILE.keys() == {"apiVersion", "groups"}
    assert FILE["apiVersion"] == 1
    assert [rule["title"] for _, rule in RULES] == [name for name in alerts(GROUPS) if name != "VaultInhibitor"]
    assert len({rule["uid"] for _, rule in RULES}) == len(RULES)
    assert not re.search(r"[&*]id\d", TEXT), "nothing is said by reference"


@pytest.mark.parametrize("group", FILE["groups"], ids=lambda group: group["name"])
def test_a_group(group: Json) -> None:
    assert group.keys() == {"orgId", "name", "folder", "interval", "rules"}
    assert seconds(group["interval"]) % BASE_INTERVAL == 0
    as_api = {
        "title": group["name"],
        "folderUid": group["folder"],
        "interval": seconds(group["interval"]),
        "rules": [of_api(group, rule) for rule in group["rules"]],
    }
    assert encoded(alerting.RuleGroup.from_json(as_api)) == as_api


@each_rule
def test_a_rule(group: Json, rule: Json) -> None:
    assert rule.keys() == KEYS
    assert re.fullmatch(r"[a-z-]{1,40}", rule["uid"])
    assert rule["noDataState"] in {"Alerting", "NoData", "OK"}
    assert rule["execErrState"] in {"Alerting", "Error", "OK"}
    assert seconds(rule["for"]) >= 0
    decoded = alerting.Rule.from_json(of_api(group, rule))
    assert encoded(decoded) == of_api(group, rule)
    query, condition = decoded.data
    assert isinstance(query.model, prometheus.Dataquery)
    assert isinstance(condition.model, expr.TypeMath)
    assert rule["condition"] == condition.ref_id
    assert condition.model.expression == "is_number($A) || is_nan($A)"
    assert query.ref_id == "A"
    assert (query.datasource_uid, condition.datasource_uid) == ("uid-of-it", "__expr__")
    assert "cluster:" not in query.model.expr
    assert list(nodes(query.model.expr))


@each_rule
def test_what_is_said(group: Json, rule: Json) -> None:  # noqa: ARG001 - one decorator for all
    for text in rule["labels"].values():
        assert expanded(text) in {
            '{{ or $labels.cluster "default" }}',
            '{{ or $labels.instance $labels.cluster "default" }}',
            text,
        }
    for text in rule["annotations"].values():
        assert "${" not in text  # the one form that is searched for there
    # Grafana's templates can neither query, nor do they know what Prometheus has beside the labels.
    said = str(rule["labels"]) + str(rule["annotations"])
    assert "query" not in said.replace("urlquery", "")
    assert "$external" not in said


def test_what_is_changed_is_taken_as_well() -> None:
    read = yaml.safe_load(render(apply(GROUPS, {"VaultDown.for": "1h30m"}), Form.GRAFANA))
    (down,) = (rule for group in read["groups"] for rule in group["rules"] if rule["title"] == "VaultDown")
    assert seconds(down["for"]) == 5400


def of_api(group: Json, rule: Json) -> Json:
    """Return a rule as Grafana's API has it, which names in each rule what a file says of the group."""
    return {**rule, "orgID": group["orgId"], "folderUID": group["folder"], "ruleGroup": group["name"]}


def encoded(decoded: object) -> Json:
    read: Json = json.loads(json.dumps(decoded, cls=JSONEncoder))
    return read


def seconds(duration: str) -> int:
    """Read a duration as Prometheus' library does."""
    units = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
    found = re.fullmatch("".join(rf"(?:(\d+){unit})?" for unit in units), duration)
    assert found, duration
    return sum(int(number or 0) * size for number, size in zip(found.groups(), units.values(), strict=True))


def expanded(text: str) -> str:
    """Replace variables as Grafana does in labels; nothing of its environment is ours, so each is empty."""
    return "$".join(re.sub(r"\$(\w+|\{\w+\})", "", part) for part in text.split("$$"))
