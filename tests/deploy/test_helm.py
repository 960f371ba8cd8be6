"""The chart renders valid objects for every set of values; ``make deploy-test`` tries all versions of everything."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from deploy.helm import generate
from tests.deploy import chart
from tests.deploy.chart import CHART, EXAMPLE, SETS, helm, named, refusal, template, validate
from vault_exporter.cli.table import assembled
from vault_exporter.config.parse.values import shard
from vault_exporter.config.schema.shard import Shard

GOLDEN = chart.ROOT / "tests" / "golden" / "helm"
KUBECTL_LIMIT = 262_144
"""Bytes that annotations may have, with the object that ``kubectl apply`` keeps in one."""
SECRET_LIMIT = 1_048_576
PACK = "(of the pack)"


def test_the_generated_files_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0, capsys.readouterr().err


def test_lint_finds_nothing() -> None:
    done = helm("lint", "--strict", CHART)
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


@pytest.mark.parametrize("values", SETS)
def test_objects_are_valid(values: str, request: pytest.FixtureRequest) -> None:
    objects = template(SETS[values])
    for one in objects:
        for kubernetes in (chart.KUBERNETES[0], chart.KUBERNETES[-1]):
            validate(one, kubernetes)
        assert len(json.dumps(one)) < KUBECTL_LIMIT
    golden = GOLDEN / f"{values}.yaml"
    shown = yaml.safe_dump_all([without_pack(one) for one in objects], sort_keys=True, width=120)
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown)
    assert golden.read_text() == shown


def command(*arguments: str) -> str:
    """Return what ``vault-exporter`` prints."""
    result = CliRunner().invoke(assembled(()), arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def without_pack(one: dict[str, Any]) -> dict[str, Any]:
    """Leave out rules, dashboards and Alertmanager's configuration, which change with the pack."""
    name = one["metadata"]["name"]
    if one["kind"] in {"PrometheusRule", "AlertmanagerConfig", "GrafanaDashboard"}:
        return {**one, "spec": PACK}
    if any(key.endswith(".json") for key in one.get("data", {})) or name == "alertmanager-vault":
        return {key: PACK if key in {"data", "stringData"} else value for key, value in one.items()}
    return one


