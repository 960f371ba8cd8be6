"""`vault-exporter rules`: thresholds that are where they are said to be, and rules that their systems take."""

import json
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.alerts.promql import nodes
from tests.lab.waiting import PATIENCE
from vault_exporter.alert_rules import PackError, Profile, apply, load, needs, parameters, said, select
from vault_exporter.alert_rules.needs import without
from vault_exporter.alert_rules.parameters import ADDRESSES, JOBS
from vault_exporter.alert_rules.rules import Rule, alerts
from vault_exporter.demo.process import program
from vault_exporter.scrape.collectors import COLLECTORS
from vault_exporter.scrape.collectors.configured import CONFIGURED

GROUPS: Final = load()
ALERTS: Final = alerts(GROUPS)
PARAMETERS: Final = parameters()


def changed(**overrides: str) -> dict[str, Rule]:
    return alerts(apply(GROUPS, overrides))


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_threshold_is_where_it_is_said_to_be(name: str) -> None:
    parameter = PARAMETERS[name]
    after = changed(**{name: "987654"})
    named = {alert for alert, rule in ALERTS.items() if f"{{{name}}}" in rule.template}
    assert named
    for alert, rule in ALERTS.items():
        if alert in named:
            assert after[alert].expr != rule.expr
            # The value, and nothing else.
            assert after[alert].expr.replace("987654", str(parameter.value)) == rule.expr
            assert after[alert].expr.count("987654") == rule.template.count(f"{{{name}}}")
            assert list(nodes(after[alert].expr))
        else:
            assert after[alert] == rule


def test_a_longer_scrape_interval_makes_windows_longer() -> None:
    after = changed(scrape_interval="2m")
    assert after["VaultDown"].for_ == "120s"
    assert "max_over_time(instance:vault_serves:bool[240s]) == 1" in after["VaultDown"].expr
    assert 'last_over_time(vault_sealed{job=~"vault"}[360s]) == 1' in after["VaultSealed"].expr
    assert "offset 1800s" in after["VaultRootTokenUsed"].expr
    assert "[6h]" in after["VaultRootTokenUsed"].expr, "long enough"
    assert after["VaultErrorBudgetBurnSlow"] == ALERTS["VaultErrorBudgetBurnSlow"]
    assert changed(**{"scrape_interval": "2m", "VaultDown.for": "5m"})["VaultDown"].for_ == "5m"
    for name, rule in after.items():
        assert list(nodes(rule.expr)), name
        for window in re.findall(r"\[(\d+)s[\]:]", rule.expr):
            assert int(window) >= 240, name


def test_nothing_changes_by_itself() -> None:
    assert apply(GROUPS, {}) == GROUPS
    defaults = {
        **JOBS,
        **ADDRESSES,
        "scrape_interval": "15s",
        **{name: str(one.value) for name, one in PARAMETERS.items()},
    }
    assert apply(GROUPS, defaults) == GROUPS


def test_jobs_and_addresses() -> None:
    after = changed(
        job="openbao.*",
        exporter_job="mon",
        agent_job="sidecars",
        injector_job="webhook",
        runbook_url="https://wiki/vault/",
        dashboard_url="https://grafana.test",
    )
    for name, rule in after.items():
        text = rule.expr + "".join(rule.annotations.values())
        assert set(re.findall(r'job=~\\?"([^"\\]*)', text)) <= {
            "openbao.*",
            "mon",
            "openbao.*|mon",
            "sidecars",
            "webhook",
        }, name
        assert rule.annotations["runbook_url"] == f"https://wiki/vault/{name}.md"
        assert rule.annotations["dashboard_url"].startswith("https://grafana.test/d/vault-")


