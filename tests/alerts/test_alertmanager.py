"""The configurations of Alertmanager: sound, alike where they must be, and with a receiver for each alert."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.alerts.promql import RULE_FILES
from tests.lab.alertmanager import CONFIG, FOLDER
from tests.lab.merged import SUBTREE, merged
from tests.lab.tools import versions
from tests.lab.waiting import PATIENCE

SLACK: Final = CONFIG.with_name("alertmanager-slack.yml")
CATEGORIES: Final = {path.stem for path in (FOLDER.parent / "rules").glob("*.yml")}


@pytest.mark.parametrize("amtool", versions("amtool").values(), ids=versions("amtool"))
@pytest.mark.parametrize("config", [CONFIG, SLACK], ids=lambda path: path.stem)
def test_amtool_finds_nothing(config: Path, amtool: str) -> None:
    check = subprocess.run(
        [amtool, "check-config", config], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert check.returncode == 0, check.stdout + check.stderr
    assert "1 templates" in check.stdout


PAGERDUTY_ROUTES: Final = {
    "alertname=VaultDown severity=critical category=availability": "vault-critical",
    "alertname=VaultSealed severity=critical category=availability": "vault-critical",
    "alertname=VaultAuditBlocked severity=critical category=audit": "vault-critical",
    "alertname=VaultCanaryFailing severity=critical category=availability": "vault-critical",
    "alertname=VaultHighMemoryUsage severity=warning category=saturation": "vault-warning",
    "alertname=VaultWatchedTokenExpiring severity=warning category=lifecycle": "vault-warning",
    "alertname=VaultAgentInjectorDown severity=critical category=agents": "vault-critical",
    "alertname=VaultUserLocked severity=warning category=security": "vault-security",
    "alertname=VaultLoginFailureSpike severity=warning category=security": "vault-security",
    "alertname=VaultRootTokenUsed severity=critical category=security": "vault-security-events",
    "alertname=VaultPolicyChanged severity=warning category=security": "vault-security-events",
    "alertname=VaultPolicyChanged severity=info category=security": "vault-nowhere",
    "alertname=VaultOdd severity=info category=availability": "vault-nowhere",
    "alertname=VaultInhibitor severity=info category=inhibition": "vault-nowhere",
    "alertname=VaultWatchdog severity=info category=meta": "vault-heartbeat",
    "alertname=VaultWatchdog severity=critical category=meta": "vault-heartbeat",
    "alertname=VaultOdd severity=page category=meta": "vault-warning",
    "alertname=VaultOdd category=meta": "vault-warning",
}
OTHERS: Final = {
    "alertname=Watchdog severity=none": "default",
    "alertname=InfoInhibitor severity=none": "default",
    "alertname=KubePodCrashLooping severity=critical category=availability": "default",
    "alertname=VaultDown severity=critical": "default",
    "alertname=VaultDown severity=critical category=storage team=backup": "default",
    "alertname=HashiVaultDown severity=critical category=availability": "default",
    "severity=critical": "default",
}
"""Alerts of other teams; some have a name, or a label, as ours have it."""
SLACK_ROUTES: Final = {
    "alertname=VaultDown severity=critical category=availability": "vault-critical",
    "alertname=VaultCanaryFailing severity=critical category=availability": "vault-critical",
    "alertname=VaultHighMemoryUsage severity=warning category=saturation": "vault-slack",
    "alertname=VaultWatchedTokenExpiring severity=warning category=lifecycle": "vault-slack",
    "alertname=VaultMountChanged severity=warning category=security": "vault-mail-security,vault-nowhere",
    "alertname=VaultRootTokenUsed severity=critical category=security": "vault-mail-security,vault-critical-events",
    "alertname=VaultOdd severity=info category=availability": "vault-nowhere",
    "alertname=VaultWatchdog severity=info category=meta": "vault-heartbeat",
    "alertname=VaultOdd category=meta": "vault-slack",
}


@pytest.mark.parametrize(
    ("config", "labels", "receiver"),
    [
        *((CONFIG, *route) for route in (PAGERDUTY_ROUTES | OTHERS).items()),
        *((SLACK, *route) for route in (SLACK_ROUTES | OTHERS).items()),
    ],
)
def test_routes(config: Path, labels: str, receiver: str) -> None:
    arguments = [f"--config.file={config}", f"--verify.receivers={receiver}", *labels.split()]
    run = subprocess.run(
        ["amtool", "config", "routes", "test", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.strip() == receiver


def test_the_whole_file_is_the_subtree_below_a_receiver_for_others() -> None:
    bare = {"route": {"receiver": "default"}, "receivers": [{"name": "default"}]}
    whole = _read(CONFIG)
    # Where ours come in a list of a whole file of our own is a matter of taste.
    assert sorted(map(repr, whole.pop("receivers"))) == sorted(map(repr, merged(bare).pop("receivers")))
    assert whole == {key: value for key, value in merged(bare).items() if key != "receivers"}


def test_all_configurations_inhibit_the_same() -> None:
    assert _read(CONFIG)["inhibit_rules"] == _read(SLACK)["inhibit_rules"] == _read(SUBTREE)["inhibit_rules"]


def test_only_alerts_of_the_pack_enter_the_subtree() -> None:
    (ours,) = _read(SUBTREE)["route"]["routes"]
    assert ours["matchers"] == ['alertname =~ "Vault.+"', f'category =~ "{_category_pattern(ours)}"']
    assert set(_category_pattern(ours).split("|")) == CATEGORIES


def _category_pattern(route: dict[str, Any]) -> str:
    pattern: str = route["matchers"][1].split('"')[1]
    return pattern


def test_keys_come_from_files_and_ends_are_told_but_of_events() -> None:
    for receiver in _read(CONFIG)["receivers"]:
        for pagerduty in receiver.get("pagerduty_configs", []):
            events = receiver["name"].endswith("-events")
            assert pagerduty["routing_key_file"] == f"/etc/alertmanager/{receiver['name'].removesuffix('-events')}.key"
            assert pagerduty["send_resolved"] is not events
            assert {"routing_key", "service_key", "service_key_file", "url"}.isdisjoint(pagerduty)


def test_events_are_the_alerts_on_what_somebody_did() -> None:
    """Of the alerts on security, those whose rule looks at an event of the audit log."""
    security = yaml.safe_load((FOLDER.parent / "rules" / "security.yml").read_text())["groups"]
    rules = [rule for group in security for rule in group["rules"] if "alert" in rule]
    told = {
        rule["alert"]: _receiver(f"alertname={rule['alert']} severity=critical category=security") for rule in rules
    }
    events = {rule["alert"] for rule in rules if "vault_audit_event" in rule["expr"]}
    assert {name for name, receiver in told.items() if receiver == "vault-security-events"} == events
    assert set(told.values()) == {"vault-security-events", "vault-security"}


def _receiver(labels: str) -> str:
    arguments = [f"--config.file={CONFIG}", *labels.split()]
    run = subprocess.run(["amtool", "config", "routes", "test", *arguments], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_inhibition_is_of_one_alert_of_one_instance_by_the_inhibitor() -> None:
    known = {rule["alert"] for path in RULE_FILES for rule in _alerts(path)}
    for rule in _read(CONFIG)["inhibit_rules"]:
        (target,) = rule["target_matchers"]
        symptom = target.removeprefix('alertname = "').removesuffix('"')
        assert symptom in known
        assert rule == {
            "source_matchers": ['alertname = "VaultInhibitor"', f'inhibits = "{symptom}"'],
            "target_matchers": [f'alertname = "{symptom}"'],
            # A file system that is nearly full explains only that the same one fills up.
            "equal": ["cluster", "instance", *(["mountpoint"] if symptom == "VaultHostDiskLow" else [])],
        }


def test_audit_security_and_quorum_are_never_inhibited() -> None:
    kept = {rule["alert"] for path in RULE_FILES if path.stem in {"audit", "security"} for rule in _alerts(path)}
    kept |= {"VaultQuorumAtRisk", "VaultClusterSealed", "VaultNoActiveNode", "VaultBackupStale", "VaultExporterDown"}
    inhibited = {rule["target_matchers"][0].split('"')[1] for rule in _read(CONFIG)["inhibit_rules"]}
    assert not kept & inhibited


def _alerts(path: Path) -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(path.read_text())["groups"]:
        yield from (rule for rule in group["rules"] if "alert" in rule)


def _read(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(path.read_text())
    return read