def test_a_release_fits_into_a_secret() -> None:
    whole: dict[str, Any] = {"prometheusRule": {"enabled": True, "profile": "all"}, "dashboards": {"enabled": True}}
    manifest = yaml.safe_dump_all(template(SETS["its-camera-ai"], **whole))
    files = {str(path): path.read_text() for path in CHART.rglob("*") if path.is_file()}
    release = gzip.compress(json.dumps({"chart": files, "manifest": manifest}).encode())
    assert len(base64.b64encode(release)) < SECRET_LIMIT


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"centrl": {"enabled": True}}, "centrl"),
        ({"vault__auth__method": "approle"}, "method"),
        ({"dashboards__kind": "Secret"}, "kind"),
        ({"central__shards": 0}, "shards"),
        ({"vault__replicas": 0}, "replicas"),
        ({"vault__auth__method": "token"}, "vault.auth.tokenSecret is needed"),
        ({"agents__agent__enabled": True}, "agents.agent.selector is needed"),
        ({"prometheusRule__enabled": True, "prometheusRule__parameters": {"memory": 1}}, "memory_limit_bytes"),
        ({"prometheusRule__enabled": True, "prometheusRule__parameters": {"canary_seconds": "1s"}}, "canary_seconds"),
        ({"prometheusRule__enabled": True, "prometheusRule__alerts": {"VaultDwn": {}}}, "VaultDwn: there is no such"),
        ({"prometheusRule__alerts": {"VaultDown": {"severity": "page"}}}, "severity"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused(settings: dict[str, Any], words: str) -> None:
    assert words in refusal(**settings)


def test_the_rules_are_those_of_the_command() -> None:
    spec = named(template(SETS["rules-changed"]), "PrometheusRule")["spec"]
    printed = command(
        *("rules", "--format", "operator", "--profile", "all"),
        *("--set", "job=openbao", "--set", "exporter_job=openbao-exporter", "--set", "agent_job=sidecars"),
        *("--set", "injector_job=webhook", "--set", "memory_limit_bytes=4294967296"),
        *("--set", "VaultDown.for=2m", "--set", "VaultGcPressure.enabled=false"),
        *("--set", "VaultPolicyChanged.severity=warning", "--set", "dashboard_url=https://grafana.example.com"),
        *("--set", "severity.critical=page", "--set", "severity.warning=P3"),
        *("--set", "runbook_url=https://runbooks.example.com/{name}"),
    )
    assert spec == yaml.safe_load(printed)["spec"]


@pytest.mark.parametrize("profile", ["core", "standard", "all"])
def test_the_profiles_are_those_of_the_command(profile: str) -> None:
    objects = template(
        prometheusRule__enabled=True,
        prometheusRule__profile=profile,
        prometheusRule__runbookUrl="http://vault-exporter:9410/runbooks/{name}",
    )
    printed = command("rules", "--format", "operator", "--profile", profile)
    assert named(objects, "PrometheusRule")["spec"] == yaml.safe_load(printed)["spec"]


@pytest.mark.parametrize(
    ("values", "address"),
    [
        ("default", "http://vault-exporter.its-camera-ai.svc:9410/runbooks/VaultSealed"),
        ("web-tls", "https://vault-exporter.its-camera-ai.svc:9410/runbooks/VaultSealed"),
        ("sidecar", "http://vault-0.vault-internal.vault.svc:9410/runbooks/VaultSealed"),
    ],
)
def test_the_runbooks_are_at_an_exporter_that_runs(values: str, address: str) -> None:
    spec = named(template(SETS[values], prometheusRule__enabled=True), "PrometheusRule")["spec"]
    rules = {rule.get("alert"): rule for group in spec["groups"] for rule in group["rules"]}
    assert rules["VaultSealed"]["annotations"]["runbook_url"] == address


def test_prometheus_asks_each_shard_for_its_targets() -> None:
    objects = template(SETS["shards"])
    workload, headless = named(objects, "StatefulSet"), named(objects, "Service", "-shards")
    name, service = workload["metadata"]["name"], headless["metadata"]["name"]
    assert (workload["spec"]["replicas"], workload["spec"]["serviceName"]) == (3, service)
    assert headless["spec"]["selector"] == workload["spec"]["selector"]["matchLabels"]
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    written = next(one["value"] for one in container["env"] if one["name"] == "VAULT_EXPORTER_SHARD")
    read = [shard(written.replace("$(POD_NAME)", f"{name}-{number}")) for number in range(3)]
    assert read == [Shard(number, 3) for number in range(3)]
    urls = [one["url"] for one in named(objects, "ScrapeConfig")["spec"]["httpSDConfigs"]]
    namespace = workload["metadata"]["namespace"]
    assert urls == [f"http://{name}-{number}.{service}.{namespace}.svc:9410/sd" for number in range(3)]


def test_the_page_of_a_shard_is_scraped_once() -> None:
    objects = template(SETS["shards"])
    selector = named(objects, "ServiceMonitor")["spec"]["selector"]
    selected = [
        one["metadata"]["name"]
        for one in objects
        if one["kind"] == "Service"
        and selector["matchLabels"].items() <= one["metadata"]["labels"].items()
        and not any(expression["key"] in one["metadata"]["labels"] for expression in selector["matchExpressions"])
    ]
    assert selected == [named(objects, "ServiceMonitor")["metadata"]["name"]]


def test_the_notes_make_the_role() -> None:
    done = helm(
        "install",
        "vault-exporter",
        CHART,
        "--dry-run=client",
        "--namespace",
        "its-camera-ai",
        "--values",
        SETS["its-camera-ai"],
    )
    assert done.returncode == 0, done.stderr
    notes = done.stdout.partition("NOTES:")[2]
    for words in ("vault policy write vault-exporter", "bound_service_account_names=vault-exporter", "sidecar-values"):
        assert words in notes


def test_the_example_has_the_sidecar_of_the_chart() -> None:
    config_map = named(template(SETS["its-camera-ai"]), "ConfigMap", "-sidecar-values")
    assert (EXAMPLE / "vault-sidecar-values.yaml").read_text() == config_map["data"]["values.yaml"]


@pytest.mark.parametrize("path", sorted(EXAMPLE.glob("*.yaml")), ids=lambda path: path.name)
def test_the_example_is_valid_yaml(path: Path) -> None:
    for one in yaml.safe_load_all(path.read_text()):
        if one.get("kind") == "Secret":
            validate(one, chart.KUBERNETES[-1])
        assert isinstance(one, dict)