def test_addresses_of_runbooks() -> None:
    for given, expected in (
        ("https://wiki/vault", "https://wiki/vault/VaultDown.md"),
        ("https://exporter:9410/runbooks/{name}", "https://exporter:9410/runbooks/VaultDown"),
        ("https://wiki/?page={name}&lang=en", "https://wiki/?page=VaultDown&lang=en"),
    ):
        assert changed(runbook_url=given)["VaultDown"].annotations["runbook_url"] == expected


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("memory_limit_bytes", "4GiB", "4294967296"),
        ("heartbeat_seconds", "1m30s", "90"),
        ("heartbeat_seconds", "1500ms", "1.5"),
        ("barrier_key_age_seconds", "90d", "7776000"),
        ("audit_seen_ratio", "80%", "0.8"),
    ],
)
def test_numbers_with_units(name: str, value: str, number: str) -> None:
    assert apply(GROUPS, {name: value}) == apply(GROUPS, {name: number})


def test_severities_of_the_user() -> None:
    after = changed(
        **{
            "severity.critical": "page",
            "severity.info": "P5",
            "VaultDown.severity": "info",
            "VaultSealed.severity": "critical",
        }
    )
    assert after["VaultDown"].labels["severity"] == "P5"
    assert after["VaultSealed"].labels["severity"] == "page"
    for name, rule in ALERTS.items():
        if name not in {"VaultDown", "VaultSealed"}:
            before = rule.labels["severity"]
            assert after[name].labels["severity"] == {"critical": "page", "info": "P5"}.get(before, before)


def test_parameters_are_printed_whole() -> None:
    command = [str(program("vault-exporter")), "rules", "--parameters"]
    table = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
    assert all(f" {name} " in table for name in (*JOBS, *ADDRESSES, *PARAMETERS, "severity.critical"))
    done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=True, timeout=PATIENCE)
    found = {one["name"]: one["default"] for one in json.loads(done.stdout)}
    assert found.items() >= {name: str(one.value) for name, one in PARAMETERS.items()}.items()
    alone = subprocess.run(
        [program("vault-exporter"), "rules", "--format", "json"], capture_output=True, text=True, check=False
    )
    assert (alone.returncode, alone.stderr) == (3, "--format json is for --parameters\n")


def test_for_severity_and_enabled() -> None:
    after = changed(**{"VaultDown.for": "5m", "VaultDown.severity": "warning", "VaultSealed.enabled": "false"})
    assert (after["VaultDown"].for_, after["VaultDown"].labels["severity"]) == ("5m", "warning")
    assert ALERTS.keys() - after.keys() == {"VaultSealed"}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("memory_limit", "1", "memory_limit: unknown parameter; did you mean memory_limit_bytes? vault-exp"),
        ("VaultDonw.for", "1m", "VaultDonw.for: unknown parameter; did you mean VaultDown.for? vault"),
        ("VaultDown", "5m", "VaultDown: unknown parameter; did you mean VaultDown.for"),
        ("VaultDown.color", "red", "VaultDown.color: unknown parameter"),
        ("foo", "1", "foo: unknown parameter. vault-exporter rules --parameters prints the names"),
        ("runbook_url", "foo", "runbook_url: 'foo' is not a URL such as https://wiki.example.com/runbooks"),
        ("dashboard_url", "/d", "dashboard_url: '/d' is not a URL such as https://wiki.example.com/runbooks"),
        ("memory_limit_bytes", "1s", "memory_limit_bytes: '1s' is not a number or a size such as 4GiB"),
        ("heartbeat_seconds", "1GiB", "heartbeat_seconds: '1GiB' is not a number or a duration such as 90s or 7d"),
        ("audit_seen_ratio", "half", "audit_seen_ratio: 'half' is not a number or a percentage such as 80%"),
        ("leadership_changes", "3s", "leadership_changes: '3s' is not a number"),
        ("severity.critical", 'a"b', "severity.critical: 'a\"b' is not a value for a label"),
        ("severity.urgent", "page", "severity.urgent: unknown parameter"),
        ("VaultDown.for", "soon", "VaultDown.for: 'soon' is not a duration such as 5m"),
        ("VaultDown.severity", "page", "VaultDown.severity: 'page' is not one of critical, warning, info"),
        ("VaultDown.enabled", "no", "VaultDown.enabled: 'no' is not one of true, false"),
        ("job", 'a"} or up{job="b', "is not a regular expression"),
        ("scrape_interval", "often", "scrape_interval: 'often' is not a duration of at most 4m"),
        (
            "scrape_interval",
            "5m",
            "scrape_interval: '5m' is not a duration of at most 4m: Prometheus takes a series for",
        ),
    ],
)
def test_what_is_wrong_is_said(name: str, value: str, message: str) -> None:
    with pytest.raises(PackError, match=re.escape(message)):
        apply(GROUPS, {name: value})


