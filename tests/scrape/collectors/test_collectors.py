"""Which collectors run, on which nodes, and what is said of those that get nothing."""

import json
import re

import pytest

from tests.lab.fake_node import HEALTH, Node, StartExporter, target
from vault_exporter.config.schema.logins import UserpassAuth
from vault_exporter.config.schema.model import Collectors, Secret, Target, TokenAuth
from vault_exporter.config.schema.watched import Kv
from vault_exporter.demo.process import free_port
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collector_run import CollectorRun, CollectorRuns
from vault_exporter.scrape.collectors import Reading
from vault_exporter.vault.answer import Answer
from vault_exporter.vault.missing_paths import MissingPaths

AUTH = TokenAuth(token=Secret("hvs.planted"))
WITHOUT_TOKEN = {"sys/replication/status"}
OF_THE_NODE = {"sys/health", "sys/seal-status", "sys/leader", "sys/metrics"}
KEY_STATUS = '{"data":{"term":3,"install_time":"2026-11-24T11:31:12.5Z","encryptions":7}}'
ROTATION = '{"data":{"enabled":true,"interval":0,"max_operations":3865470566}}'
IN_FLIGHT = (
    '{"a":{"start_time":"2026-11-24T11:31:12Z","request_path":"/v1/sys/in-flight-req"},'
    '"b":{"start_time":"2026-11-24T11:30:00Z"}}'
)
MOUNTS = '{"data":{"secret/":{"type":"kv","options":{"version":"2"}}}}'


@pytest.fixture(autouse=True)
def answers(node: Node) -> None:
    node.answers |= {
        "sys/key-status": (200, KEY_STATUS),
        "sys/rotate/config": (200, ROTATION),
        "sys/mounts": (200, MOUNTS),
    }


def success(page: str, collector: str) -> tuple[int | None, str]:
    """Whether it succeeded, and the reason if not."""
    values = re.findall(rf'^vault_exporter_collector_success\{{collector="{collector}"\}} (\d)$', page, re.MULTILINE)
    reasons = re.findall(rf'failure_reason\{{collector="{collector}",reason="(\w+)"\}} 1$', page, re.MULTILINE)
    return (int(values[0]) if values else None), "".join(reasons)


