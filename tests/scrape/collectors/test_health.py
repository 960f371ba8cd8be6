"""What the collectors make of an answer: OpenBao 2.7.2's as a server sent them, Vault's from its documentation."""

import pytest

from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collectors import COLLECTORS, health, leader, seal
from vault_exporter.scrape.node_state import Health, Leader, Mode, NodeState, SealStatus
from vault_exporter.vault.client import Answer, VaultError

SENT = 1_795_519_873.25


def answer(status: int, body: str) -> Answer:
    return Answer("sys/health", status, body.encode(), sent=SENT, seconds=0.5)


def values(samples: "tuple[Sample, ...]") -> dict[str, float]:
    """Name and labels as on the page → value, without the list of reasons that is the same everywhere."""
    return {
        "/".join((sample.family.name, *sample.labels)): sample.value
        for sample in samples
        if sample.family.name != "vault_up_failure_reason"
    }


def health_values(status: int, body: str) -> dict[str, float]:
    reply = answer(status, body)
    said = health.parse(reply)
    state = NodeState(health=said, status_code=status)
    return values((*state.samples(with_cluster=False), *health.samples(said, reply)))


OPENBAO_ACTIVE = (
    '{"initialized":true,"sealed":false,"standby":false,"replication_performance_mode":"disabled",'
    '"replication_dr_mode":"disabled","server_time_utc":1795519873,"version":"2.7.2",'
    '"cluster_name":"vault-cluster-5b7fa662","cluster_id":"8ed66dfc-bb94-b541-1791-916a80a26e3e"}'
)
NO_REPLICATION = {
    "vault_replication_dr_primary": 0,
    "vault_replication_dr_secondary": 0,
    "vault_replication_performance_primary": 0,
    "vault_replication_performance_secondary": 0,
}


def test_active_openbao() -> None:
    assert health_values(200, OPENBAO_ACTIVE) == NO_REPLICATION | {
        "vault_up": 1,
        "vault_health_status_code": 200,
        "vault_initialized": 1,
        "vault_sealed": 0,
        "vault_core_unsealed": 1,
        "vault_active": 1,
        "vault_info/2.7.2/vault-cluster-5b7fa662/8ed66dfc-bb94-b541-1791-916a80a26e3e": 1,
        "vault_standby": 0,
        # 1795519873.5, the middle of the second it states, less 1795519873.5, the middle of the call.
        "vault_clock_skew_seconds": 0.0,
    }


def test_standby_of_vault_enterprise_with_all_fields() -> None:
    body = (
        '{"initialized":true,"sealed":false,"standby":true,"performance_standby":true,'
        '"replication_performance_mode":"primary","replication_dr_mode":"secondary","server_time_utc":1795519883,'
        '"version":"1.19.0+ent","enterprise":true,"cluster_name":"prod","cluster_id":"id","last_wal":42,'
        '"license":{"state":"autoloaded","expiry_time":"2027-01-01T00:00:00Z","terminated":false},'
        '"echo_duration_ms":12,"clock_skew_ms":-250,"replication_primary_canary_age_ms":0,'
        '"removed_from_cluster":false,"ha_connection_healthy":true}'
    )
    assert health_values(473, body) == {
        "vault_up": 1,
        "vault_health_status_code": 473,
        "vault_initialized": 1,
        "vault_sealed": 0,
        "vault_core_unsealed": 1,
        "vault_active": 0,
        "vault_info/1.19.0+ent/prod/id": 1,
        "vault_standby": 1,
        "vault_performance_standby": 1,
        "vault_ha_connection_healthy": 1,
        "vault_removed_from_cluster": 0,
        "vault_replication_dr_primary": 0,
        "vault_replication_dr_secondary": 1,
        "vault_replication_performance_primary": 1,
        "vault_replication_performance_secondary": 0,
        "vault_clock_skew_seconds": 10.0,
        "vault_ha_clock_skew_seconds": -0.25,
        "vault_ha_echo_duration_seconds": 0.012,
        "vault_license_expiry_timestamp_seconds": 1798761600,
    }


