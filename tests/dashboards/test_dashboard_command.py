"""``vault-exporter dashboard``: what it prints is what Grafana takes, and fits the installation."""

import copy
import json
import re
import subprocess
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.dashboards.dashboards import DASHBOARDS, Json, each_dashboard, panels
from tests.lab.waiting import PATIENCE
from vault_exporter.demo.process import program
from vault_exporter.grafana.adapt import DashboardOptions, adapted
from vault_exporter.grafana.pack import as_json

ROOT = Path(__file__).parents[2]
LOGS = '{job="vault-audit"}'


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("vault-exporter"), "dashboard", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def variable(dashboard: Json, name: str) -> Json:
    found: list[Json] = [one for one in dashboard["templating"]["list"] if one["name"] == name]
    return found[0]


@pytest.mark.parametrize(("arguments", "name"), [((), "vault-overview"), (("vault-audit",), "vault-audit")])
def test_prints_a_dashboard_as_it_is(arguments: tuple[str, ...], name: str) -> None:
    printed = run(*arguments)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout == (ROOT / "dashboards" / "json" / f"{name}.json").read_text()


def test_fits_the_installation() -> None:
    printed = run("--datasource", "prom-1", "--job", "vault-prod", "--title", "Prod", "--logs", LOGS)
    dashboard = json.loads(printed.stdout)
    assert variable(dashboard, "datasource")["current"] == {"selected": True, "text": "prom-1", "value": "prom-1"}
    assert variable(dashboard, "job")["current"]["value"] == ["vault-prod"]
    assert dashboard["title"] == "Prod / Overview"
    assert [panel["type"] for panel in panels(dashboard)][-2:] == ["logs", "logs"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("vault",),
            f"There is no dashboard vault; there are: {', '.join(sorted(DASHBOARDS))}.\n",
        ),
        (
            ("--logs", "vault-audit"),
            '--logs vault-audit: a selector of Loki\'s streams is needed, such as {job="vault-audit"}.\n',
        ),
        (("--format", "bundle"), "--output DIRECTORY goes with --format bundle, and that needs it.\n"),
        (("--output", "/tmp"), "--output DIRECTORY goes with --format bundle, and that needs it.\n"),  # noqa: S108
        (
            ("--format", "bundle", "--output", "/dev/null"),
            "/dev/null/provisioning/alerting: Not a directory; name a directory that can be written with --output.\n",
        ),
    ],
)
def test_says_what_is_wrong(arguments: tuple[str, ...], said: str) -> None:
    refused = run(*arguments)
    assert (refused.returncode, refused.stdout, refused.stderr) == (3, "", said)


def test_bundle_is_ready_to_mount(tmp_path: Path) -> None:
    made = run("--format", "bundle", "--output", tmp_path, "--title", "Prod")
    assert made.returncode == 0, made.stderr
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert sorted(made.stdout.splitlines()) == [str(path) for path in files]
    kinds = {path.parent.name: yaml.safe_load(path.read_text()) for path in files if path.suffix == ".yml"}
    assert all(content["apiVersion"] == 1 for content in kinds.values())
    assert [one["type"] for one in kinds["datasources"]["datasources"]] == ["prometheus", "alertmanager"]
    (provider,) = kinds["dashboards"]["providers"]
    assert (provider["type"], provider["folder"]) == ("file", "Vault")
    (receiver,) = kinds["alerting"]["contactPoints"][0]["receivers"]
    assert receiver["type"] == "pagerduty"
    assert receiver["settings"]["integrationKey"] == "$PAGERDUTY_ROUTING_KEY"
    # Every variable that Grafana has to be given is explained in its file.
    for path in files:
        if path.suffix == ".yml":
            needed = set(re.findall(r"\$([A-Z_]+)$", path.read_text(), re.MULTILINE))
            assert needed == set(re.findall(r"^#   ([A-Z_]+) ", path.read_text(), re.MULTILINE))
    shown = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "dashboards").iterdir()}
    assert shown.keys() == DASHBOARDS.keys()
    assert all(dashboard["title"].startswith("Prod / ") for dashboard in shown.values())


def test_config_maps_are_for_the_sidecar() -> None:
    maps: list[Any] = list(yaml.safe_load_all(run("--format", "configmap").stdout))
    assert [one["metadata"]["name"] for one in maps] == [f"grafana-{name}" for name in sorted(DASHBOARDS)]
    for one in maps:
        assert (one["apiVersion"], one["kind"]) == ("v1", "ConfigMap")
        assert one["metadata"]["labels"] == {"grafana_dashboard": "1"}
        ((file, text),) = one["data"].items()
        assert json.loads(text) == DASHBOARDS[file.removesuffix(".json")]
        assert len(text.encode()) < 1 << 20, "more than Kubernetes allows"
    assert len(list(yaml.safe_load_all(run("vault-node", "--format", "configmap").stdout))) == 1


@each_dashboard
def test_nothing_wished_changes_nothing(dashboard: Json) -> None:
    assert as_json(adapted(dashboard, DashboardOptions())) == as_json(dashboard)


@each_dashboard
def test_log_panels_stand_below_the_others(dashboard: Json) -> None:
    before = copy.deepcopy(dashboard)
    result = adapted(dashboard, DashboardOptions(logs=LOGS))
    assert dashboard == before
    added = result["panels"][len(dashboard["panels"]) :]
    if dashboard["uid"] not in {"vault-overview", "vault-audit"}:
        assert added == []
        return
    assert [panel["type"] for panel in added] == ["row", "logs", "logs"]
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    assert added[0]["gridPos"] == {"h": 1, "w": 24, "x": 0, "y": bottom}
    assert [panel["gridPos"]["x"] for panel in added[1:]] == [0, 12]
    assert [panel["targets"][0]["expr"] for panel in added[1:]] == [f'{LOGS} | json | error!=""', LOGS]
    numbers = [inner["id"] for panel in result["panels"] for inner in (panel, *panel.get("panels", ()))]
    assert len(set(numbers)) == len(numbers)
    assert variable(result, "logs")["query"] == "loki"

    plugins.register_default_plugins()
    Dashboard.from_json(result)
    linked = {panel["title"]: link["url"] for panel in panels(result) for link in panel.get("links", ())}
    assert {"Errors by class", "Events that happened", "Denials by mount"} <= set(linked)
    assert {"Failing collectors", "Failure tolerance"}.isdisjoint(linked)
    (url,) = set(linked.values())
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    pane = json.loads(query["panes"])["lines"]
    assert (pane["datasource"], pane["range"]) == ("${logs}", {"from": "${__from}", "to": "${__to}"})
    assert pane["queries"][0]["expr"] == LOGS
