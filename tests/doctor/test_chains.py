"""Broken chains, each found, and a good one without a finding: on a real Prometheus and a real Alertmanager."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doctor import breaks
from tests.doctor.broken import BROKEN, HARMLESS, TOGETHER, Harmless
from tests.doctor.stage import Stage, examined, stage

ROWS = {row.name: row for row in BROKEN}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("stage")) as started:
        yield started


def test_a_good_chain_has_no_finding(chain: Stage) -> None:
    chain.play(chain.good())
    report = chain.examined(until=lambda report: not report.findings)
    assert report.findings == ()
    assert report.status == 0
    assert report.notes == (
        "The exporter's targets, token and audit logs were not tried: give its file with --config.",
    )


@pytest.mark.parametrize("rows", HARMLESS, ids=lambda rows: rows[0].name)
def test_what_is_no_fault_is_not_found(chain: Stage, rows: tuple[Harmless, ...]) -> None:
    case = chain.good()
    for row in rows:
        row.how(case, chain)
    chain.play(case)
    assert chain.examined(until=lambda report: not report.findings).findings == ()


@pytest.mark.parametrize("are_loaded", [True, False])
def test_agents_are_optional_with_a_configuration_too(chain: Stage, tmp_path: Path, *, are_loaded: bool) -> None:
    case = chain.good()
    if not are_loaded:
        breaks.agents_disabled(case, chain)
    chain.play(case)
    config = tmp_path / "config.yml"
    config.write_text(f"targets: [{{name: n1, address: 'http://{case.closed}'}}]\n")
    report = examined(*chain.arguments, "--config", str(config))
    assert "check-online" in report.checks
    assert [one for finding in report.findings for one in finding["subjects"] if one.startswith("VaultAgent")] == []


def test_a_silence_of_a_whole_alert_is_found(chain: Stage) -> None:
    matchers = [{"name": "alertname", "value": "Vault(Down|Sealed)", "isRegex": True, "isEqual": True}]
    with chain.silenced(matchers):
        report = chain.examined(until=lambda report: report.checks == {"silenced"})
        assert [finding["subjects"] for finding in report.findings] == [["VaultDown", "VaultSealed"]]
    with chain.silenced([*matchers, {"name": "instance", "value": "n1", "isRegex": False, "isEqual": True}]):
        assert chain.examined(until=lambda report: not report.findings).findings == ()


@pytest.mark.parametrize("names", TOGETHER, ids=lambda names: names[0])
def test_each_fault_of_a_broken_chain_is_found(chain: Stage, names: tuple[str, ...]) -> None:
    rows = [ROWS[name] for name in names]
    expected = set().union(*(row.checks for row in rows))
    chain.grafana.reset()
    case = chain.good()
    for row in rows:
        row.how(case, chain)
    chain.play(case)
    report = chain.examined(until=lambda report: report.checks == expected and all(row.is_said(report) for row in rows))
    assert report.checks == expected
    assert [row.name for row in rows if not row.is_said(report)] == []
    levels = [finding["level"] for finding in report.findings]
    assert levels == sorted(levels, key=["critical", "warning", "info"].index)
    assert report.status == {"warning": 1, "critical": 2}[levels[0]]
    assert all(finding["remedy"] and finding["place"] for finding in report.findings)


def test_at_least_25_faults_are_tried_here() -> None:
    assert len({name for names in TOGETHER for name in names}) >= 25
