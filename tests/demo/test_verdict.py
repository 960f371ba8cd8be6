"""The verdict: right evidence passes, and every check can fail."""

from collections.abc import Callable

import msgspec
import pytest

from vault_exporter.demo.evidence import Evidence, Logged, PrometheusView, RuleView
from vault_exporter.demo.traffic import Sent
from vault_exporter.demo.verdict import Check, judge
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.exposition import EOF, Format, render
from vault_exporter.metrics.family import Sample

NATIVE = """\
# TYPE vault_runtime_alloc_bytes gauge
vault_runtime_alloc_bytes 47185920
# TYPE vault_runtime_num_goroutines gauge
vault_runtime_num_goroutines 544
# TYPE vault_barrier_put summary
vault_barrier_put_sum 12.5
vault_barrier_put_count 39
# TYPE vault_barrier_get summary
vault_barrier_get_sum 30.25
vault_barrier_get_count 140
"""
LOG = "/demo/audit.log"
KV = ("kv", "its-camera-ai/")
LOGGED = {
    ("request", "read", *KV): 60,
    ("response", "read", *KV): 60,
    ("request", "update", "approle", "auth/approle/"): 20,
    ("response", "update", "approle", "auth/approle/"): 19,
}
SAMPLES: tuple[Sample, ...] = (
    c.UP(1),
    c.CORE_UNSEALED(1),
    c.ACTIVE(1),
    c.SEALED(0),
    *(c.COLLECTOR_SUCCESS(1, name) for name in ("health", "seal", "leader", "certificate", "replication", "telemetry")),
    c.TELEMETRY_STATUS(1, "ok"),
    c.TELEMETRY_STATUS(0, "failed"),
    c.TELEMETRY_SAMPLES(480),
    *(c.AUDIT_ENTRIES(count, *labels) for labels, count in LOGGED.items()),
    c.AUDIT_ERRORS(8, "permission_denied", *KV),
    c.AUDIT_ERRORS(5, "invalid_request", "approle", "auth/approle/"),
    c.AUDIT_READABLE(1, LOG),
    c.AUDIT_READ_BYTES(200_000, LOG),
    c.AUDIT_REJECTED(0, LOG, "not_json"),
)
RIGHT = Evidence(
    text=render(SAMPLES, Format.TEXT) + NATIVE.encode(),
    openmetrics=render(SAMPLES, Format.OPENMETRICS) + NATIVE.encode() + EOF,
    log_bytes=199_000,
    logged=Logged(159, LOGGED),
    sent=Sent(requests=75, denied=8, failed_logins=5),
    rules=("VaultDown", "VaultSealed"),
    prometheus=PrometheusView(
        up=1,
        vault_up=1,
        new_entries=140,
        rules=(RuleView("VaultDown", "ok", "inactive"), RuleView("VaultSealed", "ok", "firing", "info")),
    ),
)

Change = Callable[[Evidence], Evidence]


def page(old: str, new: str) -> Change:
    """Change the text page, which the checks read."""

    def change(evidence: Evidence) -> Evidence:
        assert old in evidence.text.decode()
        return msgspec.structs.replace(evidence, text=evidence.text.replace(old.encode(), new.encode()))

    return change


def openmetrics(old: str, new: str) -> Change:
    def change(evidence: Evidence) -> Evidence:
        assert old in evidence.openmetrics.decode()
        return msgspec.structs.replace(evidence, openmetrics=evidence.openmetrics.replace(old.encode(), new.encode()))

    return change


def with_(**changes: object) -> Change:
    return lambda evidence: msgspec.structs.replace(evidence, **changes)


def sent(**changes: object) -> Change:
    return lambda evidence: msgspec.structs.replace(evidence, sent=msgspec.structs.replace(evidence.sent, **changes))


def prometheus(**changes: object) -> Change:
    def change(evidence: Evidence) -> Evidence:
        assert evidence.prometheus is not None
        return msgspec.structs.replace(evidence, prometheus=msgspec.structs.replace(evidence.prometheus, **changes))

    return change


UNSEALED = "vault_core_unsealed 1\n"
DENIED = 'vault_audit_errors_total{class="permission_denied",mount_type="kv",mount_point="its-camera-ai/"} 8\n'
READ = 'vault_audit_entries_total{type="request",operation="read",mount_type="kv",mount_point="its-camera-ai/"} 60\n'

PARSES = "page parses as text format 0.0.4"
PARSES_OPENMETRICS = "page parses as OpenMetrics 1.0"
COLLECTORS = "every collector succeeded"
TELEMETRY = "Vault's own telemetry is passed on"
NAMES = "the names that users know are there"
TO_ITS_END = "the audit log is read to its end"
LINES = "audit entries counted are the lines of the log"
LABELS = "... also by operation and mount"
RESPONSES = "a response is counted for each one sent"
REQUESTS = "a request is counted for each one sent"
REFUSED = "refused logins are counted as such"
TRAFFIC = "the traffic ended as it should"
RULES = "Prometheus: every alert rule is loaded and healthy"
ALERTS = "Prometheus: no alert fires, or is about to"