def test_every_rule_says_what_it_needs() -> None:
    collectors = {f"collector {name}" for name in (*(one.name for one in COLLECTORS), *CONFIGURED)}
    for group in GROUPS:
        for rule in group.rules:
            for need in needs(rule, GROUPS):
                assert need <= collectors | {"telemetry", "audit", "auth", "backup", "agents"}, rule.name
    assert needs(ALERTS["VaultDown"], GROUPS) == (frozenset(),)
    assert said(ALERTS["VaultDown"], GROUPS) == ""
    assert said(ALERTS["VaultAuditBlocked"], GROUPS) == "telemetry for a part of it"
    assert said(ALERTS["VaultAuditRawLogging"], GROUPS) == "collector audit_devices or audit"
    assert needs(ALERTS["VaultErrorBudgetBurnFast"], GROUPS) == (frozenset({"audit"}),)
    assert needs(ALERTS["VaultHostMemoryLow"], GROUPS) == (frozenset({"telemetry", "collector host"}),)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("vault-exporter"), "rules", *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE
    )


def test_prometheus_takes_them(tmp_path: Path) -> None:
    (tmp_path / "overrides.yml").write_text("memory_limit_bytes: 2147483648\nVaultSealed.enabled: false\n")
    printed = run("--overrides", tmp_path / "overrides.yml", "--set", "job=bao", "--set", "memory_limit_bytes=5")
    assert (printed.returncode, printed.stderr) == (0, "")
    (tmp_path / "rules.yml").write_text(printed.stdout)
    check = subprocess.run(["promtool", "check", "rules", tmp_path / "rules.yml"], capture_output=True, check=False)
    assert check.returncode == 0
    read = yaml.safe_load(printed.stdout)
    by_name = {rule.get("alert"): rule for group in read["groups"] for rule in group["rules"]}
    assert by_name["VaultHighMemoryUsage"]["expr"] == 'last_over_time(vault_runtime_alloc_bytes{job=~"bao"}[3m]) > 5'
    assert "VaultSealed" not in by_name
    assert "  # needs: collector host, telemetry\n  - alert: VaultHostMemoryLow" in printed.stdout


def test_what_is_set_of_an_alert_may_stand_below_its_name(tmp_path: Path) -> None:
    file = tmp_path / "overrides.yml"
    file.write_text("VaultDown: {for: 5m, severity: warning}\nVaultSealed:\n  enabled: false\n")
    changes = ("VaultDown.for=5m", "VaultDown.severity=warning", "VaultSealed.enabled=false")
    printed = run("--overrides", file)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout == run(*(word for change in changes for word in ("--set", change))).stdout
    for wrong, name in (("VaultDown:", "VaultDown"), ("VaultDown: {for: }", "VaultDown.for"), ("job: [a, b]", "job")):
        file.write_text(wrong)
        assert f"{file}: {name}: one value is expected" in run("--overrides", file).stderr


def test_the_overrides_of_the_readme_can_be_pasted(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "alerts" / "README.md").read_text()
    (block,) = re.findall(r"```yaml\n(# mine.yml\n.*?)```", text, re.DOTALL)
    (tmp_path / "mine.yml").write_text(block)
    printed = run("--overrides", tmp_path / "mine.yml")
    assert (printed.returncode, printed.stderr) == (0, "")
    assert "> 4294967296\n" in printed.stdout
    assert "alert: VaultGcPressure\n" not in printed.stdout


def test_an_expression_is_printed_as_it_was_written() -> None:
    printed = run("--profile", "all").stdout
    for rule in (rule for group in GROUPS for rule in group.rules):
        if "\n" in rule.expr.strip():
            assert "".join(f"      {line}\n" if line else "\n" for line in rule.expr.strip().split("\n")) in printed