def events(capsys: pytest.CaptureFixture[str], name: str) -> list[str]:
    """Log lines about a target, without colours."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    return [line for line in lines if f" target={name}" in line]


async def scraped(start: StartExporter, *targets: object) -> str:
    client = await start(*targets)
    return await (await client.get("/probe?target=n1")).text()


async def test_the_active_node_is_asked_for_its_cluster(node: Node, start_exporter: StartExporter) -> None:
    page = await scraped(start_exporter, target(node, auth=AUTH))
    assert "\nvault_barrier_key_term 3\n" in page
    assert "\nvault_barrier_key_install_timestamp_seconds 1795519872.5\n" in page
    assert success(page, "barrier_key") == (1, "")
    assert node.headers["sys/key-status"]["X-Vault-Token"] == "hvs.planted"


@pytest.mark.parametrize(
    ("status", "health"),
    [
        (429, HEALTH.replace('"standby":false', '"standby":true')),
        (473, HEALTH.replace('"performance_standby":false', '"performance_standby":true')),
        (472, HEALTH.replace('"replication_dr_mode":"disabled"', '"replication_dr_mode":"secondary"')),
        (503, HEALTH.replace('"sealed":false', '"sealed":true')),
        (501, '{"initialized":false,"sealed":true,"standby":true}'),
    ],
    ids=["standby", "performance standby", "DR secondary", "sealed", "not initialized"],
)
async def test_other_nodes_are_not_asked_and_have_not_failed(
    node: Node, start_exporter: StartExporter, status: int, health: str
) -> None:
    node.answers["sys/health"] = (status, health)
    page = await scraped(start_exporter, target(node, auth=AUTH))
    assert success(page, "barrier_key") == success(page, "mounts") == (1, "")
    assert "vault_barrier_key" not in page
    assert "vault_mounts" not in page
    assert not {"sys/key-status", "sys/mounts"} & set(node.calls)


@pytest.mark.parametrize(
    ("status", "changed", "asked"),
    [
        (200, {}, {"sys/host-info", "sys/in-flight-req", "sys/replication/status"}),
        (429, {"standby": "true"}, {"sys/host-info", "sys/in-flight-req"}),
        (473, {"performance_standby": "true"}, {"sys/host-info", "sys/in-flight-req"}),
        (472, {"replication_dr_mode": '"secondary"'}, {"sys/replication/status"}),
        (472, {"replication_dr_mode": '"secondary"', "standby": "true"}, set()),
        (503, {"sealed": "true"}, set()),
    ],
    ids=["active", "standby", "performance standby", "DR secondary", "standby of a DR secondary", "sealed"],
)
async def test_which_nodes_are_asked_about_themselves(
    node: Node, start_exporter: StartExporter, status: int, changed: dict[str, str], asked: set[str]
) -> None:
    health = HEALTH
    for key, value in changed.items():
        health = re.sub(rf'"{key}":[^,]+', f'"{key}":{value}', health)
    node.answers["sys/health"] = (status, health)
    page = await scraped(start_exporter, target(node, auth=AUTH))
    assert "\nvault_up 1\n" in page
    assert asked == {"sys/host-info", "sys/in-flight-req", "sys/replication/status"} & set(node.calls)


async def test_what_a_node_does_not_have_is_not_asked_at_every_scrape(
    node: Node, start_exporter: StartExporter
) -> None:
    client = await start_exporter(target(node, auth=AUTH))
    for _ in range(3):
        page = await (await client.get("/probe?target=n1")).text()
        assert success(page, "raft") == success(page, "autopilot") == (1, "")
    raft = {path: calls for path, calls in node.calls.items() if path.startswith("sys/storage/raft")}
    assert set(raft.values()) == {1}
    assert node.calls["sys/metrics"] == 3
    # Another active node may have another storage.
    active = node.answers["sys/health"]
    node.answers["sys/health"] = (429, HEALTH.replace('"standby":false', '"standby":true'))
    await client.get("/probe?target=n1")
    node.answers["sys/health"] = active
    await client.get("/probe?target=n1")
    assert {path: node.calls[path] for path in raft} == dict.fromkeys(raft, 2)


async def test_without_auth_they_do_not_run(node: Node, start_exporter: StartExporter) -> None:
    page = await scraped(start_exporter, target(node))
    assert success(page, "barrier_key") == (None, "")
    assert set(node.calls) == OF_THE_NODE | WITHOUT_TOKEN


async def test_with_a_token_file_that_is_not_there_they_fail_and_call_nobody(
    node: Node, start_exporter: StartExporter, tmp_path: object
) -> None:
    auth = TokenAuth(token_file=tmp_path / "token")  # type: ignore[operator]
    page = await scraped(start_exporter, target(node, auth=auth))
    assert success(page, "barrier_key") == (0, "login_failed")
    assert set(node.calls) == OF_THE_NODE | WITHOUT_TOKEN


async def test_a_node_that_is_down_is_asked_nothing_more(node: Node, start_exporter: StartExporter) -> None:
    node.answers["sys/health"] = (500, '{"errors":["context deadline exceeded"]}')
    page = await scraped(start_exporter, target(node, auth=AUTH))
    assert success(page, "barrier_key") == (0, "http_5xx")
    assert set(node.calls) == OF_THE_NODE | {"auth/token/lookup-self"}


async def test_a_node_that_goes_down_is_one_event_and_its_return_another(
    node: Node, start_exporter: StartExporter, capsys: pytest.CaptureFixture[str]
) -> None:
    auth = UserpassAuth(username="exporter", password=Secret("planted"))
    issued = '{"auth":{"client_token":"hvs.1","lease_duration":3600,"renewable":true}}'
    node.answers |= {
        "auth/userpass/login/exporter": (200, issued),
        "auth/token/lookup-self": (200, '{"data":{"ttl":3600}}'),
    }
    gone = Target("n2", f"http://127.0.0.1:{free_port()}", auth=auth)
    client = await start_exporter(target(node, auth=auth), gone)
    for _ in range(2):
        await client.get("/probe?target=n2")
    (event,) = events(capsys, "n2")
    assert "node is down" in event
    assert "reason=refused" in event
    await client.get("/probe?target=n1")
    capsys.readouterr()
    answers = dict(node.answers)
    error = (500, '{"errors":["context deadline exceeded"]}')
    for changed, said in ((dict.fromkeys(answers, error), "node is down"), (answers, "node answers again")):
        node.answers = changed
        for _ in range(2):
            await client.get("/probe?target=n1")
        (event,) = events(capsys, "n1")
        assert said in event


async def test_a_failed_login_is_one_event_for_all_collectors(
    node: Node, start_exporter: StartExporter, capsys: pytest.CaptureFixture[str]
) -> None:
    auth = UserpassAuth(username="exporter", password=Secret("planted"))
    node.answers["auth/userpass/login/exporter"] = (403, '{"errors":["permission denied"]}')
    client = await start_exporter(target(node, auth=auth))
    for _ in range(2):
        page = await (await client.get("/probe?target=n1")).text()
    assert success(page, "mounts") == (0, "login_failed")
    (event,) = events(capsys, "n1")
    assert "cannot log in" in event


def test_collectors_that_fail_alike_are_one_event(capsys: pytest.CaptureFixture[str]) -> None:
    good, late = CollectorRun(Reading(), None, 0.1), CollectorRun(None, Reason.TIMEOUT, 5.0, "no answer in time")
    runs = CollectorRuns("n1")
    for run, said in ((late, "collector gets nothing"), (late, ""), (good, "collector works again")):
        runs.report({"health": good, "mounts": run, "leases": run})
        found = events(capsys, "n1")
        assert len(found) == bool(said)
        assert all(said in event and "mounts, leases" in event for event in found)


async def test_a_refusal_names_the_path_and_what_to_grant(
    node: Node, start_exporter: StartExporter, capsys: pytest.CaptureFixture[str]
) -> None:
    node.answers["sys/key-status"] = (403, '{"errors":["permission denied"]}')
    page = await scraped(start_exporter, target(node, auth=AUTH))
    assert success(page, "barrier_key") == (0, "permission_denied")
    assert success(page, "mounts") == (1, "")
    log = capsys.readouterr().out
    assert "sys/key-status: HTTP 403" in log
    assert 'path "sys/key-status" { capabilities = ["read"] }' in log.replace("\\", "")
    assert "planted" not in log


@pytest.mark.parametrize(
    "answer",
    [
        (404, '{"errors":["1 error occurred:\\n\\t* unsupported path\\n\\n"]}'),
        (405, '{"errors":["unsupported operation"]}'),
        (404, "404 page not found"),
        (400, '{"errors":["cannot forward local-only request"]}'),
    ],
)
async def test_what_the_product_does_not_have_is_no_failure(
    node: Node, start_exporter: StartExporter, answer: tuple[int, str]
) -> None:
    node.answers |= {"sys/key-status": answer, "sys/rotate/config": answer}
    page = await scraped(start_exporter, target(node, auth=AUTH))
    assert success(page, "barrier_key") == (1, "")
    assert "vault_barrier_key" not in page


UNSUPPORTED = (404, '{"errors":["1 error occurred:\\n\\t* unsupported path\\n\\n"]}')


@pytest.mark.parametrize("answer", [UNSUPPORTED, (405, '{"errors":["unsupported operation"]}')])
@pytest.mark.parametrize(
    ("path", "changed"),
    [("sys/host-info", ('"version":"2.7.2"', '"version":"2.8.0"')), ("sys/key-status", ('"standby":false', ""))],
    ids=["version", "mode"],
)
async def test_a_path_that_the_server_lacks_is_requested_again_when_another_server_answers(
    node: Node, start_exporter: StartExporter, answer: tuple[int, str], path: str, changed: tuple[str, str]
) -> None:
    node.answers[path] = answer
    client = await start_exporter(
        target(node, auth=AUTH, collectors=Collectors(intervals={"barrier_key": 0.001, "host": 0.001}))
    )
    for _ in range(3):
        page = await (await client.get("/probe?target=n1")).text()
        assert success(page, "host") == success(page, "barrier_key") == (1, "")
    assert node.calls[path] == 1
    before, after = changed
    active = node.answers["sys/health"]
    if not after:  # the node loses the lead, and gets it back
        node.answers["sys/health"] = (429, HEALTH.replace(before, '"standby":true'))
        await client.get("/probe?target=n1")
        node.answers["sys/health"] = active
    else:
        node.answers["sys/health"] = (200, HEALTH.replace(before, after))
    await client.get("/probe?target=n1")
    assert node.calls[path] == 2


async def test_a_path_below_a_mount_may_appear_at_any_time(node: Node, start_exporter: StartExporter) -> None:
    watched = Kv(mount="secret", paths=("app",))
    node.answers["secret/metadata/app"] = UNSUPPORTED
    client = await start_exporter(
        target(node, auth=AUTH, collectors=Collectors(intervals={"kv": 0.001})), kv=(watched,)
    )
    for _ in range(2):
        await client.get("/probe?target=n1")
    assert node.calls["secret/metadata/app"] == 2


@pytest.mark.parametrize(
    ("path", "said"),
    [  # of OpenBao and of Vault with a Shamir seal
        ("sys/rotate/recovery/init", "unable to look up config: %!w(*errors.errorString=&{recovery not supported})"),
        ("sys/rekey-recovery-key/init", "recovery rekeying not supported"),
    ],
)
async def test_recovery_keys_that_the_seal_lacks_are_requested_once(
    node: Node, start_exporter: StartExporter, path: str, said: str
) -> None:
    node.answers |= {
        "sys/rotate/root/init": (200, '{"data":{"started":false,"t":0,"n":0,"progress":0,"required":1}}'),
        path: (400, json.dumps({"errors": [said]})),
    }
    client = await start_exporter(target(node, auth=AUTH, collectors=Collectors(intervals={"operations": 0.001})))
    for _ in range(3):
        page = await (await client.get("/probe?target=n1")).text()
        assert success(page, "operations") == (1, "")
    assert node.calls["sys/rotate/root/init"] == 3
    assert node.calls[path] == 1


async def test_an_hour_later_a_missing_path_is_requested_again() -> None:
    clock = iter((0.0, 3599.0, 3600.0, 3601.0))
    missing = MissingPaths(lambda: next(clock))
    answer = Answer("sys/host-info", *UNSUPPORTED[:1], UNSUPPORTED[1].encode(), 0.0, 0.0)
    missing.remember("sys/host-info", answer)
    assert missing.get("sys/host-info") is answer
    assert missing.get("sys/host-info") is None
    assert missing.get("sys/host-info") is None


@pytest.mark.parametrize("mode", ['"disabled"', '""', '"unsupported"', "null"])
async def test_replication_is_requested_where_the_health_shows_it(
    node: Node, start_exporter: StartExporter, mode: str
) -> None:
    node.answers["sys/health"] = (200, HEALTH.replace('_performance_mode":"primary"', f'_performance_mode":{mode}'))
    client = await start_exporter(target(node, auth=AUTH))
    page = await (await client.get("/probe?target=n1")).text()
    assert success(page, "replication") == (1, "")
    assert "sys/replication/status" not in node.calls
    node.answers["sys/health"] = (200, HEALTH)
    await client.get("/probe?target=n1")
    assert node.calls["sys/replication/status"] == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [((400, '{"errors":["who knows"]}'), "http_4xx"), ((200, '{"data":{}}'), "bad_reply"), ((307, ""), "redirect")],
)
async def test_other_answers_are_failures(
    node: Node, start_exporter: StartExporter, answer: tuple[int, str], reason: str
) -> None:
    node.answers["sys/key-status"] = answer
    assert success(await scraped(start_exporter, target(node, auth=AUTH)), "barrier_key") == (0, reason)


async def test_a_costly_reading_is_shown_until_the_next(node: Node, start_exporter: StartExporter) -> None:
    client = await start_exporter(target(node, auth=AUTH))
    first = await (await client.get("/probe?target=n1")).text()
    again = await (await client.get("/probe?target=n1")).text()
    assert node.calls["sys/mounts"] == 1
    assert node.calls["sys/metrics"] == 2
    for page in (first, again):
        assert '\nvault_mounts{type="kv",version="",deprecation_status=""} 1\n' in page
    taken = 'vault_exporter_collector_last_success_timestamp_seconds{collector="mounts"}'
    assert [line for line in again.splitlines() if line.startswith(taken)] == [
        line for line in first.splitlines() if line.startswith(taken)
    ]
    # A node that is no longer active has nothing to say about it, not even something old.
    node.answers["sys/health"] = (429, HEALTH.replace('"standby":false', '"standby":true'))
    assert "vault_mounts" not in await (await client.get("/probe?target=n1")).text()


async def test_collectors_are_switched_by_name(node: Node, start_exporter: StartExporter) -> None:
    node.answers["sys/audit"] = (200, '{"data":{"file/":{"type":"file","options":{"log_raw":"true"}}}}')
    chosen = Collectors(enable=("audit_devices",), disable=("mounts",), intervals={"barrier_key": 60.0})
    page = await scraped(start_exporter, target(node, auth=AUTH, collectors=chosen))
    assert '\nvault_audit_devices{type="file"} 1\n' in page
    assert '\nvault_audit_devices{type="socket"} 0\n' in page
    assert "\nvault_audit_devices_log_raw 1\n" in page
    assert success(page, "mounts") == (None, "")
    assert 'last_success_timestamp_seconds{collector="barrier_key"}' in page
    assert "sys/mounts" not in node.calls


@pytest.mark.parametrize(
    ("path", "collector", "body"),
    [
        ("sys/key-status", "barrier_key", KEY_STATUS.replace("3,", f"{10**400},")),
        ("sys/key-status", "barrier_key", KEY_STATUS.replace("2026-11-24T11:31:12.5Z", "0001-01-01T00:00:00")),
        ("sys/in-flight-req", "in_flight", IN_FLIGHT.replace("12Z", "12")),
        ("sys/host-info", "host", f'{{"data":{{"memory":{{"total":{10**400},"available":1,"used":1}}}}}}'),
    ],
)
async def test_a_number_or_a_time_that_is_none_is_a_bad_reply(
    node: Node, start_exporter: StartExporter, capsys: pytest.CaptureFixture[str], path: str, collector: str, body: str
) -> None:
    node.answers[path] = (200, body)
    page = await scraped(start_exporter, target(node, auth=AUTH))
    assert success(page, collector) == (0, "bad_reply")
    assert "Traceback" not in capsys.readouterr().out


async def test_a_node_that_does_not_answer_shows_no_last_reading(node: Node, start_exporter: StartExporter) -> None:
    client = await start_exporter(target(node, auth=AUTH))
    taken = 'vault_exporter_collector_last_success_timestamp_seconds{collector="mounts"}'

    async def probe(seconds: float) -> str:
        header = {"X-Prometheus-Scrape-Timeout-Seconds": str(seconds)}
        return await (await client.get("/probe?target=n1", headers=header)).text()

    page = await probe(20)
    assert "\nvault_mounts{" in page
    node.open.clear()
    page = await probe(1)
    assert '\nvault_up_failure_reason{reason="timeout"} 1\n' in page
    assert "\nvault_mounts{" not in page
    assert taken in page
    node.open.set()
    # With an answer, be it an error, the reading is there again, and is not asked for before its time.
    node.answers["sys/health"] = (500, '{"errors":["context deadline exceeded"]}')
    page = await probe(20)
    assert "\nvault_up 0\n" in page
    assert "\nvault_mounts{" in page
    node.answers["sys/health"] = (200, HEALTH)
    page = await probe(20)
    assert "\nvault_up 1\n" in page
    assert "\nvault_mounts{" in page
    assert node.calls["sys/mounts"] == 1