@pytest.mark.parametrize("said", ['{"state":"none"}', '{"expiry_time":""}', '{"expiry_time":"soon"}', "null"])
def test_a_license_without_an_end_costs_nothing_else(said: str) -> None:
    plain = health_values(200, '{"initialized":true,"sealed":false}')
    assert health_values(200, f'{{"initialized":true,"sealed":false,"license":{said}}}') == plain


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        pytest.param(
            501,
            '{"initialized":false,"sealed":true,"standby":true}',
            {"vault_initialized": 0, "vault_sealed": 1, "vault_core_unsealed": 0, "vault_active": 0},
            id="not initialized",
        ),
        pytest.param(
            503,
            '{"initialized":true,"sealed":true,"standby":true,"version":"2.7.2"}',
            {"vault_initialized": 1, "vault_sealed": 1, "vault_core_unsealed": 0, "vault_active": 0},
            id="sealed",
        ),
        pytest.param(
            429,
            '{"initialized":true,"sealed":false,"standby":true}',
            {"vault_sealed": 0, "vault_core_unsealed": 1, "vault_active": 0, "vault_standby": 1},
            id="standby",
        ),
        pytest.param(
            200,
            '{"initialized":true}',
            {"vault_up": 1, "vault_sealed": 0, "vault_core_unsealed": 0, "vault_active": 0},
            id="says nothing of the seal",
        ),
        pytest.param(
            200,
            '{"initialized":true,"sealed":false,"a_field_of_the_future":{"x":[1]}}',
            {"vault_sealed": 0, "vault_core_unsealed": 1, "vault_active": 1},
            id="says nothing of standby: the status does",
        ),
    ],
)
def test_states(status: int, body: str, expected: dict[str, float]) -> None:
    seen = health_values(status, body)
    assert {name: seen[name] for name in expected} == expected


def test_absent_fields_give_no_samples() -> None:
    assert set(health_values(200, '{"initialized":true}')) == {
        "vault_up",
        "vault_health_status_code",
        "vault_initialized",
        "vault_sealed",
        "vault_core_unsealed",
        "vault_active",
        "vault_info///",
    }


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, '{"errors":["context deadline exceeded"]}', Reason.HTTP_5XX),
        (500, '{"errors":[]}', Reason.HTTP_5XX),
        (502, "<html>Bad Gateway</html>", Reason.PROXY_ERROR),
        (503, "no healthy upstream", Reason.PROXY_ERROR),
        (503, "", Reason.PROXY_ERROR),
        (504, '{"message":"The upstream server is timing out"}', Reason.PROXY_ERROR),
        (200, "<html>Welcome</html>", Reason.BAD_REPLY),
        (200, "", Reason.BAD_REPLY),
        (200, "[]", Reason.BAD_REPLY),
        (200, '{"initialized":"yes"}', Reason.BAD_REPLY),
        (200, '{"initialized":"\udcff"}', Reason.BAD_REPLY),
        (200, '{"sealed":false}', Reason.BAD_REPLY),
        (200, "[" * 400_000, Reason.BAD_REPLY),
        (400, "Client sent an HTTP request to an HTTPS server.\n", Reason.HTTP_4XX),
        (403, '{"errors":["permission denied"]}', Reason.PERMISSION_DENIED),
        (404, "404 page not found", Reason.NOT_FOUND),
    ],
)
def test_not_a_health_report(status: int, body: str, reason: Reason) -> None:
    reply = Answer("sys/health", status, body.encode(errors="surrogateescape"), SENT, 0.5)
    with pytest.raises(VaultError) as caught:
        health.parse(reply)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "wrong",
    [
        '"license":[1]',
        '"license":{"expiry_time":7}',
        '"version":7',
        '"cluster_name":{}',
        '"standby":"no"',
        '"performance_standby":0',
        '"replication_dr_mode":true',
        '"clock_skew_ms":"-250"',
        '"clock_skew_ms":1e999',
        f'"server_time_utc":{10**400}',
        f'"cluster_id":{"[" * 500}{"]" * 500}',
        '"a_field_of_the_future":1e999',
    ],
    ids=lambda wrong: wrong[:40],
)
def test_what_need_not_be_there_costs_nothing_else(wrong: str) -> None:
    plain = health_values(200, '{"initialized":true,"sealed":false}')
    assert health_values(200, f'{{"initialized":true,{wrong},"sealed":false}}') == plain


def test_a_failure_names_the_one_reason() -> None:
    state = NodeState(Reason.TLS)
    samples = tuple(state.samples(with_cluster=True))
    assert values(samples) == {"vault_up": 0, "vault_active": 0, "vault_sealed": 0, "vault_core_unsealed": 0}
    reasons = {sample.labels[0]: sample.value for sample in samples if sample.labels}
    assert reasons == {reason: reason == "tls" for reason in Reason}
    assert state.mode is Mode.DOWN


