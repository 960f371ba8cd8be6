"""Events: what a real server wrote while each was done on purpose, and rules of the operator's own."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.audit.entries import fed, line, recorded, values
from vault_exporter.audit.count.pipeline import Pipeline, PipelineSettings
from vault_exporter.audit.events.builtin import BUILT_IN, RAW_VALUES
from vault_exporter.config.schema.model import AllowedEvents, EventRule, Events, Exclude, Threshold
from vault_exporter.metrics import catalogue as c


def counted(pipeline: Pipeline) -> dict[str, float]:
    return {labels[0]: count for labels, count in values(pipeline, c.AUDIT_EVENTS).items()}


def own(*rules: EventRule) -> PipelineSettings:
    names = (*(rule.event for rule in BUILT_IN), RAW_VALUES)
    return PipelineSettings(events=Events(disable=names, rules=rules))


def test_operations_of_a_real_server() -> None:
    pipeline = fed(recorded("operations.jsonl"))
    assert counted(pipeline) == {
        "root_token_used": 35,
        "root_token_created": 1,
        "generate_root": 1,
        "rekey": 1,
        "barrier_key_rotated": 2,
        "seal": 1,
        "step_down": 1,
        "policy_changed": 1,
        "auth_method_changed": 2,
        "mount_changed": 4,
        "raw_storage_access": 3,
        "snapshot_taken": 1,
        "token_without_expiry_created": 1,
        "sudo_path_used": 11,
    }
    last = {labels[0]: time for labels, time in values(pipeline, c.AUDIT_EVENT_LAST).items()}
    assert last.keys() == counted(pipeline).keys()
    assert datetime.fromtimestamp(last["seal"], UTC).isoformat() == "2026-11-24T19:50:44.233766+00:00"


def test_outcomes_of_a_real_server() -> None:
    pipeline = fed(recorded("operations.jsonl"))
    assert values(pipeline, c.AUDIT_LOGINS) == {("userpass", "auth/userpass/"): 2}  # one of them wrapped
    assert values(pipeline, c.AUDIT_TOKENS_CREATED) == {("service",): 4, ("batch",): 1, ("other",): 1}
    for family, count in (
        (c.AUDIT_TOKENS_RENEWED, 1),
        (c.AUDIT_TOKENS_REVOKED, 1),
        (c.AUDIT_WRAPPED, 3),
        (c.AUDIT_UNWRAPS, 2),
        (c.AUDIT_UNWRAP_FAILURES, 2),
    ):
        assert values(pipeline, family) == {(): count}, family.name
    # Sealing, stepping down, the device's test and refused wrapping tokens are requests without a response.
    assert not values(pipeline, c.AUDIT_PENDING)
    assert not values(pipeline, c.AUDIT_UNMATCHED)


def test_every_event_is_there_from_the_start() -> None:
    pipeline = Pipeline(PipelineSettings(events=Events(disable=("seal",), rules=(EventRule("mine", paths=("a",)),))))
    samples = {sample.labels[0]: sample.value for sample in pipeline.samples() if sample.family is c.AUDIT_EVENTS}
    names = {rule.event for rule in BUILT_IN} | {RAW_VALUES, "mine"} - {"seal"}
    assert samples == dict.fromkeys(names - {"seal"}, 0)


def test_raw_values() -> None:
    plain = {"client_token": "hvs.CAESplanted", "policies": ["default"]}
    hashed = {"client_token": "hmac-sha256:69bf", "policies": ["default"]}
    pipeline = fed(
        [
            line("request", auth=plain),
            line("response", auth=plain),
            line("response", auth=hashed),
            line("response", auth={"token_type": "default"}),
        ]
    )
    assert counted(pipeline) == {RAW_VALUES: 1}


def test_a_login_burst_counts_once_for_its_number() -> None:
    start = datetime(2026, 11, 24, 12, tzinfo=UTC)
    login = {"operation": "update", "mount_type": "ldap", "mount_point": "auth/ldap/", "path": "auth/ldap/login/x"}

    def failures(number: int, seconds: float) -> list[bytes]:
        times = [(start + timedelta(seconds=seconds * at)).isoformat() for at in range(number)]
        return [line("response", time, request=login, error="invalid credentials") for time in times]

    assert counted(fed(failures(49, 0.1))) == {}
    assert counted(fed(failures(50, 0.1))) == {"login_burst": 1}
    assert counted(fed(failures(120, 0.1))) == {"login_burst": 2}
    assert counted(fed(failures(200, 2))) == {}
    assert values(fed(failures(9, 1)), c.AUDIT_LOGIN_FAILURES) == {("ldap", "auth/ldap/"): 9}


REQUEST = {"path": "its-camera-ai/data/encryption/master", "mount_point": "its-camera-ai/"}


@pytest.mark.parametrize(
    ("rule", "fields", "fires"),
    [
        ({"paths": ("its-camera-ai/data/encryption/*",)}, {}, True),
        ({"paths": ("its-camera-ai/+/encryption/master",)}, {}, True),
        ({"paths": ("its-camera-ai/data/+",)}, {}, False),
        ({"paths": ("its-camera-ai/data/encryption",)}, {}, False),
        ({"paths": ("other/*", "its-camera-ai/*")}, {}, True),
        ({"paths": ("*",), "operations": ("update",)}, {}, False),
        ({"paths": ("*",), "operations": ("list", "read")}, {}, True),
        ({"mount_types": ("pki",)}, {}, False),
        ({"mount_types": ("kv",)}, {}, True),
        ({"paths": ("*",)}, {"error": "permission denied"}, False),
        ({"paths": ("*",), "outcome": "any"}, {"error": "permission denied"}, True),
        ({"outcome": "failure"}, {"error": "permission denied"}, True),
        ({"outcome": "failure"}, {}, False),
        ({"errors": ("permission_denied",), "outcome": "failure"}, {"error": "permission denied"}, True),
        ({"errors": ("internal",), "outcome": "failure"}, {"error": "permission denied"}, False),
        ({"policies": ("admin-*",)}, {"auth": {"policies": ["default", "admin-eu"]}}, True),
        ({"policies": ("admin-*",)}, {"auth": {"policies": ["default", "sub-admin-eu"]}}, False),
        ({"policies": ("admin",), "paths": ("other/*",)}, {"auth": {"policies": ["admin"]}}, False),
        ({"token_types": ("batch",)}, {"auth": {"token_type": "batch"}}, True),
        ({"token_types": ("batch",)}, {"auth": {"token_type": "service"}}, False),
        ({"logins": True}, {}, False),
        ({"issued_policies": ("ad*",)}, {"response": {"auth": {"client_token": "x", "policies": ["adm"]}}}, True),
        ({"issued_policies": ("ad*",)}, {"response": {"auth": {"policies": ["adm"]}}}, False),
        ({"issued_without_expiry": True}, {"response": {"auth": {"client_token": "x", "token_ttl": 60}}}, False),
        (
            {"issued_without_expiry": True},
            {"response": {"auth": {"client_token": "x", "token_type": "service", "policies": []}}},
            True,
        ),
    ],
)
def test_conditions_of_a_rule(rule: dict[str, Any], fields: dict[str, Any], fires: bool) -> None:  # noqa: FBT001
    settings = own(EventRule("mine", **rule))
    pipeline = fed([line("request", request=REQUEST), line("response", request=REQUEST, **fields)], settings)
    assert counted(pipeline) == ({"mine": 1} if fires else {})


def test_a_threshold_of_an_own_rule() -> None:
    rule = EventRule("mine", mount_types=("kv",), threshold=Threshold(count=3, within=10.0))
    times = (0, 1, 11.5, 12, 12.5, 13)
    lines = [line("response", f"2026-11-24T12:00:{seconds:06.3f}Z") for seconds in times]
    assert counted(fed(lines, own(rule))) == {"mine": 1}


@pytest.mark.parametrize(
    ("exclude", "reason"),
    [
        (Exclude(entity_ids=("e-1",)), "entity_id"),
        (Exclude(display_names=("token-exporter",)), "display_name"),
        (Exclude(remote_addresses=("10.0.0.9",)), "remote_address"),
    ],
)
def test_excluded_entries_are_counted_as_such_and_nowhere_else(exclude: Exclude, reason: str) -> None:
    auth = {"entity_id": "e-1", "display_name": "token-exporter"}
    lines = [
        line("request", id_="a"),
        line("request", request={"remote_address": "10.0.0.9"}, auth=auth),
        line("response", request={"remote_address": "10.0.0.9"}, auth=auth),
    ]
    pipeline = fed(lines, PipelineSettings(exclude=exclude))
    assert values(pipeline, c.AUDIT_EXCLUDED) == {(reason,): 2}
    assert sum(values(pipeline, c.AUDIT_ENTRIES).values()) == 1
    assert values(pipeline, c.AUDIT_PENDING) == {(): 1}
    assert not values(pipeline, c.AUDIT_UNMATCHED)


CHANGED = {"path": "sys/policies/acl/x", "mount_point": "sys/", "mount_type": "system", "operation": "update"}


@pytest.mark.parametrize(
    ("allowed", "counts"),
    [
        ({"entity_ids": ("e-1", "e-2")}, 0),
        ({"entity_ids": ("e-2",)}, 1),
        ({"display_names": ("token-terraform",)}, 0),
        ({"display_names": ("token-other",)}, 1),
        ({"entity_ids": ("e-1",), "display_names": ("token-other",)}, 1),
        ({"hours": "22:00-02:30"}, 0),
        ({"hours": "01:00-02:00"}, 0),
        ({"hours": "00:00-01:59"}, 1),
        ({"hours": "02:00-22:00"}, 1),
        ({"hours": "01:59-01:59"}, 1),
        ({"hours": "22:00-02:30", "entity_ids": ("e-1",)}, 0),
        ({"hours": "03:00-04:00", "entity_ids": ("e-1",)}, 1),
    ],
)
def test_what_is_allowed_is_no_event(allowed: dict[str, Any], counts: int) -> None:
    """By all that is given: who did it, and when (02:00 to the minute, but one, in UTC)."""
    auth = {"entity_id": "e-1", "display_name": "token-terraform", "policies": ["ci"]}
    time = "2026-11-24T03:59:30+02:00"
    lines = [line("request", time, request=CHANGED, auth=auth), line("response", time, request=CHANGED, auth=auth)]
    settings = PipelineSettings(events=Events(allow=(AllowedEvents(("policy_changed", "seal"), **allowed),)))
    assert counted(fed(lines, settings)) == ({"policy_changed": 1} if counts else {})
    other = PipelineSettings(events=Events(allow=(AllowedEvents(("seal",), **allowed),)))
    assert counted(fed(lines, other)) == {"policy_changed": 1}


def test_a_root_token_is_allowed_by_its_name_only() -> None:
    """It has no entity. Rules on policies are asked another way than those on paths."""
    auth = {"display_name": "token-break-glass", "policies": ["root"]}
    lines = [line("request", request=REQUEST, auth=auth), line("response", request=REQUEST, auth=auth)]
    by_name = AllowedEvents(("root_token_used",), display_names=("token-break-glass",))
    assert counted(fed(lines, PipelineSettings(events=Events(allow=(by_name,))))) == {}
    by_entity = AllowedEvents(("root_token_used",), entity_ids=("",))
    assert counted(fed(lines, PipelineSettings(events=Events(allow=(by_entity,))))) == {"root_token_used": 1}