CASES: tuple[tuple[Change, str, str], ...] = (
    (page("vault_up 1\n", "vault_up one\n"), PARSES, "could not convert string to float: 'one'"),
    (with_(text=b""), PARSES, "0 samples"),
    (openmetrics("# EOF\n", ""), PARSES_OPENMETRICS, "Missing # EOF at end"),
    (openmetrics("vault_audit_entries_total{", "vault_audit_entries{"), PARSES_OPENMETRICS, "Clashing name"),
    (page("vault_up 1\n", "vault_up 0\n"), "vault_up is 1, in one series", "0"),
    (page("vault_up 1\n", ""), "vault_up is 1, in one series", "no series"),
    (page(UNSEALED, "vault_core_unsealed 0\n"), "vault_core_unsealed is 1, in one series", "0"),
    (
        page(UNSEALED, UNSEALED + 'vault_core_unsealed{cluster=""} 0\n'),
        "vault_core_unsealed is 1, in one series",
        "1, 0",
    ),
    (page("vault_active 1\n", "vault_active 0\n"), "vault_active is 1, in one series", "0"),
    (page("vault_sealed 0\n", "vault_sealed 1\n"), "vault_sealed is 0, in one series", "1"),
    (page('collector="seal"} 1', 'collector="seal"} 0'), COLLECTORS, "failed: seal"),
    (page('vault_exporter_collector_success{collector="leader"} 1\n', ""), COLLECTORS, "failed: leader"),
    (page('status="ok"} 1', 'status="ok"} 0'), TELEMETRY, "none, 480 samples"),
    (page("telemetry_samples 480\n", "telemetry_samples 0\n"), TELEMETRY, "ok, 0 samples"),
    (page("vault_barrier_get_sum 30.25\n", ""), NAMES, "missing: vault_barrier_get_sum"),
    (page("vault_audit_reader_up{", "vault_audit_reader_other{"), TO_ITS_END, "200000 bytes read, 199000 were there"),
    (with_(log_bytes=200_001), TO_ITS_END, "200000 bytes read, 200001 were there"),
    (with_(logged=Logged(160, LOGGED)), LINES, "159 counted, 160 lines"),
    (with_(logged=Logged(0, {})), LINES, "159 counted, 0 lines"),
    (page(READ, READ.replace("60", "61")), LABELS, "1 of 4 series differ"),
    (page(READ, READ.replace("its-camera-ai/", "other/")), LABELS, "2 of 4 series differ"),
    (sent(requests=80), RESPONSES, "79 in the audit metrics, at least 80 expected"),
    (sent(requests=81), REQUESTS, "80 in the audit metrics, at least 81 expected"),
    (
        page(DENIED, DENIED.replace(" 8\n", " 7\n")),
        "denied reads are counted as such",
        "7 in the audit metrics, at least 8 expected",
    ),
    (sent(denied=0), "denied reads are counted as such", "8 in the audit metrics, at least 0 expected"),
    (sent(failed_logins=6), REFUSED, "5 in the audit metrics, at least 6 expected"),
    (page('reason="not_json"} 0', 'reason="not_json"} 2'), "no line of the audit log is rejected", "2 rejected"),
    (sent(unexpected=1, problem="read: no answer"), TRAFFIC, "read: no answer"),
    (sent(requests=0), TRAFFIC, "0 requests"),
    (prometheus(up=None), "Prometheus: up is 1", "no value"),
    (prometheus(up=0.0), "Prometheus: up is 1", "0"),
    (prometheus(vault_up=0.0), "Prometheus: vault_up is 1", "0"),
    (prometheus(new_entries=0.0), "Prometheus: audit entries increase", "0 in the last minute"),
    (prometheus(new_entries=None), "Prometheus: audit entries increase", "no value"),
    (prometheus(rules=RIGHT.prometheus.rules[:1] if RIGHT.prometheus else ()), RULES, "VaultSealed is missing"),
    (
        prometheus(rules=(RuleView("VaultDown", "err", "inactive"), RuleView("VaultSealed", "ok", "inactive"))),
        RULES,
        "VaultDown is not healthy",
    ),
    (with_(rules=()), RULES, "2 rules"),
    (
        prometheus(rules=(RuleView("VaultDown", "ok", "pending"), RuleView("VaultSealed", "ok", "firing"))),
        ALERTS,
        "VaultDown is pending, VaultSealed is firing",
    ),
)


def failed(checks: tuple[Check, ...]) -> dict[str, str]:
    return {check.name: check.figure for check in checks if not check.ok}


def test_right_evidence_passes() -> None:
    checks = judge(RIGHT)
    assert failed(checks) == {}
    assert Check(LINES, ok=True, figure="159 counted, 159 lines") in checks


def test_without_prometheus_its_checks_are_left_out() -> None:
    checks = judge(msgspec.structs.replace(RIGHT, prometheus=None))
    assert failed(checks) == {}
    assert [check.name for check in judge(RIGHT)[len(checks) :]] == [
        "Prometheus: up is 1",
        "Prometheus: vault_up is 1",
        "Prometheus: audit entries increase",
        RULES,
        ALERTS,
    ]


@pytest.mark.parametrize(("change", "name", "figure"), CASES, ids=[f"{name}: {figure}" for _, name, figure in CASES])
def test_wrong_evidence_fails(change: Change, name: str, figure: str) -> None:
    wrong = failed(judge(change(RIGHT)))
    assert name in wrong
    assert wrong[name].startswith(figure)


def test_every_check_can_fail() -> None:
    assert {name for _, name, _ in CASES} == {check.name for check in judge(RIGHT)}