@pytest.mark.parametrize(
    ("state", "mode"),
    [
        (NodeState(Reason.TIMEOUT, seal=SealStatus(sealed=True)), Mode.DOWN),
        (NodeState(Reason.HTTP_5XX, health=Health(True, sealed=False, standby=True), status_code=429), Mode.DOWN),
        (NodeState(health=Health(False), status_code=501), Mode.UNINITIALIZED),
        (NodeState(health=Health(True, sealed=True), status_code=503), Mode.SEALED),
        (NodeState(health=Health(True, sealed=False, standby=False), seal=SealStatus(sealed=True)), Mode.SEALED),
        (NodeState(health=Health(True, sealed=False, standby=False), status_code=200), Mode.ACTIVE),
        (NodeState(health=Health(True, sealed=False), status_code=200), Mode.ACTIVE),
        (NodeState(health=Health(True, sealed=False, standby=True), status_code=429), Mode.STANDBY),
        (NodeState(health=Health(True, sealed=False, performance_standby=True), status_code=473), Mode.STANDBY),
        (NodeState(health=Health(True, sealed=True, standby=True), seal=SealStatus(sealed=False)), Mode.STANDBY),
        (NodeState(health=Health(True, sealed=False), status_code=472), Mode.UNSEALED),
    ],
)
def test_the_state_in_a_word(state: NodeState, mode: Mode) -> None:
    assert state.mode is mode


@pytest.mark.parametrize(
    ("seal_said", "sealed", "unsealed"),
    [(None, 0, 1), (SealStatus(sealed=True), 1, 0), (SealStatus(sealed=False), 0, 1)],
)
def test_the_seal_status_comes_before_the_health(seal_said: SealStatus | None, sealed: int, unsealed: int) -> None:
    state = NodeState(health=Health(True, sealed=False), status_code=200, seal=seal_said)
    seen = values(tuple(state.samples(with_cluster=False)))
    assert (seen["vault_sealed"], seen["vault_core_unsealed"]) == (sealed, unsealed)


def test_the_label_that_vault_gives_its_own_series() -> None:
    state = NodeState(health=Health(True, sealed=False), cluster_name="vault-cluster-1")
    assert "vault_core_unsealed/vault-cluster-1" in values(tuple(state.samples(with_cluster=True)))
    assert "vault_core_unsealed" in values(tuple(state.samples(with_cluster=False)))
    assert "vault_core_unsealed" in values(tuple(NodeState().samples(with_cluster=True)))


def test_seal_status_of_openbao() -> None:
    status = answer(
        200,
        '{"type":"shamir","initialized":true,"sealed":true,"t":2,"n":3,"progress":1,"nonce":"x","recovery_seal":false,'
        '"version":"2.7.2","commit_date":"2026-10-26T20:32:27Z","migration":false,"storage_type":"postgresql"}',
    ).json(SealStatus)
    assert values(tuple(seal.samples(status))) == {
        "vault_seal_info/shamir": 1,
        "vault_storage_info/postgresql": 1,
        "vault_seal_threshold": 2,
        "vault_seal_shares": 3,
        "vault_seal_progress": 1,
        "vault_seal_migration": 0,
        "vault_seal_recovery": 0,
    }


def test_seal_status_with_next_to_nothing() -> None:
    status = answer(200, '{"sealed":false,"t":"2","type":[],"migration":1}').report(SealStatus)
    assert status.sealed is False
    assert values(tuple(seal.samples(status))) == {}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"ha_enabled":false}', {"vault_ha_enabled": 0}),
        (
            (
                '{"ha_enabled":true,"is_self":true,"active_time":"2026-11-24T11:31:12.848989499Z",'
                '"leader_address":"http://127.0.0.1:8200","leader_cluster_address":"https://127.0.0.1:8201",'
                '"performance_standby":false,"raft_committed_index":42,"raft_applied_index":41}'
            ),
            {
                "vault_ha_enabled": 1,
                "vault_leader_is_self": 1,
                "vault_active_since_timestamp_seconds": pytest.approx(1795519872.848989),
                "vault_leader_raft_committed_index": 42,
                "vault_leader_raft_applied_index": 41,
            },
        ),
        (
            '{"ha_enabled":true,"is_self":false,"active_time":"0001-01-01T00:00:00Z","leader_address":""}',
            {"vault_ha_enabled": 1, "vault_leader_is_self": 0},
        ),
    ],
)
def test_leader(body: str, expected: dict[str, float]) -> None:
    assert values(tuple(leader.samples(answer(200, body).report(Leader)))) == expected


def test_the_table_has_each_name_once() -> None:
    names = [collector.name for collector in COLLECTORS]
    assert sorted(set(names)) == sorted(names)