def test_the_operator_takes_them() -> None:
    read = yaml.safe_load(run("--format", "operator").stdout)
    assert (read["apiVersion"], read["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert read["spec"] == yaml.safe_load(run().stdout)


def test_what_a_configuration_cannot_feed_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(
        "targets: [{name: n1, address: 'http://127.0.0.1:8200'}]\ntelemetry: {enabled: false}\n"
    )
    printed = run("--config", tmp_path / "config.yml")
    assert printed.returncode == 0
    left = {
        rule["alert"]
        for group in yaml.safe_load(printed.stdout)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert {"VaultDown", "VaultSealed", "VaultStorageUnavailable", "VaultCertificateExpiring", "VaultWatchdog"} <= left
    assert not {"VaultHighMemoryUsage", "VaultRootTokenUsed", "VaultBackupStale", "VaultExporterTokenExpiring"} & left
    assert "left out: VaultTelemetryMissing, which needs telemetry\n" in printed.stderr
    assert "left out: VaultHighMemoryUsage, which needs telemetry\n" in printed.stderr
    assert "left out: VaultRootTokenUsed, which needs audit\n" in printed.stderr


def test_everything_configured_leaves_nothing_out() -> None:
    everything = {f"collector {name}" for name in (*(one.name for one in COLLECTORS), *CONFIGURED)}
    kept, lacking = without(GROUPS, frozenset(everything | {"telemetry", "audit", "auth", "backup", "agents"}))
    assert (kept, lacking) == (GROUPS, {})


def test_profiles_hold_one_another() -> None:
    printed = {name: run("--profile", name).stdout for name in ("core", "standard", "all")}
    found = {
        name: {rule.get("alert") for group in yaml.safe_load(text)["groups"] for rule in group["rules"]} - {None}
        for name, text in printed.items()
    }
    assert found["core"] < found["standard"] < found["all"] == set(ALERTS)
    assert {"VaultDown", "VaultSealed", "VaultRootTokenUsed", "VaultWatchdog"} <= found["core"]
    assert "VaultPolicyChanged" not in found["standard"]
    assert run().stdout == printed["standard"]


@pytest.mark.parametrize("profile", Profile)
def test_what_is_recorded_comes_along(profile: Profile) -> None:
    groups = select(GROUPS, profile)
    recorded = {rule.record for group in groups for rule in group.rules if rule.record}
    for rule in alerts(groups).values():
        assert set(re.findall(r"\b(?:cluster|instance):[\w:]+", rule.expr)) <= recorded


def test_an_unknown_parameter_ends_the_command() -> None:
    printed = run("--set", "nothing=1")
    assert printed.returncode == 3
    assert printed.stdout == ""
    assert printed.stderr.startswith("nothing: unknown parameter")
    assert run("--set", "nothing").stderr == "--set nothing: not of the form NAME=VALUE\n"


def test_every_wrong_parameter_is_listed_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "overrides.yml"
    file.write_text("VaultDown: {for: 2m, colour: red}\nVaultGcPresure: {enabled: false}\nmemory_limit_bytes: much\n")
    printed = run("--overrides", file, "--set", "nothing=1", "--set", "memory_limit_bytes=more")
    assert (printed.returncode, printed.stdout) == (3, "")
    colour, pressure, memory, nothing = printed.stderr.splitlines()
    assert colour.startswith(f"{file}: VaultDown.colour: unknown parameter")
    assert pressure.startswith(f"{file}: VaultGcPresure.enabled: unknown parameter; did you mean VaultGcPressure.enab")
    assert memory == "memory_limit_bytes: 'more' is not a number or a size such as 4GiB"
    assert nothing.startswith("nothing: unknown parameter")


def test_a_value_that_is_not_one_of_a_few() -> None:
    printed = run("--profile", "cor")
    assert printed.returncode == 3
    assert re.search("Invalid value for '--profile': 'cor' is not one of 'core',", printed.stderr)


def test_parameters_are_listed() -> None:
    assert all(name in run("--parameters").stdout for name in ("job", "runbook_url", "memory_limit_bytes"))
