"""``rules`` and ``dashboard`` print objects of Kubernetes that ``kubectl apply`` and the operators accept."""

import json
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from tests.dashboards.dashboards import DASHBOARDS
from tests.deploy.chart import KUBERNETES, validate
from vault_exporter.cli.table import assembled

KUBECTL_LIMIT = 262_144
METADATA = ("--name", "mine", "--namespace", "apps", "--label", "release=prom", "--annotation", "team=a b=c")


def run(*arguments: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(assembled(()), arguments)
    assert result.exit_code == 0, result.output
    return list(yaml.load_all(result.stdout, Loader=yaml.CSafeLoader))


@pytest.mark.parametrize("form", ["operator", "alertmanager-config"])
def test_rules_are_an_object_of_the_operator(form: str) -> None:
    (one,) = run("rules", "--format", form, *METADATA)
    validate(one, KUBERNETES[-1])
    assert one["metadata"] == {
        "name": "mine",
        "namespace": "apps",
        "labels": {"app.kubernetes.io/name": "vault-exporter", "release": "prom"},
        "annotations": {"team": "a b=c"},
    }


@pytest.mark.parametrize("form", ["configmap", "grafana-operator"])
def test_dashboards_are_objects_that_kubectl_accepts(form: str) -> None:
    objects = run("dashboard", "--format", form, "--folder", "Secrets", *METADATA)
    assert [one["metadata"]["name"] for one in objects] == [f"mine-{name}" for name in sorted(DASHBOARDS)]
    for one in objects:
        validate(one, KUBERNETES[-1])
        meta = one["metadata"]
        assert (meta["namespace"], meta["labels"]["release"], meta["annotations"]["team"]) == ("apps", "prom", "a b=c")
        assert len(json.dumps(one)) < KUBECTL_LIMIT
        folder = one["spec"]["folder"] if form == "grafana-operator" else meta["annotations"]["grafana_folder"]
        assert folder == "Secrets"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rules", "--name", "x"), "go with a --format that is an object of Kubernetes"),
        (("dashboard", "--label", "a=b"), "go with a --format that is an object of Kubernetes"),
        (("rules", "--format", "operator", "--label", "release"), "--label release: not of the form KEY=VALUE"),
        (("rules", "--format", "operator", "--label", "a=b c"), "--label a=b c: a label's value has at most 63"),
        (("rules", "--format", "operator", "--name", "My_Rules"), "--name My_Rules: lower-case letters"),
        (("dashboard", "--format", "configmap", "--annotation", "=x"), "--annotation =x: not of the form KEY=VALUE"),
    ],
)
def test_wrong_metadata_is_refused(arguments: tuple[str, ...], words: str) -> None:
    result = CliRunner().invoke(assembled(()), arguments)
    assert result.exit_code == 3
    assert words in result.output
